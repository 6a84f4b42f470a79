import type { Transaction } from '../db.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import { accountOf, holdLedger, type HoldEnd } from '../ledger.ts';
import { paymentMoved, type Changing } from './payment-change.ts';

/**
 * The wallet's share of a payment (COM-5): a payment of its own beside the gateway's, whose money is held from the day the gateway is
 * asked until the gateway's payment ends (LOY-1, two phases). Its hold bears its own id.
 */
const HOLD_KIND = 'WALLET_SHARE';

/** A page lives at most so long (payment-poll.ts); money is not held for ever if everything else fails. */
const HOLD_AT_MOST_MS = 80 * 3_600_000;

/** Writes the share and holds its money. @throws the database's 23514 where the wallet has not so much */
export async function insertShare(
  app: Changing,
  tx: Transaction,
  order: OrderModel,
  share: { readonly paymentId: string; readonly amountMinor: bigint },
): Promise<void> {
  const id = app.newId();
  const now = app.clock.now();
  await tx.query(
    `insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method, method_kind, status, amount_minor, currency_code, created_at, share_of_id)
     values (current_tenant(), $1, $2, $3, 'WALLET', $4, 'Wallet', 'WALLET', 'PENDING', $5, $6, $7, $8)`,
    [
      id,
      order.id,
      order.customerId,
      `share of ${share.paymentId}`,
      share.amountMinor,
      order.currencyCode,
      now,
      share.paymentId,
    ],
  );
  paymentMoved(
    app,
    tx,
    { id, orderId: order.id, customerId: order.customerId },
    { version: 1, previousStatus: 'UNPAID', status: 'PENDING' },
  );
  await holdLedger(tx, app, order.customerId, {
    id,
    accountKind: 'WALLET',
    currencyCode: order.currencyCode,
    amountMinor: share.amountMinor,
    kind: HOLD_KIND,
    subjectId: id,
    expiresAt: new Date(now.getTime() + HOLD_AT_MOST_MS),
  });
}

/** What the share can still give: its held money; or, where the hold ended with an attempt, what the wallet has again (a second try on the same page). */
export async function shareAvailable(tx: Transaction, share: PaymentModel): Promise<bigint> {
  if (share.status === 'PENDING') return share.amountMinor;
  if (share.status === 'PAID') return 0n;
  const wallet = await accountOf(tx, share.customerId, 'WALLET', share.currencyCode);
  return wallet.balanceMinor - wallet.heldMinor >= share.amountMinor ? share.amountMinor : 0n;
}

/** The share counts now: it is PAID with the gateway's payment. @returns the end of its hold, to be posted with the settlement */
export function captureShare(app: Changing, tx: Transaction, share: PaymentModel): HoldEnd[] {
  tx.later(
    `update payments set status = 'PAID', captured_minor = amount_minor, settled_minor = amount_minor, settled_at = $2, version = version + 1
     where tenant_id = current_tenant() and id = $1`,
    [share.id, app.clock.now()],
  );
  paymentMoved(app, tx, share, {
    version: share.version + 1,
    previousStatus: share.status,
    status: 'PAID',
  });
  return [{ holdId: share.id, outcome: 'CAPTURED' }];
}

/** Ends those of these shares that are still pending. @returns the ends of their holds, to be posted */
export function releaseShares(
  app: Changing,
  tx: Transaction,
  shares: readonly PaymentModel[],
  outcome: 'RELEASED' | 'EXPIRED' = 'RELEASED',
): HoldEnd[] {
  const pending = shares.filter((share) => share.shareOfId !== null && share.status === 'PENDING');
  for (const share of pending) {
    const status = outcome === 'EXPIRED' ? 'EXPIRED' : 'CANCELLED';
    tx.later(
      'update payments set status = $2::payment_status, version = version + 1 where tenant_id = current_tenant() and id = $1',
      [share.id, status],
    );
    paymentMoved(app, tx, share, { version: share.version + 1, previousStatus: 'PENDING', status });
  }
  return pending.flatMap((share) => holdOf(share, outcome));
}

/** The end of a share's hold; none for a payment that is no share. */
export function holdOf(payment: PaymentModel, outcome: HoldEnd['outcome']): HoldEnd[] {
  return payment.shareOfId === null ? [] : [{ holdId: payment.id, outcome }];
}
