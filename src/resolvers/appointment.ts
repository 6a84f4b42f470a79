import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { isInCancelNotice } from '../domain/booking-rules.ts';
import type { Asking } from '../domain/diary.ts';
import { formatOrderNumber } from '../domain/numbering.ts';
import { priceOrder, type TaxProfile } from '../domain/order-price.ts';
import { AppError, invalidInput } from '../errors.ts';
import type { BookingModel } from '../generated/prisma/models.ts';
import { requireFeature } from '../features.ts';
import { idOf } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';
import { findPlace, orTaken, takePlace, type Place } from './appointment-place.ts';
import { bookingMoved, freePlace, requireBooking } from './booking-change.ts';
import { customerOf } from './customer.ts';
import { readDiary, type ReadDiary, type Service } from './diary-read.ts';
import { askingOf } from './diary.ts';
import { lockOrder, nextNumber } from './order-lock.ts';
import { insertItems, insertOrder, issue, type Ordering } from './order-write.ts';
import { takeStock } from './stock.ts';
import { requireFewUnpaid } from './unpaid-cap.ts';

export interface BookAppointmentInput {
  readonly productId: string;
  readonly start: Date;
  readonly customerId?: string | null;
  readonly notes?: string | null;
  readonly idempotencyKey?: string | null;
}

const NOTES_MAX = 1_000;
const MINUTE_MS = 60_000;

/**
 * Books a time of a service (TEN-9): takes the place and writes the booking, PENDING, with an order that ends by itself when nobody
 * pays in time. What costs nothing is confirmed at once. Staff may book for a customer, at any minute.
 * @throws TIME_TAKEN, TIME_NOT_OFFERED and OUTSIDE_NOTICE with alternatives, OUT_OF_STOCK, NOT_FOUND, INVALID_INPUT, TOO_MANY_UNPAID
 */
export async function bookAppointment(ctx: Context, input: BookAppointmentInput): Promise<Done> {
  authorize(ctx, 'booking.create');
  const field = ['input', 'productId'];
  const productId = idOf('Product', input.productId, field);
  if ((input.notes?.length ?? 0) > NOTES_MAX)
    throw invalidInput(`Notes have at most ${NOTES_MAX} characters.`, ['input', 'notes']);
  const startMs = startOf(input.start);
  const asking = askingOf(ctx);
  const about = { asking, startMs, productId: () => productId };
  return runOperation(ctx, 'bookAppointment', { ...input }, async (operation) => {
    await requireFeature(ctx, 'booking');
    return orTaken(ctx, about, () =>
      operation.once(async (tx) => {
        const customerId = await customerOf(tx, ctx.actor, input.customerId ?? null);
        const diary = await readDiary(tx, asking, { productId, window: { startMs }, field });
        // Before any place is locked; what costs nothing is nobody's debt.
        if (asking.booker === 'CUSTOMER' && diary.service!.priceMinor > 0n)
          await requireFewUnpaid(tx, 'maxUnpaidAppointments', { customerId, rules: diary.rules });
        const place = await findPlace(ctx.app, tx, diary, { asking, startMs, except: null });
        const expiresAt = heldUntil(ctx.app.clock.now(), diary, place);
        const id = await writeAppointment(ctx.app, tx, {
          diary,
          place,
          customerId,
          notes: input.notes ?? null,
          expiresAt,
        });
        return { type: 'Booking', id };
      }),
    );
  });
}

function startOf(start: Date): number {
  if (start.getTime() % MINUTE_MS !== 0) throw invalidInput('A time begins at a whole minute.', ['input', 'start']);
  return start.getTime();
}

export interface NewAppointment {
  /** Of a service. */
  readonly diary: ReadDiary;
  readonly place: Place;
  readonly customerId: string;
  readonly notes: string | null;
  /** When its order ends by itself if nobody has paid. */
  readonly expiresAt: Date;
}

/** The same for commands, in a transaction of the tenant's that has found the place. @returns the booking's id @throws OUT_OF_STOCK */
export async function writeAppointment(
  app: Ordering,
  tx: Transaction,
  { diary, place, customerId, notes, expiresAt }: NewAppointment,
): Promise<string> {
  const service = diary.service!;
  const order = await writeOrder(app, tx, service, customerId);
  await takeStock(app, tx, order.id, [{ productId: service.id, quantity: 1 }]);
  const id = app.newId();
  const number = formatOrderNumber('BKG', await nextNumber(tx, 'BOOKING'));
  tx.later(
    `insert into bookings (tenant_id, id, reference, kind, status, customer_id, order_id, starts_at, ends_at, amount_minor, currency_code,
       guests, created_at, product_id, notes)
     values (current_tenant(), $1, $2, 'APPOINTMENT', 'PENDING', $3, $4, $5, $6, $7, $8, '[]', $9, $10, $11)`,
    [
      id,
      number,
      customerId,
      order.id,
      new Date(place.span.fromMs),
      new Date(place.span.toMs),
      order.totalMinor,
      service.currencyCode,
      app.clock.now(),
      service.id,
      notes,
    ],
  );
  takePlace(app, tx, id, place);
  const about = { id, orderId: order.id, customerId };
  bookingMoved(app, tx, about, { version: 1, previousStatus: 'PENDING', status: 'PENDING' });
  await issue(app, tx, await lockOrder(tx, order.id), expiresAt);
  return id;
}

/** Nobody pays for a time that has begun; what staff enter afterwards is kept as long as any other. */
function heldUntil(now: Date, { rules }: ReadDiary, { span }: Place): Date {
  const untilMs = now.getTime() + rules.holdMinutes * MINUTE_MS;
  return new Date(span.fromMs > now.getTime() ? Math.min(untilMs, span.fromMs) : untilMs);
}

async function writeOrder(
  app: Ordering,
  tx: Transaction,
  service: Service,
  customerId: string,
): Promise<{ id: string; totalMinor: bigint }> {
  const { currencyCode, priceMinor: unitPriceMinor, taxRate, name, id: productId } = service;
  const tenant = await tx.one<{ tax: TaxProfile; locale: string }>(
    'select tax_profile as tax, locale from tenants where id = current_tenant()',
  );
  const lines = [{ quantity: 1, unitPriceMinor, taxRate }];
  const priced = priceOrder({ currencyCode, taxProfile: tenant.tax, lines });
  const id = await insertOrder(app, tx, { type: 'APPOINTMENT', customerId, currencyCode, priced });
  // The time is the booking's: it may be moved, and what an order says may not.
  const item = { description: [{ locale: tenant.locale, text: name }], quantity: 1, productId };
  await insertItems(tx, id, [item], lines, priced);
  return { id, totalMinor: priced.totalMinor };
}

export interface RescheduleAppointmentInput {
  readonly bookingId: string;
  readonly start: Date;
  readonly idempotencyKey?: string | null;
}

/**
 * Moves an appointment to another time, by the same rules as a new one; a customer no later than they could cancel it. The old time is
 * free in the same moment.
 * @throws TIME_TAKEN, TIME_NOT_OFFERED, OUTSIDE_NOTICE, INVALID_STATE, NOT_FOUND
 */
export async function rescheduleAppointment(ctx: Context, input: RescheduleAppointmentInput): Promise<Done> {
  authorize(ctx, 'booking.cancel');
  const field = ['input', 'bookingId'];
  const id = idOf('Booking', input.bookingId, field);
  const startMs = startOf(input.start);
  const asking = askingOf(ctx);
  let productId: string | null = null;
  return runOperation(ctx, 'rescheduleAppointment', { ...input }, (operation) =>
    orTaken(ctx, { asking, startMs, productId: () => productId }, () =>
      operation.once(async (tx) => {
        const { booking } = await requireBooking(tx, id, field);
        requireMovable(booking);
        productId = booking.productId;
        const diary = await readDiary(tx, asking, { productId, window: { startMs }, field, except: id });
        requireNotice(diary, asking, booking);
        // What it is sold for it has already.
        const place = await findPlace(ctx.app, tx, { ...diary, stock: null }, { asking, startMs, except: id });
        freePlace(tx, id);
        takePlace(ctx.app, tx, id, place);
        move(ctx, tx, booking, place);
        return { type: 'Booking', id };
      }),
    ),
  );
}

function requireMovable({ kind, status }: BookingModel): void {
  if (kind !== 'APPOINTMENT')
    throw new AppError('INVALID_STATE', 'Only appointments are moved.', { details: { kind } });
  if (status !== 'PENDING' && status !== 'CONFIRMED')
    throw new AppError('INVALID_STATE', `An appointment that is ${status} can not be moved.`, { details: { status } });
}

function requireNotice({ rules }: ReadDiary, { booker, nowMs }: Asking, { startsAt }: BookingModel): void {
  if (booker === 'CUSTOMER' && isInCancelNotice(rules, startsAt.getTime(), nowMs))
    throw tooLate(rules.cancelNoticeHours);
}

/** A customer comes too late to cancel or move. */
export function tooLate(cancelNoticeHours: number): AppError {
  return new AppError('OUTSIDE_NOTICE', `This is possible up to ${cancelNoticeHours} hours before. Please call.`, {
    details: { cancelNoticeHours },
  });
}

function move(ctx: Context, tx: Transaction, booking: BookingModel, { span }: Place): void {
  tx.later(
    `update bookings set starts_at = $2, ends_at = $3, version = version + 1 where tenant_id = current_tenant() and id = $1`,
    [booking.id, new Date(span.fromMs), new Date(span.toMs)],
  );
  // Its hold ends with its time, wherever that is now.
  tx.later(
    `update orders set expires_at = $2 where tenant_id = current_tenant() and id = $1 and expires_at > $2 and $2 > $3::timestamptz`,
    [booking.orderId, new Date(span.fromMs), ctx.app.clock.now()],
  );
  const { status, version } = booking;
  bookingMoved(ctx.app, tx, booking, { version: version + 1, previousStatus: status, status });
}
