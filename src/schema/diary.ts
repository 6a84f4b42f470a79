import type { FreeTime } from '../domain/availability.ts';
import type { BookingRules } from '../domain/booking-rules.ts';
import { localTime, WEEKDAYS } from '../domain/business-hours.ts';
import { TIME_RULES } from '../domain/why-not.ts';
import { bookingRulesOf, updateBookingRules } from '../resolvers/booking-rules.ts';
import {
  businessHoursOf,
  updateBusinessHours,
  type ShownBusinessHours,
  type ShownHours,
} from '../resolvers/business-hours.ts';
import { timeSlots, whyNot, type TimeExplanation } from '../resolvers/diary.ts';
import { loadTenant } from '../resolvers/tenant.ts';
import { builder } from './builder.ts';
import { runVerb } from './mutation.ts';
import { TenantPayload } from './tenant.ts';

const WeekdayType = builder.enumType('Weekday', { description: 'A day of the week.', values: WEEKDAYS });
const TimeSlotRuleType = builder.enumType('TimeSlotRule', {
  description: 'What makes a time unavailable (BEY-6).',
  values: Object.fromEntries(
    Object.entries({
      HOURS: 'Closed then, or closing before it would be over.',
      EXCEPTION: 'The same, on this date only.',
      GRID: 'Open, but times begin at others.',
      NOTICE: 'Too soon, or over.',
      HORIZON: 'Too far ahead.',
      DAYLIGHT_SAVING: 'In the hour that is left out, without room because of it, or the second of two.',
      TAKEN: 'Somebody else has it.',
      BUFFER: 'Too close to another appointment.',
      OUT_OF_STOCK: 'Sold out.',
    } satisfies Record<(typeof TIME_RULES)[number], string>).map(([rule, description]) => [rule, { description }]),
  ) as Record<(typeof TIME_RULES)[number], { description: string }>,
});

const DayHours = builder.objectRef<ShownBusinessHours['days'][number]>('DayHours').implement({
  description: 'When a tenant is open on a weekday.',
  fields: (t) => ({
    day: t.expose('day', { type: WeekdayType }),
    open: t.field({ type: 'LocalTime', nullable: true, resolve: ({ open }: ShownHours) => open }),
    close: t.field({ type: 'LocalTime', nullable: true, resolve: ({ close }: ShownHours) => close }),
    closed: t.exposeBoolean('closed'),
  }),
});
const DateHours = builder.objectRef<ShownBusinessHours['exceptions'][number]>('DateHours').implement({
  description: 'When a tenant is open on a single date, whatever its weekday is.',
  fields: (t) => ({
    date: t.field({ type: 'Date', resolve: ({ date }) => date }),
    open: t.field({ type: 'LocalTime', nullable: true, resolve: ({ open }: ShownHours) => open }),
    close: t.field({ type: 'LocalTime', nullable: true, resolve: ({ close }: ShownHours) => close }),
    closed: t.exposeBoolean('closed'),
  }),
});
const BusinessHoursType = builder.objectRef<ShownBusinessHours>('BusinessHours').implement({
  description: "When a tenant is open, in its own time zone's clock (TEN-5).",
  fields: (t) => ({
    days: t.field({ type: [DayHours], description: 'Monday first.', resolve: ({ days }) => [...days] }),
    exceptions: t.field({
      type: [DateHours],
      description: 'Holidays and the like, earliest first.',
      resolve: ({ exceptions }) => [...exceptions],
    }),
  }),
});

const BookingRulesType = builder.objectRef<BookingRules>('BookingRules').implement({
  description: 'How a tenant offers its time (TEN-5).',
  fields: (t) => ({
    advanceBookingDays: t.exposeInt('advanceBookingDays', { description: 'How many days ahead customers may book.' }),
    minAdvanceHours: t.exposeInt('minAdvanceHours', { description: 'How long before its start customers may book.' }),
    maxAdvanceDays: t.exposeInt('maxAdvanceDays', { description: 'How many days ahead operators may book.' }),
    slotDurationMinutes: t.exposeInt('slotDurationMinutes', { description: 'Where a service says nothing else.' }),
    bufferMinutes: t.exposeInt('bufferMinutes', {
      description: 'Kept free behind each; where a service says nothing else.',
    }),
    capacity: t.exposeInt('capacity', {
      description: 'How many at once; where a service or its resources say nothing else.',
    }),
    cancelNoticeHours: t.exposeInt('cancelNoticeHours', {
      description: 'How long before its start a customer may still cancel or move an appointment.',
    }),
    holdMinutes: t.exposeInt('holdMinutes', { description: 'How long a time is kept for somebody who has not paid.' }),
    maxUnpaidAppointments: t.exposeInt('maxUnpaidAppointments', {
      description: 'How many appointments a customer may hold at once without having paid.',
    }),
    maxUnpaidOrders: t.exposeInt('maxUnpaidOrders', {
      description:
        'How many orders of products, which hold stock, a customer may have open at once without having paid.',
    }),
  }),
});

builder.prismaObjectFields('Tenant', (t) => ({
  businessHours: t.field({
    type: BusinessHoursType,
    select: { businessHours: true, hoursExceptions: true },
    resolve: (tenant, _args, ctx) => businessHoursOf(ctx, tenant),
  }),
  bookingRules: t.field({
    type: BookingRulesType,
    select: { bookingRules: true },
    resolve: (tenant, _args, ctx) => bookingRulesOf(ctx, tenant),
  }),
}));

const TimeSlot = builder.objectRef<FreeTime>('TimeSlot').implement({
  description: 'A time that can be booked.',
  fields: (t) => ({
    start: t.field({ type: 'DateTime', resolve: ({ fromMs }) => new Date(fromMs) }),
    end: t.field({ type: 'DateTime', resolve: ({ toMs }) => new Date(toMs) }),
    localStart: t.field({
      type: 'LocalTime',
      description: 'What the clock shows where the tenant is.',
      resolve: ({ minute }) => localTime(minute),
    }),
    remaining: t.exposeInt('remaining', { description: 'How often it can be booked yet.' }),
  }),
});

const TimeSlotExplanation = builder.objectRef<TimeExplanation>('TimeSlotExplanation').implement({
  description: 'Why a time can not be booked (BEY-6).',
  fields: (t) => ({
    available: t.exposeBoolean('available'),
    rule: t.field({ type: TimeSlotRuleType, nullable: true, resolve: ({ rule }) => rule }),
    detail: t.exposeString('detail', { description: 'A sentence for people.' }),
    alternatives: t.field({
      type: [TimeSlot],
      description: 'The nearest times that are free.',
      resolve: (explanation) => [...explanation.alternatives],
    }),
  }),
});

builder.queryFields((t) => ({
  timeSlots: t.field({
    type: [TimeSlot],
    description:
      'The free times of a service, or by the tenant’s rules alone, on at most 62 days; by the rules for operators where one asks. [public]',
    args: {
      productId: t.arg.id(),
      from: t.arg({ type: 'Date', required: true }),
      to: t.arg({ type: 'Date', required: true, description: 'The last day, not the one behind it.' }),
    },
    resolve: (_root, { productId, from, to }, ctx) => timeSlots(ctx, { productId: productId ?? null, from, to }),
  }),
  whyNot: t.field({
    type: TimeSlotExplanation,
    description: 'Whether a time can be booked, the rule that forbids it, and what is free instead. [public]',
    args: { productId: t.arg.id({ required: true }), start: t.arg({ type: 'DateTime', required: true }) },
    resolve: (_root, args, ctx) => whyNot(ctx, args),
  }),
}));

const DayHoursInput = builder.inputType('DayHoursInput', {
  description: 'Either open and close, or closed.',
  fields: (t) => ({
    day: t.field({ type: WeekdayType, required: true }),
    open: t.field({ type: 'LocalTime' }),
    close: t.field({ type: 'LocalTime', description: 'On the same day; 24:00 is its end.' }),
    closed: t.boolean(),
  }),
});
const DateHoursInput = builder.inputType('DateHoursInput', {
  description: 'Either open and close, or closed; or nothing, and the date goes back to its weekday’s hours.',
  fields: (t) => ({
    date: t.field({ type: 'Date', required: true }),
    open: t.field({ type: 'LocalTime' }),
    close: t.field({ type: 'LocalTime' }),
    closed: t.boolean(),
  }),
});
const UpdateBusinessHoursInput = builder.inputType('UpdateBusinessHoursInput', {
  description: 'Days and dates that are not named stay.',
  fields: (t) => ({
    tenantId: t.id(),
    days: t.field({ type: [DayHoursInput], required: true }),
    exceptions: t.field({ type: [DateHoursInput] }),
    idempotencyKey: t.string(),
  }),
});
const UpdateBookingRulesInput = builder.inputType('UpdateBookingRulesInput', {
  description: 'What is left out stays.',
  fields: (t) => ({
    tenantId: t.id(),
    advanceBookingDays: t.int({ description: '0: today only.' }),
    minAdvanceHours: t.int(),
    maxAdvanceDays: t.int(),
    slotDurationMinutes: t.int(),
    bufferMinutes: t.int(),
    capacity: t.int(),
    cancelNoticeHours: t.int(),
    holdMinutes: t.int(),
    maxUnpaidAppointments: t.int({
      description: '1 to 1000. Whoever has so many is refused another (TOO_MANY_UNPAID).',
    }),
    maxUnpaidOrders: t.int({ description: '1 to 1000. Whoever has so many is refused another (TOO_MANY_UNPAID).' }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  updateBusinessHours: t.field({
    type: TenantPayload,
    description: 'Changes when the tenant is open; what is booked stays. [tenantAdmin]',
    args: { input: t.arg({ type: UpdateBusinessHoursInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => updateBusinessHours(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
  updateBookingRules: t.field({
    type: TenantPayload,
    description: 'Changes how time is offered; what is booked stays. [tenantAdmin]',
    args: { input: t.arg({ type: UpdateBookingRulesInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => updateBookingRules(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
}));
