/** How a tenant offers its time (TEN-5): what customers and operators may book, and how a day is cut into times. */
import { invalidInput } from '../errors.ts';

export interface BookingRules {
  /** How many days ahead customers may book; 0: today only. */
  readonly advanceBookingDays: number;
  /** How long before its start a time may be booked at the latest, by customers. */
  readonly minAdvanceHours: number;
  /** How many days ahead operators may book. */
  readonly maxAdvanceDays: number;
  readonly slotDurationMinutes: number;
  /** Kept free behind each appointment. */
  readonly bufferMinutes: number;
  /** How many appointments at once, where no resource says so. */
  readonly capacity: number;
  /** How long before its start a customer may still cancel or move an appointment. */
  readonly cancelNoticeHours: number;
  /** How long a time is kept for somebody who has not paid. */
  readonly holdMinutes: number;
  /** How many appointments a customer may hold at once without having paid. */
  readonly maxUnpaidAppointments: number;
  /** The same for orders of products, which hold stock. */
  readonly maxUnpaidOrders: number;
}

export const RULES_UNSET: BookingRules = {
  advanceBookingDays: 30,
  minAdvanceHours: 2,
  maxAdvanceDays: 365,
  slotDurationMinutes: 60,
  bufferMinutes: 0,
  capacity: 1,
  cancelNoticeHours: 24,
  holdMinutes: 30,
  maxUnpaidAppointments: 5,
  maxUnpaidOrders: 5,
};

/** The least and the most of each; the database has the same. */
export const RULE_BOUNDS: Readonly<Record<keyof BookingRules, readonly [number, number]>> = {
  advanceBookingDays: [0, 3_650],
  minAdvanceHours: [0, 8_760],
  maxAdvanceDays: [1, 3_650],
  slotDurationMinutes: [5, 1_440],
  bufferMinutes: [0, 1_440],
  capacity: [1, 1_000],
  cancelNoticeHours: [0, 8_760],
  holdMinutes: [1, 10_080],
  maxUnpaidAppointments: [1, 1_000],
  maxUnpaidOrders: [1, 1_000],
};
export const RULE_NAMES = Object.keys(RULE_BOUNDS) as (keyof BookingRules)[];

/** @throws INVALID_INPUT naming the field */
export function checkedBookingRules(rules: BookingRules): BookingRules {
  for (const name of RULE_NAMES) {
    const [least, most] = RULE_BOUNDS[name];
    if (!Number.isInteger(rules[name]) || rules[name] < least || rules[name] > most)
      throw invalidInput(`${name} is a whole number from ${least} to ${most}.`, ['input', name]);
  }
  if (rules.advanceBookingDays > rules.maxAdvanceDays)
    throw invalidInput('Customers can not book further ahead than operators (maxAdvanceDays).', [
      'input',
      'advanceBookingDays',
    ]);
  return rules;
}

/** By whose rules: staff may book at any minute of the day, also at once and further ahead. */
export type Booker = 'CUSTOMER' | 'STAFF';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The first moment at which an appointment may begin. Staff also write down who has just walked in. */
export function earliestStart(rules: BookingRules, booker: Booker, nowMs: number): number {
  return booker === 'STAFF' ? nowMs - DAY_MS : nowMs + rules.minAdvanceHours * HOUR_MS;
}

/** How many days after today the last day is on which an appointment may begin. */
export function horizonDays(rules: BookingRules, booker: Booker): number {
  return booker === 'STAFF' ? rules.maxAdvanceDays : rules.advanceBookingDays;
}

/** Whether a customer may still cancel or move an appointment: up to the very moment that the notice begins. */
export function isInCancelNotice(rules: BookingRules, startMs: number, nowMs: number): boolean {
  return nowMs > startMs - rules.cancelNoticeHours * HOUR_MS;
}
