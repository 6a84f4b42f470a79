import type { Scope, Transaction } from '../db.ts';
import type { GatewayFact, PaymentDecision, ReviewFact } from '../domain/payment.ts';
import { unmoved } from '../domain/payment-decision.ts';
import { isSettled, type PaymentStatus } from '../domain/payment-state.ts';
import { decideSurplus, type ConfirmedMoney } from '../domain/payment-surplus.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import type { SurplusPayment } from '../integrations/contract.ts';
import { carryOut, foresee, lockBoth, settle, type Locked, type PaymentNews, type Settling } from './settlement.ts';

/**
 * A gateway's word about a payment, where the gateway names its own transactions. Each transaction is one payment's (unique by tenant,
 * gateway and key): the first that is paid settles the payment, a further one is a second success and becomes a payment of its own, held
 * under review (COM-5).
 */
export interface GatewayNews extends PaymentNews {
  readonly fact: GatewayWord | ReviewFact | null;
}

type GatewayWord = GatewayFact & {
  readonly gatewayKey?: string | null;
  readonly surplus?: readonly SurplusPayment[];
};

/** Whoever pays a form that often has to be looked at by a person anyway. */
const SURPLUS_MAX = 100;

/** Settles by what the gateway says (settlement.ts), and holds what it took more than once. */
export async function settleByGateway(tx: Transaction, app: Settling, news: GatewayNews): Promise<PaymentDecision> {
  const paid = paidWordOf(news);
  const decision = paid === null ? await settle(tx, app, news) : await settleTransaction(tx, app, news, paid);
  const held = await holdAll(tx, app, news.paymentId, surplusOf(news));
  return held === 0 ? decision : { ...decision, note: `${decision.note} Taken more than once: ${held} more held.` };
}

/** The same in a transaction of its own; wakes who watches. */
export async function settleNow(app: Settling, scope: Scope, news: GatewayNews): Promise<PaymentDecision> {
  const decision = await app.db.write(scope, (tx) => settleByGateway(tx, app, news));
  app.journal.wake();
  return decision;
}

export interface Foreseen {
  readonly order: { readonly status: OrderModel['status'] };
  /** As it stands; UNPAID where a payment would be made. */
  readonly payment: { readonly status: PaymentStatus };
  readonly decision: PaymentDecision;
}

/** What would be decided, without writing anything (BEY-7). */
export async function foreseeByGateway(tx: Transaction, news: GatewayNews): Promise<Foreseen> {
  const paid = paidWordOf(news);
  if (paid === null) return foresee(tx, news);
  const locked = await lockBoth(tx, news.paymentId);
  const whose = await whoseIs(tx, locked.payment, paid.gatewayKey);
  if (whose === 'ITS_OWN') return foresee(tx, news);
  const money = whose === 'NOBODYS' ? moneyOf(paid) : null;
  if (money === null) return { ...locked, decision: leftAlone(locked, whose) };
  const payment = { ...locked.payment, status: 'UNPAID', capturedMinor: 0n } as const;
  return { order: locked.order, payment, decision: decideSurplus({ order: locked.order, payment }, money) };
}

type PaidWord = GatewayWord & { readonly gatewayKey: string };

/** What names a transaction that took money; null for everything else. */
function paidWordOf({ fact }: GatewayNews): PaidWord | null {
  if (fact === null || 'decision' in fact) return null;
  return fact.status === 'PAID' && fact.gatewayKey ? { ...fact, gatewayKey: fact.gatewayKey } : null;
}

function surplusOf({ fact }: GatewayNews): readonly SurplusPayment[] {
  return fact !== null && 'status' in fact && fact.status === 'PAID' ? (fact.surplus ?? []) : [];
}

/** ITS_OWN: the payment's, or free to become it. KNOWN: another payment of this order has it. FOREIGN: another order's has it. */
type Whose = 'ITS_OWN' | 'KNOWN' | 'FOREIGN' | 'NOBODYS';

async function whoseIs(tx: Transaction, payment: PaymentModel, key: string): Promise<Whose> {
  const [holder] = await tx.query<{ id: string; orderId: string }>(
    `select p.id, p.order_id as "orderId" from payments p
     where p.tenant_id = current_tenant() and p.gateway_key = $1 and p.gateway = $2::payment_gateway`,
    [key, payment.gateway],
  );
  if (holder && holder.id !== payment.id) return holder.orderId === payment.orderId ? 'KNOWN' : 'FOREIGN';
  return !hasMoney(payment) || payment.gatewayKey === null || payment.gatewayKey === key ? 'ITS_OWN' : 'NOBODYS';
}

function hasMoney({ status }: PaymentModel): boolean {
  return isSettled(status) || status === 'UNDER_REVIEW';
}

async function settleTransaction(
  tx: Transaction,
  app: Settling,
  news: GatewayNews,
  paid: PaidWord,
): Promise<PaymentDecision> {
  const locked = await lockBoth(tx, news.paymentId);
  const key = paid.gatewayKey;
  const whose = await whoseIs(tx, locked.payment, key);
  if (whose === 'ITS_OWN') {
    const decision = await settle(tx, app, news);
    // Of a payment whose transaction was not known, another amount is no proof that this is the one.
    const certain = !hasMoney(locked.payment) || decision.verdict !== 'MISMATCH';
    if (decision.capturedMinor > 0n && certain && locked.payment.gatewayKey !== key)
      await tx.query('update payments set gateway_key = $2 where tenant_id = current_tenant() and id = $1', [
        locked.payment.id,
        key,
      ]);
    return decision;
  }
  const money = whose === 'NOBODYS' ? moneyOf(paid) : null;
  return (money && (await hold(tx, app, locked, { ...money, gatewayKey: key }))) ?? leftAlone(locked, whose);
}

function moneyOf({
  amountMinor,
  currencyCode,
}: Pick<GatewayFact, 'amountMinor' | 'currencyCode'>): ConfirmedMoney | null {
  return amountMinor !== null && amountMinor > 0n && currencyCode !== null ? { amountMinor, currencyCode } : null;
}

function leftAlone(locked: Locked, whose: Whose): PaymentDecision {
  const input = { ...locked, fact: null, claim: null };
  if (whose === 'FOREIGN')
    return unmoved(input, 'MISMATCH', "The gateway names another order's transaction; nothing was moved.");
  return whose === 'KNOWN'
    ? unmoved(input, 'ALREADY_PROCESSED', 'This transaction is accounted for already.')
    : unmoved(input, 'UNCONFIRMED', 'A second success, but neither how much nor in which currency is certain.');
}

/** @returns how many were not known before */
async function holdAll(
  tx: Transaction,
  app: Settling,
  paymentId: string,
  surplus: readonly SurplusPayment[],
): Promise<number> {
  let held = 0;
  if (surplus.length > SURPLUS_MAX) app.log.error({ payment: paymentId, count: surplus.length }, 'too many successes');
  for (const { gatewayKey, ...money } of surplus.slice(0, SURPLUS_MAX)) {
    const locked = await lockBoth(tx, paymentId);
    if (gatewayKey === '' || moneyOf(money) === null || !hasMoney(locked.payment)) continue;
    const whose = await whoseIs(tx, locked.payment, gatewayKey);
    // The payment's own transaction has no name, and this one is another.
    const another = whose === 'ITS_OWN' && locked.payment.gatewayKey === null;
    if (whose !== 'NOBODYS' && !another) continue;
    if (await hold(tx, app, locked, { ...money, gatewayKey })) held += 1;
  }
  return held;
}

/**
 * Makes the payment that holds a second success: of the same order, customer and method, told like any other, and decided by
 * resolvePaymentReview. Safe to run twice. @returns null where the transaction has its payment already
 */
async function hold(
  tx: Transaction,
  app: Settling,
  { payment: first }: Locked,
  { gatewayKey, ...money }: SurplusPayment,
): Promise<PaymentDecision | null> {
  const made = await tx.query<{ id: string }>(
    `insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method, method_kind, status, amount_minor,
       currency_code, gateway_key, created_at)
     select p.tenant_id, $2, p.order_id, p.customer_id, p.gateway, p.method_id, p.method, p.method_kind, 'UNPAID', p.amount_minor,
       p.currency_code, $3, $4 from payments p where p.tenant_id = current_tenant() and p.id = $1
     on conflict (tenant_id, gateway_key, gateway) do nothing returning id`,
    [first.id, app.newId(), gatewayKey, app.clock.now()],
  );
  if (!made[0]) return null;
  const locked = await lockBoth(tx, made[0].id);
  const decision = decideSurplus(locked, money);
  const fact = { status: 'PAID', ...money } as const;
  const news = { paymentId: locked.payment.id, claim: null, fact, amountRule: 'EQUAL' } as const;
  await carryOut(tx, app, { ...locked, decision, news, sale: null });
  app.log.warn({ payment: first.id, held: locked.payment.id }, 'a payment was paid twice at its gateway');
  return decision;
}
