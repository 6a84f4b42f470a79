import type { Statements, Transaction } from '../db.ts';
import { formatAmount, parseAmount } from '../domain/money.ts';
import { amountDueMinor } from '../domain/order.ts';
import { AppError, invalidInput } from '../errors.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import { accountOf, orShort, type AccountState } from '../ledger.ts';
import { paymentMoved } from './payment-change.ts';
import type { OfferedMethod } from './payment.ts';
import { settle, type Settling } from './settlement.ts';

/** The wallet as a way to pay all that is due (COM-5, LOY-2). */
export const WALLET_METHOD: OfferedMethod = {
  gateway: 'WALLET',
  method: { id: 'balance', nameEn: 'Wallet', nameAr: 'المحفظة', kind: 'WALLET', logoUrl: null },
};

const FIELD = ['input', 'walletAmount'];

/** Whether the customer's wallet can pay all that is due now. */
export async function walletCovers(reads: Statements, order: OrderModel): Promise<boolean> {
  const dueMinor = amountDueMinor(order);
  if (order.type === 'TOP_UP' || dueMinor <= 0n) return false;
  const rows = await reads.query<AccountState>(
    `select abs(balance_minor) as "balanceMinor", held_minor as "heldMinor" from ledger_accounts
     where tenant_id = current_tenant() and id = ledger_account_id(current_tenant(), 'WALLET', $1, $2)`,
    [order.currencyCode, order.customerId],
  );
  return rows.length > 0 && freeOf(rows[0]!) >= dueMinor;
}

function freeOf(account: AccountState): bigint {
  return account.balanceMinor - account.heldMinor;
}

/**
 * Pays all that is due from the wallet, settled at once: nobody outside is asked.
 * @param heldMinor what an earlier attempt of this order holds, which ends with it @returns the payment's id
 */
export async function payWhollyByWallet(
  app: Settling,
  tx: Transaction,
  order: OrderModel,
  walletAmount: string | null,
  heldMinor = 0n,
): Promise<string> {
  const dueMinor = amountDueMinor(order);
  if (walletAmount !== null && parseAmount(walletAmount, order.currencyCode, FIELD) !== dueMinor)
    throw invalidInput(
      'The wallet as the method pays all that is due; for a part, name the method of the rest.',
      FIELD,
    );
  await requireFree(tx, order, dueMinor, heldMinor);
  const id = app.newId();
  const now = app.clock.now();
  await tx.query(
    `insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method, method_kind, status, amount_minor, currency_code, created_at)
     values (current_tenant(), $1, $2, $3, 'WALLET', $4, $5, 'WALLET', 'PENDING', $6, $7, $8)`,
    [
      id,
      order.id,
      order.customerId,
      WALLET_METHOD.method.id,
      WALLET_METHOD.method.nameEn,
      dueMinor,
      order.currencyCode,
      now,
    ],
  );
  paymentMoved(
    app,
    tx,
    { id, orderId: order.id, customerId: order.customerId },
    { version: 1, previousStatus: 'UNPAID', status: 'PENDING' },
  );
  await orShort(() =>
    settle(tx, app, {
      paymentId: id,
      claim: null,
      fact: { status: 'PAID', amountMinor: dueMinor, currencyCode: order.currencyCode },
      amountRule: 'EQUAL',
    }),
  );
  app.log.info({ order: order.id, payment: id }, 'paid by wallet');
  return id;
}

/** The wished share in minor units, 0 where none is wished. @throws INVALID_INPUT, INSUFFICIENT_BALANCE */
export async function wantedShare(
  tx: Transaction,
  order: OrderModel,
  walletAmount: string | null,
  heldMinor = 0n,
): Promise<bigint> {
  if (walletAmount === null) return 0n;
  const shareMinor = parseAmount(walletAmount, order.currencyCode, FIELD);
  const dueMinor = amountDueMinor(order);
  if (shareMinor < 0n) throw invalidInput("The wallet's share is not negative.", FIELD);
  if (shareMinor > dueMinor) throw invalidInput("The wallet's share is at most what is due.", FIELD);
  if (shareMinor > 0n) await requireFree(tx, order, shareMinor, heldMinor);
  return shareMinor;
}

/** A pending payment is continued as it was begun. @throws PAYMENT_PENDING where another share is wished now */
export function requireSameShare(
  order: OrderModel,
  payments: readonly PaymentModel[],
  pending: PaymentModel,
  walletAmount: string | null,
): void {
  if (walletAmount === null) return;
  const share = payments.find((payment) => payment.shareOfId === pending.id);
  const shareMinor = share?.amountMinor ?? 0n;
  if (parseAmount(walletAmount, order.currencyCode, FIELD) === shareMinor) return;
  throw new AppError('PAYMENT_PENDING', "A payment by this method with another share of the wallet's is pending.", {
    field: FIELD,
    details: { walletAmount: formatAmount(shareMinor, order.currencyCode) },
  });
}

async function requireFree(tx: Transaction, order: OrderModel, amountMinor: bigint, heldMinor: bigint): Promise<void> {
  if (order.type === 'TOP_UP') throw invalidInput('A wallet is not topped up from itself.', ['input', 'orderId']);
  const wallet = await accountOf(tx, order.customerId, 'WALLET', order.currencyCode);
  const freeMinor = freeOf(wallet) + heldMinor;
  if (freeMinor >= amountMinor) return;
  throw new AppError('INSUFFICIENT_BALANCE', 'There is not enough in the wallet for this.', {
    details: { available: formatAmount(freeMinor, order.currencyCode) },
  });
}
