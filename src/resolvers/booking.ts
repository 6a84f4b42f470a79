import { authorize, actorName } from '../access.ts';
import { appendAudit } from '../audit.ts';
import type { Context } from '../context.ts';
import { mayBeSet, type BookingPhase, type BookingStatus } from '../domain/booking.ts';
import { AppError, invalidInput } from '../errors.ts';
import type { BookingKind } from '../generated/prisma/enums.ts';
import { decodeGlobalId, idOf } from '../global-id.ts';
import { BOOKING_COLUMNS, type BookingRow } from '../loaders.ts';
import { runOperation, type Done } from '../operations.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type PageArguments,
  type Paged,
} from '../paging.ts';
import { setAppointment } from './appointment-end.ts';
import { changeBooking, requireBooking } from './booking-change.ts';
import { cancelled, failBooking } from './booking-outcome.ts';

export interface BookingFilter {
  readonly status?: readonly BookingStatus[] | null;
  readonly kind?: readonly BookingKind[] | null;
  readonly customerId?: string | null;
  readonly providerSlug?: string | null;
  readonly startFrom?: Date | null;
  readonly startTo?: Date | null;
}

/** The tenant's bookings, newest first; a customer's own only. */
export async function listBookings(
  ctx: Context,
  filter: BookingFilter | null | undefined,
  args: PageArguments,
): Promise<Connection<BookingRow & Paged>> {
  authorize(ctx, 'booking.read');
  const page = pageArgs(args);
  const conditions = conditionsOf(filter ?? {}, ctx.scope.customerId);
  const values = conditions.map(({ value }) => value);
  const seek = keyset(page, 'b', values.length + 1);
  const where = conditions.map(({ text }, index) => `and ${text.replace('?', `$${index + 1}`)}`).join(' ');
  const rows = await ctx.reads.query<BookingRow & Paged>(
    `select ${BOOKING_COLUMNS}, ${cursorColumn('b')} from bookings b where b.tenant_id = current_tenant() ${where} ${seek.where} ${seek.tail}`,
    [...values, ...seek.values],
  );
  for (const row of rows) ctx.loaders.booking.prime(row.id, row);
  return toConnection(rows, page);
}

// No one's: a filter by an id that is nobody's finds nothing, as one by another tenant's does.
const NOBODY = '00000000-0000-0000-0000-000000000000';

function conditionsOf(filter: BookingFilter, customerId: string | null): { text: string; value: unknown }[] {
  const conditions: { text: string; value: unknown }[] = [];
  const add = (text: string, value: unknown) => conditions.push({ text, value });
  // Row-level security says the same; said here as well, the customer's own index is used.
  if (customerId !== null) add('b.customer_id = ?', customerId);
  if (filter.customerId) {
    const decoded = decodeGlobalId(filter.customerId);
    add('b.customer_id = ?', decoded?.typeName === 'User' ? decoded.id : NOBODY);
  }
  if (filter.status) add('b.status = any(?::booking_status[])', filter.status);
  if (filter.kind) add('b.kind = any(?::booking_kind[])', filter.kind);
  if (filter.providerSlug) add('b.provider_slug = ?', filter.providerSlug);
  if (filter.startFrom) add('b.starts_at >= ?', filter.startFrom);
  if (filter.startTo) add('b.starts_at < ?', filter.startTo);
  return conditions;
}

/** A booking by id or reference; null where there is none of the caller's. */
export async function readBooking(
  ctx: Context,
  by: { id?: string | null; reference?: string | null },
): Promise<BookingRow | null> {
  authorize(ctx, 'booking.read');
  if (by.id && by.reference) throw invalidInput('Ask by id or by reference, not by both.', ['reference']);
  if (by.id) {
    const decoded = decodeGlobalId(by.id);
    return decoded?.typeName === 'Booking' ? ctx.loaders.booking.load(decoded.id) : null;
  }
  if (!by.reference) throw invalidInput('Ask by id or by reference.', ['id']);
  const [row] = await ctx.reads.query<BookingRow>(
    `select ${BOOKING_COLUMNS} from bookings b where b.tenant_id = current_tenant() and b.reference = $1`,
    [by.reference],
  );
  return row ?? null;
}

export interface UpdateBookingStatusInput {
  readonly bookingId: string;
  readonly status: BookingStatus;
  readonly reason?: string | null;
  readonly providerReference?: string | null;
  readonly idempotencyKey?: string | null;
}

const REASON_MAX = 500;
const REFERENCE_MAX = 100;

/**
 * What a person found out about a booking, by telephone or at the desk: it is written down with its reason and audited.
 * The provider is not asked. FAILED and CANCELLED give the customer's money back as the terms have it.
 * @throws INVALID_STATE for a status it can't have next, or while a call to the provider is under way
 */
export async function updateBookingStatus(ctx: Context, input: UpdateBookingStatusInput): Promise<Done> {
  authorize(ctx, 'booking.change');
  const field = ['input', 'bookingId'];
  const id = idOf('Booking', input.bookingId, field);
  const reason = input.reason ?? null;
  if ((reason?.length ?? 0) > REASON_MAX || (input.providerReference?.length ?? 0) > REFERENCE_MAX)
    throw invalidInput(`A reason has at most ${REASON_MAX} characters, a reference ${REFERENCE_MAX}.`, [
      'input',
      'reason',
    ]);
  if (input.providerReference && input.status !== 'CONFIRMED')
    throw invalidInput('A reference belongs to a booking that is confirmed.', ['input', 'providerReference']);
  const done = await runOperation(ctx, 'updateBookingStatus', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const locked = await requireBooking(tx, id, field);
      const { booking } = locked;
      if (!mayBeSet(booking.status, input.status))
        throw new AppError('INVALID_STATE', `A booking that is ${booking.status} can not become ${input.status}.`, {
          details: { status: booking.status },
        });
      if (booking.leasedUntil !== null && booking.leasedUntil > ctx.app.clock.now())
        throw new AppError('INVALID_STATE', 'The provider is being asked about this booking; please wait a moment.');
      if (booking.kind === 'APPOINTMENT')
        await setAppointment(ctx, tx, locked, {
          status: input.status,
          reason,
          providerReference: input.providerReference ?? null,
        });
      else if (input.status === 'FAILED') await failBooking(ctx.app, tx, locked, 'PROVIDER_REJECTED');
      else if (input.status === 'CANCELLED') await cancelled(ctx.app, tx, locked, givenBack(booking));
      else setByHand(ctx, tx, locked, input);
      await closeInquiries(ctx, tx, id, input.status);
      await appendAudit(tx, {
        id: ctx.app.newId(),
        actor: actorName(ctx.actor),
        action: 'booking.status',
        target: `Booking:${id}`,
        before: { status: booking.status, phase: booking.phase },
        after: { status: input.status, reason },
        occurredAt: ctx.app.clock.now(),
      });
      return { type: 'Booking', id };
    }),
  );
  ctx.app.journal.wake();
  return done;
}

// What never came about costs nothing, whatever its terms; what stood ends by them.
function givenBack({ status, amountMinor, currencyCode }: Locked['booking']) {
  return status === 'PENDING' ? { refundMinor: amountMinor, currencyCode } : { refundMinor: null, currencyCode: null };
}

type Locked = Awaited<ReturnType<typeof requireBooking>>;
type Tx = Parameters<typeof requireBooking>[0];

function setByHand(ctx: Context, tx: Tx, { booking }: Locked, input: UpdateBookingStatusInput): void {
  const phase: BookingPhase = input.status === 'CONFIRMED' ? 'CONFIRMED' : 'ENDED';
  const reference = input.providerReference ?? booking.providerReference;
  changeBooking(ctx.app, tx, booking, {
    status: input.status,
    phase,
    syncStatus: 'SYNCED',
    leasedUntil: null,
    nextStepAt: null,
    ids: reference === null ? null : { providerReference: reference, keys: booking.providerKeys as never },
  });
}

// What a person decided needs no more looking up.
async function closeInquiries(ctx: Context, tx: Tx, id: string, status: BookingStatus): Promise<void> {
  const resolution = status === 'FAILED' ? 'NOT_DONE' : 'DONE';
  const closed = await tx.query<{ id: string }>(
    `update inquiries set resolution = $2::inquiry_resolution, note = 'decided by a person', next_look_up_at = null, resolved_at = $3
     where tenant_id = current_tenant() and about_type = 'Booking' and about_id = $1 and resolution in ('OPEN', 'HANDED_TO_PERSON')
     returning id`,
    [id, resolution, ctx.app.clock.now()],
  );
  if (closed.length === 0) return;
  await tx.query(
    `update operations set status = $2::operation_status, finished_at = $3
     where tenant_id = current_tenant() and inquiry_id = any($1) and status = 'UNKNOWN'`,
    [closed.map((inquiry) => inquiry.id), resolution === 'DONE' ? 'SUCCEEDED' : 'FAILED', ctx.app.clock.now()],
  );
}
