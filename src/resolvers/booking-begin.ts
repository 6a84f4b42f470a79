import { actorName, authorize } from '../access.ts';
import type { App, Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { attemptReference, payableUntil } from '../domain/booking.ts';
import { formatAmount } from '../domain/money.ts';
import { formatOrderNumber } from '../domain/numbering.ts';
import { priceOrder, type TaxProfile } from '../domain/order-price.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import type { BookingModel, OrderModel } from '../generated/prisma/models.ts';
import type { Outcome } from '../integrations/contract.ts';
import type { CheckedOffer, Guest, Passenger, Traveller } from '../integrations/travel.ts';
import type { Offer } from '../offers.ts';
import { runOperation, type Done, type OperationHandle } from '../operations.ts';
import { bookThere, type KeptContact, type KeptOffer } from './booking-call.ts';
import { bookingMoved, WHOLE_BOOKING } from './booking-change.ts';
import { recordBooking } from './booking-outcome.ts';
import { BOOKING_LEASE_MS } from './booking-step.ts';
import { customerOf } from './customer.ts';
import { lockOrder, nextNumber } from './order-lock.ts';
import { insertItems, insertOrder, issue } from './order-write.ts';

/** What is to be booked and for whom, whichever its kind; read and checked by the verb. */
export interface Wanted {
  readonly offer: Offer;
  readonly guests: readonly Guest[];
  readonly passengers: readonly Passenger[] | null;
  readonly contactEmail: string;
  readonly contactPhone: string | null;
  readonly specialRequests: string | null;
  readonly traveller: Traveller;
  readonly descriptions: readonly { readonly locale: string; readonly text: string }[];
  readonly startsAt: Date;
  readonly endsAt: Date;
}

/** A booking as it is wished for. */
export interface BookingWish extends Wanted {
  readonly mutation: 'bookStay' | 'bookFlight';
  readonly input: Readonly<Record<string, unknown>>;
  /** The most the caller will pay. */
  readonly maxTotalMinor: bigint;
  /** Global id, as given. */
  readonly customerId: string | null;
  readonly orderType: 'STAY' | 'FLIGHT';
}

export type Available = Extract<CheckedOffer, { token: unknown }>;

const CHECK_LIMIT_MS = 25_000;

/**
 * Books an offer (decisions.md, "Money"): asks for its price once more, writes booking and order, and then either leaves
 * the provider for when it is paid, reserves it there, or books it at once, as provider and tenant have it.
 * @throws OFFER_EXPIRED, PRICE_CHANGED (with the new price), SOLD_OUT, PROVIDER_UNAVAILABLE, PROVIDER_REJECTED, OUTCOME_UNKNOWN
 */
export async function beginBooking(
  ctx: Context,
  mutation: BookingWish['mutation'],
  input: Readonly<Record<string, unknown>>,
  // Read under the key: a repeat is told what became of the first also when the offer is over by then.
  wishOf: () => BookingWish,
): Promise<Done> {
  authorize(ctx, 'booking.create');
  return runOperation(ctx, mutation, input, async (operation) => {
    const wish = wishOf();
    await requireOnSale(ctx, wish);
    const { checked, holds } = await checkOffer(ctx, wish);
    const intent = await operation.begin(async (tx) => {
      const known = await begunUnder(ctx, tx, wish.input['idempotencyKey']);
      if (known) return { about: known, value: { booking: null, done: known }, complete: true };
      const booking = await commitBooking(ctx, tx, wish, { checked, holds });
      const done: Done = { type: 'Booking', id: booking.id };
      const called = booking.phase !== 'CHECKED';
      return { about: done, value: { booking: called ? booking : null, done }, complete: !called };
    });
    if (intent.booking === null) return intent.done;
    return call(ctx, operation, intent.booking, intent.done);
  });
}

// Switched off since it was found: what is booked there lives on, and nothing new begins.
async function requireOnSale(ctx: Context, { offer }: BookingWish): Promise<void> {
  const { providers } = await ctx.app.providers.catalogue();
  if (!providers.get(offer.providerSlug)?.enabled) throw refused('PROVIDER_UNAVAILABLE');
}

async function checkOffer(ctx: Context, { offer, traveller, maxTotalMinor }: BookingWish) {
  const { checked, holds } = await askOffer(ctx.app, ctx.scope.tenantId, { offer, traveller });
  if (checked.totalMinor > maxTotalMinor) throw dearer(checked.totalMinor, checked.currencyCode);
  return { checked, holds };
}

/**
 * Asks the provider for an offer's price once more; nothing is reserved by it.
 * @returns what it says, and whether it keeps things unpaid @throws as beginBooking, PRICE_CHANGED for another currency
 */
export async function askOffer(
  app: Pick<App, 'clock' | 'providers'>,
  tenantId: string,
  { offer, traveller }: Pick<Wanted, 'offer' | 'traveller'>,
): Promise<{ checked: Available; holds: boolean }> {
  let holds = false;
  const about = {
    slug: offer.providerSlug,
    tenantId,
    operation: 'check',
    safe: true,
    deadlineAtMs: app.clock.now().getTime() + CHECK_LIMIT_MS,
    mode: offer.mode,
  };
  const outcome = await app.providers.call(
    offer.kind === 'STAY' ? 'LODGING' : 'FLIGHTS_BOOKING',
    about,
    (client, connection, limit) => {
      holds = client.holds;
      return client.check(connection, offer.token, traveller, limit);
    },
  );
  if (outcome.kind !== 'done') throw refusalOfProvider(outcome);
  const { value } = outcome;
  if (!('token' in value)) throw refused(value.state === 'SOLD_OUT' ? 'SOLD_OUT' : 'OFFER_EXPIRED');
  if (value.currencyCode !== offer.currencyCode) throw dearer(value.totalMinor, value.currencyCode);
  return { checked: value, holds };
}

/** A price above what the caller will pay, with the new one. */
export function dearer(totalMinor: bigint, currencyCode: string): AppError {
  return new AppError('PRICE_CHANGED', 'The price has changed. Please look at the new one.', {
    details: { currentTotal: { amount: formatAmount(totalMinor, currencyCode), currencyCode } },
  });
}

const SENTENCES: Partial<Readonly<Record<ErrorCode, string>>> = {
  SOLD_OUT: 'This is sold out. Please choose another offer.',
  OFFER_EXPIRED: 'This offer is not valid any more. Please search again.',
  PRICE_CHANGED: 'The price has changed. Please search again.',
  PROVIDER_REJECTED: 'The provider did not accept this booking.',
  PROVIDER_UNAVAILABLE: 'The provider can not be reached at the moment. Nothing was booked; please try again.',
};

export function refused(code: ErrorCode): AppError {
  return new AppError(code, SENTENCES[code] ?? 'This was not booked.');
}

export function refusalOfProvider(outcome: Exclude<Outcome<never>, { kind: 'done' }>): AppError {
  const code =
    outcome.kind === 'notDone' && outcome.reason === 'rejected' ? 'PROVIDER_REJECTED' : 'PROVIDER_UNAVAILABLE';
  const retryAt = outcome.kind === 'notDone' ? outcome.retryAt?.toISOString() : undefined;
  return new AppError(code, SENTENCES[code]!, { log: outcome.detail, ...(retryAt && { details: { retryAt } }) });
}

/** The first request's process died on the way: what became of its call a job finds out, and nothing is booked twice. */
async function begunUnder(ctx: Context, tx: Transaction, key: unknown): Promise<Done | null> {
  if (typeof key !== 'string') return null;
  const found = await tx.maybeOne<{ id: string }>(
    `select b.id from operations o join bookings b on b.tenant_id = o.tenant_id and b.id = o.result_id
     where o.tenant_id = current_tenant() and o.actor = $1 and o.key = $2 and o.result_type = 'Booking' and b.status <> 'FAILED'`,
    [actorName(ctx.actor), key],
  );
  return found ? { type: 'Booking', id: found.id } : null;
}

async function commitBooking(
  ctx: Context,
  tx: Transaction,
  wish: BookingWish,
  { checked, holds }: { checked: Available; holds: boolean },
): Promise<BookingModel> {
  const customerId = await customerOf(tx, ctx.actor, wish.customerId);
  const tenant = await tx.one<{ terms: 'PAY_FIRST' | 'ON_ACCOUNT'; tax: TaxProfile }>(
    'select booking_terms as terms, tax_profile as tax from tenants where id = current_tenant()',
  );
  const phase = tenant.terms === 'ON_ACCOUNT' ? 'BOOKING' : holds ? 'RESERVING' : 'CHECKED';
  const totalMinor = payableMinorOf(checked);
  const orderId = await writeOrder(ctx, tx, wish, { customerId, totalMinor, tax: tenant.tax });
  const booking = await insertBooking(ctx.app, tx, wish, { customerId, orderId, phase, checked });
  // Nothing has to be asked before it is paid: the offer's own end is the order's.
  if (phase === 'CHECKED')
    await issue(ctx.app, tx, await lockOrder(tx, orderId), payableUntil(ctx.app.clock.now(), checked.expiresAt));
  return booking;
}

/** What is charged by us: what the property takes itself, on the spot, is not. */
export function payableMinorOf({ totalMinor, payAtPropertyMinor }: Available): bigint {
  return totalMinor - (payAtPropertyMinor ?? 0n);
}

async function writeOrder(
  ctx: Context,
  tx: Transaction,
  wish: BookingWish,
  { customerId, totalMinor, tax }: { customerId: string; totalMinor: bigint; tax: TaxProfile },
): Promise<string> {
  const { currencyCode } = wish.offer;
  // The provider's price has its taxes in it, and says nothing of them that an invoice could show.
  const lines = [{ quantity: 1, unitPriceMinor: totalMinor, taxRate: null }];
  const priced = priceOrder({ currencyCode, taxProfile: tax, lines });
  const order: Pick<OrderModel, 'type' | 'customerId' | 'currencyCode'> = {
    type: wish.orderType,
    customerId,
    currencyCode,
  };
  const id = await insertOrder(ctx.app, tx, { ...order, priced });
  await insertItems(tx, id, [{ description: wish.descriptions, quantity: 1 }], lines, priced);
  return id;
}

/** As JSON: what the provider will be told, and the terms the customer was shown. */
function keptOf(wish: Wanted, checked: Available): { offer: string; contact: string; fees: string | null } {
  const offer: KeptOffer = {
    found: wish.offer.token,
    checked: checked.token,
    checkedUntil: checked.expiresAt?.toISOString() ?? null,
    totalMinor: String(checked.totalMinor),
  };
  const contact: KeptContact = {
    email: wish.contactEmail,
    phone: wish.contactPhone,
    traveller: wish.traveller,
    passengers: wish.passengers,
  };
  const fees = checked.cancellationFees?.map((fee) => ({
    from: fee.from?.toISOString() ?? null,
    amountMinor: String(fee.amountMinor),
    currencyCode: fee.currencyCode,
  }));
  return {
    offer: JSON.stringify(offer),
    contact: JSON.stringify(contact),
    fees: fees ? JSON.stringify(fees) : null,
  };
}

/** @param at where it stands, what pays for it, and which leg of which package it is @returns the booking, with its event */
export async function insertBooking(
  app: Pick<App, 'clock' | 'newId' | 'log'>,
  tx: Transaction,
  wish: Wanted,
  at: {
    customerId: string;
    orderId: string;
    phase: string;
    checked: Available;
    leg?: { packageId: string; index: number };
  },
): Promise<BookingModel> {
  const { customerId, orderId, phase, checked, leg } = at;
  const id = app.newId();
  const now = app.clock.now();
  const called = phase !== 'CHECKED';
  const lease = called ? new Date(now.getTime() + BOOKING_LEASE_MS) : null;
  const kept = keptOf(wish, checked);
  const number = formatOrderNumber('BKG', await nextNumber(tx, 'BOOKING'));
  await tx.query(
    `insert into bookings (tenant_id, id, reference, kind, status, customer_id, order_id, starts_at, ends_at, amount_minor, currency_code,
       sync_status, guests, special_requests, created_at, provider_slug, provider_mode, phase, attempt, attempt_reference, attempted_at, offer,
       contact, cancellation_fees, refundable, leased_until, next_step_at, pay_at_property_minor, package_id, package_leg)
     values (current_tenant(), $1, $2, $3, 'PENDING', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $24, $25, $26, $27)`,
    [
      id,
      number,
      wish.offer.kind,
      customerId,
      orderId,
      wish.startsAt,
      wish.endsAt,
      payableMinorOf(checked),
      checked.currencyCode,
      called ? 'PENDING' : 'NOT_NEEDED',
      JSON.stringify(wish.guests),
      wish.specialRequests,
      now,
      wish.offer.providerSlug,
      wish.offer.mode,
      phase,
      called ? 1 : 0,
      called ? attemptReference(id, 1) : null,
      called ? now : null,
      kept.offer,
      kept.contact,
      kept.fees,
      checked.refundable,
      lease,
      checked.payAtPropertyMinor ?? 0n,
      leg?.packageId ?? null,
      leg?.index ?? null,
    ],
  );
  bookingMoved(app, tx, { id, orderId, customerId }, { version: 1, previousStatus: 'PENDING', status: 'PENDING' });
  return tx.one<BookingModel>(
    `select ${WHOLE_BOOKING} from bookings b where b.tenant_id = current_tenant() and b.id = $1`,
    [id],
  );
}

async function call(ctx: Context, operation: OperationHandle, booking: BookingModel, done: Done): Promise<Done> {
  const outcome = await bookThere(ctx.app, booking, booking.phase === 'RESERVING');
  const ending = await ctx.app.db.write(ctx.scope, (tx) => recordBooking(ctx.app, tx, booking, outcome));
  ctx.app.journal.wake();
  if (ending.kind === 'FAILED') throw refused(ending.code);
  if (ending.kind !== 'UNKNOWN') return operation.finish(async () => done);
  const inquiryId = await operation.lose(async () => ending.inquiryId);
  throw new AppError(
    'OUTCOME_UNKNOWN',
    'The booking may have been made. It is being looked up; nothing is booked twice.',
    {
      details: { inquiryId },
    },
  );
}
