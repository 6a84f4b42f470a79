import { columns } from '../columns.ts';
import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import type { BookingPhase, BookingStatus } from '../domain/booking.ts';
import { notFound } from '../errors.ts';
import { appendEvent } from '../events.ts';
import type { BookingModel, OrderModel } from '../generated/prisma/models.ts';
import type { ProviderBookingIds } from '../integrations/travel.ts';
import { lockOrder } from './order-lock.ts';

/** What a change of a booking needs: the same for requests, notifications and jobs. */
export type Booking = Pick<App, 'clock' | 'newId' | 'log'>;

export const WHOLE_BOOKING = columns('Booking', 'b');

export interface LockedBooking {
  readonly order: OrderModel;
  readonly booking: BookingModel;
}

/** A provider's booking and its order, locked in the global order. @returns undefined for what is no booking at a provider */
export async function lockBooking(tx: Transaction, id: string): Promise<LockedBooking | undefined> {
  const locked = await lockAny(tx, id);
  return locked?.booking.phase === null ? undefined : locked;
}

async function lockAny(tx: Transaction, id: string): Promise<LockedBooking | undefined> {
  const found = await tx.maybeOne<{ orderId: string | null }>(
    `select order_id as "orderId" from bookings where tenant_id = current_tenant() and id = $1 and (phase is not null or kind = 'APPOINTMENT')`,
    [id],
  );
  if (!found?.orderId) return undefined;
  const order = await lockOrder(tx, found.orderId);
  const booking = await tx.one<BookingModel>(
    `select ${WHOLE_BOOKING} from bookings b where b.tenant_id = current_tenant() and b.id = $1 for update`,
    [id],
  );
  return { order, booking };
}

/** A provider's booking, or an appointment, and its order, locked in the global order. @throws NOT_FOUND */
export async function requireBooking(tx: Transaction, id: string, field: readonly string[]): Promise<LockedBooking> {
  const locked = await lockAny(tx, id);
  if (!locked) throw notFound('booking', field);
  return locked;
}

/** What may change of a booking; what is left out stays. */
export interface BookingChange {
  readonly status?: BookingStatus;
  readonly phase?: BookingPhase;
  readonly ids?: ProviderBookingIds | null;
  readonly holdExpiresAt?: Date | null;
  readonly syncStatus?: BookingModel['syncStatus'];
  readonly failureReason?: string;
  readonly cancelReason?: string | null;
  readonly providerRefundMinor?: bigint | null;
  /** Of a leg of a package: what of its amount goes back. */
  readonly refundDueMinor?: bigint | null;
  /** Who works at it alone until when; null: nobody any more. */
  readonly leasedUntil?: Date | null;
  /** When somebody has to look at it again; null: nobody. */
  readonly nextStepAt?: Date | null;
  readonly stepAttempts?: number;
}

const COLUMN_OF = {
  status: 'status',
  phase: 'phase',
  holdExpiresAt: 'hold_expires_at',
  syncStatus: 'sync_status',
  failureReason: 'failure_reason',
  cancelReason: 'cancel_reason',
  providerRefundMinor: 'provider_refund_minor',
  refundDueMinor: 'refund_due_minor',
  leasedUntil: 'leased_until',
  nextStepAt: 'next_step_at',
  stepAttempts: 'step_attempts',
} as const satisfies Partial<Record<keyof BookingChange, string>>;

/** Whether it is a package that decides what becomes of it, and of its money. */
export function isLeg({ packageId }: Pick<BookingModel, 'packageId'>): boolean {
  return packageId !== null;
}

/** Writes a change of a locked booking, and tells of its status where that is another now. What it is a leg of has to look. */
export function changeBooking(app: Booking, tx: Transaction, booking: BookingModel, change: BookingChange): void {
  const values: unknown[] = [booking.id];
  const set = (column: string, value: unknown): string => `${column} = $${values.push(value)}`;
  const named = Object.entries(COLUMN_OF).filter(([name]) => change[name as keyof BookingChange] !== undefined);
  const parts = named.map(([name, column]) => set(column, change[name as keyof BookingChange]));
  if (change.ids)
    parts.push(
      set('provider_reference', change.ids.providerReference),
      set('provider_keys', JSON.stringify(change.ids.keys)),
    );
  tx.later(
    `update bookings set ${[...parts, 'version = version + 1'].join(', ')} where tenant_id = current_tenant() and id = $1`,
    values,
  );
  if (isLeg(booking))
    tx.later('update packages set next_step_at = $2 where tenant_id = current_tenant() and id = $1', [
      booking.packageId,
      app.clock.now(),
    ]);
  if (change.status === undefined || change.status === booking.status) return;
  bookingMoved(app, tx, booking, {
    version: booking.version + 1,
    previousStatus: booking.status,
    status: change.status,
  });
}

/** Tells of a booking's new status. `version` is the booking's after the change; a new one comes from PENDING. */
export function bookingMoved(
  app: Booking,
  tx: Transaction,
  booking: Pick<BookingModel, 'id' | 'orderId' | 'customerId'>,
  { version, previousStatus, status }: { version: number; previousStatus: BookingStatus; status: BookingStatus },
): void {
  appendEvent(tx, {
    id: app.newId(),
    type: 'booking.status',
    aggregateType: 'Booking',
    aggregateId: booking.id,
    version,
    occurredAt: app.clock.now(),
    payload: { v: 1, orderId: booking.orderId, customerId: booking.customerId, previousStatus, status },
  });
  app.log.info({ tenant: tx.scope.tenantId, booking: booking.id, from: previousStatus, to: status }, 'booking moved');
}

/** What a package's order pays for has something to do: also where a refund ended, and the next can be asked for. */
export function wakePackage(
  app: Pick<Booking, 'clock'>,
  tx: Transaction,
  order: Pick<OrderModel, 'id' | 'type'>,
): void {
  if (order.type !== 'PACKAGE') return;
  tx.later('update packages set next_step_at = $2 where tenant_id = current_tenant() and order_id = $1', [
    order.id,
    app.clock.now(),
  ]);
}

/**
 * An order was paid or is over: its appointments are confirmed or given up, and its bookings at providers, or their package, have
 * something to do. In the transaction that changes the order.
 */
export async function wakeBookings(
  app: Booking,
  tx: Transaction,
  order: Pick<OrderModel, 'id' | 'type'>,
  becomes: 'PAID' | 'ENDED',
): Promise<void> {
  if (order.type === 'APPOINTMENT') return followOrder(app, tx, order.id, becomes);
  wakePackage(app, tx, order);
  if (order.type !== 'STAY' && order.type !== 'FLIGHT') return;
  tx.later(
    `update bookings set next_step_at = $2 where tenant_id = current_tenant() and order_id = $1 and phase in ('CHECKED', 'HELD')`,
    [order.id, app.clock.now()],
  );
}

// One that is confirmed, or came to its end, by a person's word stays so.
async function followOrder(app: Booking, tx: Transaction, orderId: string, becomes: 'PAID' | 'ENDED'): Promise<void> {
  const pending = await tx.query<BookingModel>(
    `select ${WHOLE_BOOKING} from bookings b where b.tenant_id = current_tenant() and b.order_id = $1 and b.kind = 'APPOINTMENT'
       and b.status = 'PENDING' order by b.id for update`,
    [orderId],
  );
  if (becomes === 'PAID' && pending.length === 0)
    app.log.warn({ tenant: tx.scope.tenantId, order: orderId }, 'paid for an appointment that does not wait for it');
  for (const booking of pending) {
    if (becomes === 'PAID') changeBooking(app, tx, booking, { status: 'CONFIRMED' });
    else {
      changeBooking(app, tx, booking, { status: 'CANCELLED', cancelReason: 'Its order was not paid.' });
      freePlace(tx, booking.id);
    }
  }
}

/** The time of an appointment is anybody's again. */
export function freePlace(tx: Transaction, bookingId: string): void {
  tx.later('delete from allocations where tenant_id = current_tenant() and booking_id = $1', [bookingId]);
}
