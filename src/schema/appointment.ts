import { bookAppointment, rescheduleAppointment } from '../resolvers/appointment.ts';
import { BookingPayload } from './booking.ts';
import { builder } from './builder.ts';
import { runVerb } from './mutation.ts';

const BookAppointmentInput = builder.inputType('BookAppointmentInput', {
  fields: (t) => ({
    productId: t.id({ required: true }),
    start: t.field({
      type: 'DateTime',
      required: true,
      description: 'As timeSlots gives it; of operators any minute.',
    }),
    customerId: t.id({ description: 'Left out by a customer: for oneself.' }),
    notes: t.string({ description: 'At most 1000 characters.' }),
    idempotencyKey: t.string(),
  }),
});
const RescheduleAppointmentInput = builder.inputType('RescheduleAppointmentInput', {
  fields: (t) => ({
    bookingId: t.id({ required: true }),
    start: t.field({ type: 'DateTime', required: true }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  bookAppointment: t.field({
    type: BookingPayload,
    description:
      'Takes a time and makes an order for it, which ends by itself when it is not paid in time; what costs nothing is confirmed at once. A time that can not be had is refused with `details.alternatives` (TIME_TAKEN, TIME_NOT_OFFERED, OUTSIDE_NOTICE); a customer with as many unpaid ones as the tenant allows is refused (TOO_MANY_UNPAID).',
    args: { input: t.arg({ type: BookAppointmentInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => bookAppointment(ctx, input),
        (id) => ctx.loaders.booking.load(id),
      ),
  }),
  rescheduleAppointment: t.field({
    type: BookingPayload,
    description: 'Moves an appointment to another time; a customer no later than they could cancel it.',
    args: { input: t.arg({ type: RescheduleAppointmentInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => rescheduleAppointment(ctx, input),
        (id) => ctx.loaders.booking.load(id),
      ),
  }),
}));
