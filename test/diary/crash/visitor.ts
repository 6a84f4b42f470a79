import type { Ask } from '../../helpers/raging.ts';
import type { Random } from '../../live/storm/random.ts';

/** One who books a time, may move it, pay for it or give it up, or walks away; every mutation has a key and is repeated until it is answered. */

export interface Diary {
  readonly ask: Ask;
  /** Tokens, renewed before they end. */
  customer: string;
  operator: string;
  readonly customerId: string;
  readonly walletMethodId: string;
  /** Global ids. */
  readonly services: readonly string[];
  /** The first moment that is booked, a whole hour. */
  readonly firstMs: number;
  readonly random: Random;
  /** What visitors were told, by how it ended. */
  readonly told: Record<string, number>;
  readonly appointments: Appointment[];
}

/** As far as its visitor was told. */
export interface Appointment {
  readonly id: string;
  start: string;
  end: 'paid' | 'cancelled' | 'left';
}

const BOOKED = '{ booking { id status start order { id } } userErrors { code } }';
const BOOK = `mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) ${BOOKED} }`;
const MOVE = `mutation ($input: RescheduleAppointmentInput!) { rescheduleAppointment(input: $input) ${BOOKED} }`;
const CANCEL = `mutation ($input: CancelBookingInput!) { cancelBooking(input: $input) ${BOOKED} }`;
const PAY = 'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { status } userErrors { code } } }';

const HOUR_MS = 3_600_000;
const HOURS = 40;

/** @returns whether they got a time */
export async function visitOnce(diary: Diary, name: string): Promise<boolean> {
  const { random } = diary;
  const booking = await book(diary, name);
  if (!booking) return false;
  const appointment: Appointment = { id: booking.id, start: booking.start, end: 'left' };
  diary.appointments.push(appointment);
  if (random.chance(0.45)) await move(diary, name, appointment);
  if (random.chance(0.4)) await pay(diary, name, booking.order.id, appointment);
  if (random.chance(0.35)) await cancel(diary, name, appointment);
  return true;
}

/** Customers at a whole hour, staff at any five minutes: what they take lies across what others want. */
function anyTime({ random, firstMs }: Diary, isStaff: boolean): string {
  const hour = firstMs + random.between(0, HOURS) * HOUR_MS;
  return new Date(isStaff ? hour + random.between(0, 11) * 5 * 60_000 : hour).toISOString();
}

async function book(diary: Diary, name: string): Promise<any> {
  const { ask, random, customer, operator, customerId } = diary;
  const isStaff = random.chance(0.4);
  const input = {
    productId: random.pick(diary.services),
    start: anyTime(diary, isStaff),
    idempotencyKey: `${name}-book`,
    ...(isStaff && { customerId }),
  };
  const { bookAppointment } = await ask(isStaff ? operator : customer, BOOK, { input });
  return counted(diary, 'book', bookAppointment).booking;
}

async function move(diary: Diary, name: string, appointment: Appointment): Promise<void> {
  const isStaff = diary.random.chance(0.5);
  const input = { bookingId: appointment.id, start: anyTime(diary, isStaff), idempotencyKey: `${name}-move` };
  const token = isStaff ? diary.operator : diary.customer;
  const { rescheduleAppointment } = await diary.ask(token, MOVE, { input });
  const { booking } = counted(diary, 'move', rescheduleAppointment);
  if (booking) appointment.start = booking.start;
}

async function pay(diary: Diary, name: string, orderId: string, appointment: Appointment): Promise<void> {
  const input = { orderId, methodId: diary.walletMethodId, idempotencyKey: `${name}-pay` };
  const { payOrder } = await diary.ask(diary.customer, PAY, { input });
  if (counted(diary, 'pay', payOrder).payment?.status === 'PAID') appointment.end = 'paid';
}

async function cancel(diary: Diary, name: string, appointment: Appointment): Promise<void> {
  const token = diary.random.chance(0.5) ? diary.operator : diary.customer;
  const input = { bookingId: appointment.id, idempotencyKey: `${name}-cancel` };
  const { cancelBooking } = await diary.ask(token, CANCEL, { input });
  if (counted(diary, 'cancel', cancelBooking).booking) appointment.end = 'cancelled';
}

function counted(diary: Diary, what: string, payload: any): any {
  const code = payload.userErrors[0]?.code;
  const name = code ? `${what}: ${code}` : what;
  diary.told[name] = (diary.told[name] ?? 0) + 1;
  return payload;
}
