import type { Transaction } from '../db.ts';
import { payableUntil } from '../domain/booking.ts';
import { priceOrder, type TaxProfile } from '../domain/order-price.ts';
import { legStateOf, type PackageStep } from '../domain/package.ts';
import type { BookingModel, OrderModel } from '../generated/prisma/models.ts';
import type { KeptOffer } from './booking-call.ts';
import { cancelUnpaid, payBack, type PayingBack } from './booking-money.ts';
import { changePackage, type LockedPackage } from './package-change.ts';
import type { KeptPlan } from './package-kept.ts';
import { lockOrder } from './order-lock.ts';
import { insertItems, issue } from './order-write.ts';

type Move = Extract<PackageStep, { kind: 'MOVE' }>;

/** A package comes to another place: what that means for its order is written along with it. */
export async function movePackage(
  app: PayingBack,
  tx: Transaction,
  locked: LockedPackage,
  { phase, status }: Move,
): Promise<void> {
  const { order, package: one, legs } = locked;
  const note = noteOf(locked, phase);
  changePackage(app, tx, one, { phase, status, nextStepAt: app.clock.now(), ...(note !== null && { note }) });
  if (phase === 'PAYABLE' && order.status === 'DRAFT')
    await issue(app, tx, order, payableUntil(app.clock.now(), firstEnd(legs)));
  const isUnpaid = one.phase === 'HOLDING' || one.phase === 'PAYABLE';
  // From now on nobody shall pay for it.
  if (isUnpaid && (phase === 'ROLLING_BACK' || phase === 'CANCELLING'))
    await cancelUnpaid(app, tx, order, note ?? `Package ${one.reference} was given up.`);
  if (phase === 'ENDED') await closeOrder(app, tx, locked);
  if (phase === 'PAYABLE' || phase === 'ENDED') await endOperations(app, tx, locked, status);
}

/** Why it is taken back or stopped, for people. */
function noteOf({ package: one, legs }: LockedPackage, phase: Move['phase']): string | null {
  if (phase !== 'ROLLING_BACK' && phase !== 'STOPPED') return null;
  const failed = legs.filter(({ status }) => status === 'FAILED' || status === 'CANCELLED');
  if (one.phase === 'ROLLING_BACK' || one.phase === 'CANCELLING')
    return 'Taking back what is left would cost more than was shown.';
  return failed.map((leg) => `${leg.reference}: ${leg.failureReason ?? leg.status}`).join('; ');
}

/** Until when everything that is kept or priced stands. */
function firstEnd(legs: readonly BookingModel[]): Date | null {
  const ends = legs.flatMap(({ phase, holdExpiresAt, offer }) => {
    if (phase === 'HELD') return holdExpiresAt ?? [];
    const { checkedUntil } = offer as unknown as KeptOffer;
    return checkedUntil === null ? [] : new Date(checkedUntil);
  });
  return ends.length === 0 ? null : new Date(Math.min(...ends.map((end) => end.getTime())));
}

const KEPT: ReadonlySet<string> = new Set(['BOOKED', 'USED', 'LEAVING']);

// On account, what was booked is what is to be paid; an order for nothing ends.
async function closeOrder(
  app: PayingBack,
  tx: Transaction,
  { order, package: one, legs }: LockedPackage,
): Promise<void> {
  const kept = legs.filter((leg) => KEPT.has(legStateOf({ phase: leg.phase as never, status: leg.status })));
  if (kept.length === 0) return cancelUnpaid(app, tx, order, one.note ?? `Package ${one.reference} came to nothing.`);
  if (order.status !== 'DRAFT') return;
  await writeItems(tx, order, kept, one.plan as unknown as KeptPlan);
  await issue(app, tx, await lockOrder(tx, order.id), null);
}

/** An order's items and amounts, while it is a draft. @param legs in the order in which they are listed */
export async function writeItems(
  tx: Transaction,
  order: Pick<OrderModel, 'id' | 'currencyCode'>,
  legs: readonly Pick<BookingModel, 'amountMinor' | 'packageLeg'>[],
  { legs: described }: Pick<KeptPlan, 'legs'>,
): Promise<void> {
  const { tax } = await tx.one<{ tax: TaxProfile }>(
    'select tax_profile as tax from tenants where id = current_tenant()',
  );
  // The provider's price has its taxes in it, and says nothing of them that an invoice could show.
  const lines = legs.map(({ amountMinor }) => ({ quantity: 1, unitPriceMinor: amountMinor, taxRate: null }));
  const priced = priceOrder({ currencyCode: order.currencyCode, taxProfile: tax, lines });
  const items = legs.map(({ packageLeg }) => ({ description: described[packageLeg!]!.descriptions, quantity: 1 }));
  await insertItems(tx, order.id, items, lines, priced);
  await tx.query(
    'update orders set subtotal_minor = $2, tax_minor = $3, total_minor = $4 where tenant_id = current_tenant() and id = $1',
    [order.id, priced.subtotalMinor, priced.taxMinor, priced.totalMinor],
  );
}

/** Asks for the money of legs that came to nothing, all of it at once. */
export async function askBack(
  app: PayingBack,
  tx: Transaction,
  { order, package: one }: LockedPackage,
  amountMinor: bigint,
): Promise<void> {
  const reason = one.note ?? `Package ${one.reference}: not all of it was booked.`;
  const left = await payBack(app, tx, order, { amountMinor, reason: reason.slice(0, 500) });
  if (left > 0n)
    app.log.error({ package: one.id, order: order.id, left: String(left) }, 'not all of a package could be paid back');
  changePackage(app, tx, one, { askedBackMinor: one.askedBackMinor + amountMinor, nextStepAt: app.clock.now() });
}

// Whose process died on the way is told by its key what became of it.
async function endOperations(
  app: PayingBack,
  tx: Transaction,
  { package: one, legs }: LockedPackage,
  status: Move['status'],
): Promise<void> {
  const code = legs.find(({ failureReason }) => failureReason !== null)?.failureReason ?? 'PROVIDER_UNAVAILABLE';
  const errors = status === 'FAILED' ? [{ code, message: 'This was not booked.' }] : [];
  await tx.query(
    `update operations set status = $2::operation_status, user_errors = $3, finished_at = $4
     where tenant_id = current_tenant() and result_type = 'Package' and result_id = $1 and mutation = 'bookPackage'
       and status = 'IN_FLIGHT' and lease_until < $4`,
    [one.id, status === 'FAILED' ? 'FAILED' : 'SUCCEEDED', JSON.stringify(errors), app.clock.now()],
  );
}
