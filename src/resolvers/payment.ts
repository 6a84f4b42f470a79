import { actorName, authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { amountDueMinor, requirePayable } from '../domain/order.ts';
import type { AmountRule } from '../domain/payment.ts';
import { orderPaymentStatus } from '../domain/payment-state.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import type { TenantConnection } from '../gateways.ts';
import type { OrderItemModel, OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import type { PaymentGateway, PaymentMethodKind } from '../generated/prisma/enums.ts';
import { idOf } from '../global-id.ts';
import type { GatewayMethod, InitiatedPayment, Outcome } from '../integrations/contract.ts';
import { ITEM_COLUMNS, USER_COLUMNS, type UserRow } from '../loaders.ts';
import { runOperation, type Done, type OperationHandle } from '../operations.ts';
import type { Transaction } from '../db.ts';
import { orShort } from '../ledger.ts';
import { openInquiry } from './inquiry-open.ts';
import { payPagePlace } from './pay-page.ts';
import { initiationOf } from './payment-initiation.ts';
import { retakeProducts } from './order-items.ts';
import { lockOrder } from './order-lock.ts';
import { lockPayment, paymentMoved, paymentsOf } from './payment-change.ts';
import { endStalePayment } from './payment-end.ts';
import { refusalOf } from './payment-refusal.ts';
import { lockBoth, settle } from './settlement.ts';
import { insertShare } from './wallet-share.ts';
import { payWhollyByWallet, requireSameShare, walletCovers, WALLET_METHOD, wantedShare } from './wallet-pay.ts';

export interface OfferedMethod {
  readonly gateway: PaymentGateway;
  readonly method: Omit<GatewayMethod, 'kind'> & { readonly kind: PaymentMethodKind };
}

/** A method's id: base64url of PaymentMethod:GATEWAY:its id at the gateway. */
export function encodeMethodId({ gateway, method }: OfferedMethod): string {
  return Buffer.from(`PaymentMethod:${gateway}:${method.id}`).toString('base64url');
}

function decodeMethodId(text: string): { gateway: string; id: string } | null {
  const parts = Buffer.from(text.slice(0, 256), 'base64url').toString('utf8').split(':');
  return parts.length === 3 && parts[0] === 'PaymentMethod' ? { gateway: parts[1]!, id: parts[2]! } : null;
}

/** How an order can be paid now: the methods of the tenant's enabled gateways that take its currency. Asks the gateways outside any transaction. */
export async function paymentMethods(ctx: Context, orderGlobalId: string): Promise<OfferedMethod[]> {
  authorize(ctx, 'payment.methods');
  const order = await ctx.loaders.order.load(idOf('Order', orderGlobalId, ['orderId']));
  if (!order) throw notFound('order', ['orderId']);
  const wallet = (await walletCovers(ctx.reads, order)) ? [WALLET_METHOD] : [];
  return ctx.reads.pauseFor(async () => [
    ...(await offeredMethods(ctx, order.currencyCode, wallet.length === 0)),
    ...wallet,
  ]);
}

async function offeredMethods(ctx: Context, currencyCode: string, needed: boolean): Promise<OfferedMethod[]> {
  const offered: OfferedMethod[] = [];
  let refused: AppError | null = null;
  for (const gateway of ctx.app.gateways.all) {
    if (!ctx.app.gateways.takes(gateway, currencyCode)) continue;
    const connection = await ctx.app.gateways.connect(ctx.scope.tenantId, gateway);
    if (!connection?.enabled) continue;
    const outcome = await ctx.app.gateways.methods(ctx.scope.tenantId, gateway, connection);
    if (outcome.kind === 'done') offered.push(...outcome.value.map((method) => ({ gateway, method })));
    else refused = refusalOf(outcome);
  }
  // One gateway that is down must not hide another's methods; but nothing at all is an answer about the gateway, not about the order.
  if (offered.length === 0 && refused && needed) throw refused;
  return offered;
}

export interface PayOrderInput {
  readonly orderId: string;
  readonly methodId: string;
  /** Of what is due, the part the customer's wallet gives; the method pays the rest. In the order's currency. */
  readonly walletAmount?: string | null;
  readonly returnUrl?: string | null;
  readonly idempotencyKey?: string | null;
}

interface Intent {
  readonly payment: PaymentModel;
  readonly order: OrderModel;
  readonly items: readonly OrderItemModel[];
  readonly customer: UserRow;
  /** True where the customer is given the payment that is pending already (COM-5). */
  readonly continued: boolean;
}

/**
 * Starts or continues a payment of all that is due (COM-5). Transaction A commits the intent, then the gateway is called, then
 * transaction B records what it said; a lost answer opens an inquiry and is never reported as failure.
 * @throws ORDER_NOT_PAYABLE, CURRENCY_MISMATCH, GATEWAY_REJECTED, GATEWAY_UNAVAILABLE, OUTCOME_UNKNOWN, PAYMENT_PENDING
 */
export async function payOrder(ctx: Context, input: PayOrderInput): Promise<Done> {
  authorize(ctx, 'payment.pay');
  const orderId = idOf('Order', input.orderId, ['input', 'orderId']);
  return runOperation(ctx, 'payOrder', { ...input }, async (operation) => {
    const returnUrl = await allowedReturnUrl(ctx, input.returnUrl ?? null);
    const byWallet = input.methodId === encodeMethodId(WALLET_METHOD);
    // A customer's money is spent by the customer, or by the shop's people who stand beside them; never by a program with a key.
    if ((byWallet || isGiven(input.walletAmount)) && ctx.actor.kind === 'PARTNER')
      throw new AppError('FORBIDDEN', "A key can't spend a customer's wallet.", { field: ['input', 'walletAmount'] });
    if (byWallet) {
      return operation.once(async (tx) => {
        const { order } = await lockPayable(ctx, tx, orderId);
        return { type: 'Payment', id: await payWhollyByWallet(ctx.app, tx, order, input.walletAmount ?? null) };
      });
    }
    const chosen = await chosenMethod(ctx, input.methodId);
    const intent = await operation.begin(async (tx) => {
      const walletAmount = input.walletAmount ?? null;
      const value = await commitIntent(ctx, tx, { orderId, chosen, returnUrl, walletAmount });
      return { about: { type: 'Payment', id: value.payment.id }, value, complete: value.continued };
    });
    if (intent.continued) return { type: 'Payment', id: intent.payment.id };
    const outcome = await ctx.app.gateways.initiate(
      chosen.gateway,
      chosen.connection,
      initiationOf(ctx.app, { ...intent, tenant: { id: ctx.scope.tenantId, slug: await tenantSlug(ctx) } }),
    );
    return recordInitiation(ctx, operation, intent, outcome);
  });
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}

interface Chosen extends OfferedMethod {
  readonly connection: TenantConnection;
}

async function chosenMethod(ctx: Context, methodId: string): Promise<Chosen> {
  const field = ['input', 'methodId'];
  const decoded = decodeMethodId(methodId);
  const gateway = ctx.app.gateways.all.find((known) => known === decoded?.gateway);
  const connection = gateway ? await ctx.app.gateways.connect(ctx.scope.tenantId, gateway) : null;
  if (!decoded || !gateway || !connection?.enabled) throw notFound('payment method', field);
  const outcome = await ctx.app.gateways.methods(ctx.scope.tenantId, gateway, connection);
  if (outcome.kind !== 'done') throw refusalOf(outcome);
  const method = outcome.value.find((offered) => offered.id === decoded.id);
  if (!method) throw notFound('payment method', field);
  return { gateway, method, connection };
}

const RETURN_URL_MAX = 2_000;

// The page a customer returns to lies on one of the tenant's own origins, so that our return path can't be made to send people elsewhere.
async function allowedReturnUrl(ctx: Context, returnUrl: string | null): Promise<string | null> {
  if (returnUrl === null) return null;
  // Longer, and the signed way back would be too long to be read again.
  if (returnUrl.length > RETURN_URL_MAX)
    throw invalidInput(`A return address has at most ${RETURN_URL_MAX} characters.`, ['input', 'returnUrl']);
  const origin = new URL(returnUrl).origin;
  const { origins } = await ctx.app.db.read(ctx.scope, (tx) =>
    tx.one<{ origins: string[] }>(
      'select cors_origins as origins from portal_configs where tenant_id = current_tenant()',
    ),
  );
  if (!origins.includes(origin) && origin !== new URL(ctx.app.config.baseUrl).origin) {
    throw invalidInput("The return address is not on one of this shop's origins.", ['input', 'returnUrl']);
  }
  return returnUrl;
}

async function tenantSlug(ctx: Context): Promise<string> {
  const { slug } = await ctx.app.db.read(ctx.scope, (tx) =>
    tx.one<{ slug: string }>('select slug from tenants where id = current_tenant()'),
  );
  return slug;
}

interface Wish {
  readonly orderId: string;
  readonly chosen: Chosen;
  readonly returnUrl: string | null;
  readonly walletAmount: string | null;
}

async function commitIntent(ctx: Context, tx: Transaction, wish: Wish): Promise<Intent> {
  const { order, payments } = await lockPayable(ctx, tx, wish.orderId);
  const items = await tx.query<OrderItemModel>(
    `select ${ITEM_COLUMNS} from order_items i where i.tenant_id = current_tenant() and i.order_id = $1 order by i.position`,
    [order.id],
  );
  const customer = await tx.one<UserRow>(
    `select ${USER_COLUMNS} from users u where u.tenant_id = current_tenant() and u.id = $1`,
    [order.customerId],
  );
  const rest = { order, items, customer };
  if (!ctx.app.gateways.takes(wish.chosen.gateway, order.currencyCode))
    throw new AppError('CURRENCY_MISMATCH', `This payment method does not take ${order.currencyCode}.`, {
      field: ['input', 'methodId'],
    });
  const pending = payments.find(
    (payment) =>
      payment.status === 'PENDING' &&
      payment.gateway === wish.chosen.gateway &&
      payment.methodId === wish.chosen.method.id,
  );
  const now = ctx.app.clock.now();
  const stale = pending ? staleness(pending, now) : null;
  if (pending && stale === null) {
    requireSameShare(order, payments, pending, wish.walletAmount);
    return { ...rest, payment: continuable(pending, now), continued: true };
  }
  const heldMinor = pending ? (payments.find(({ shareOfId }) => shareOfId === pending.id)?.amountMinor ?? 0n) : 0n;
  const walletMinor = await wantedShare(tx, order, wish.walletAmount, heldMinor);
  // The wallet gives all: the method has nothing left to pay.
  if (walletMinor === amountDueMinor(order)) {
    const id = await payWhollyByWallet(ctx.app, tx, order, null, heldMinor);
    return { ...rest, payment: await lockPayment(tx, id), continued: true };
  }
  // Behind the wallet's own way, which takes number counters: nothing of the ledger is locked before them.
  if (pending && stale) await endStalePayment(ctx.app, tx, pending, stale.status, stale.reason);
  const payment = await insertPayment(ctx, tx, order, payments, wish, walletMinor);
  return { ...rest, payment, continued: false };
}

async function lockPayable(ctx: Context, tx: Transaction, orderId: string) {
  const order = await lockOrder(tx, orderId);
  const payments = await paymentsOf(tx, order.id);
  requirePayable({ ...order, underReview: payments.some((payment) => payment.status === 'UNDER_REVIEW') });
  // The job that ends it may be seconds late; money for it would only be held for review.
  if (order.expiresAt && order.expiresAt <= ctx.app.clock.now())
    throw new AppError('ORDER_NOT_PAYABLE', "This order is expired and can't be paid.", {
      details: { status: 'EXPIRED' },
    });
  return { order, payments };
}

const IN_CALL_MS = 30_000;

// Its page is closed, or nobody was ever given one: only then is a payment begun anew (decisions.md, "Transactions and outside calls").
function staleness(pending: PaymentModel, now: Date): { status: 'EXPIRED' | 'FAILED'; reason: string } | null {
  if (pending.expiresAt && pending.expiresAt <= now) return { status: 'EXPIRED', reason: 'TIME_TO_PAY_OVER' };
  const neverGiven = pending.paymentUrl === null && pending.referenceCode === null;
  if (neverGiven && pending.createdAt.getTime() + IN_CALL_MS <= now.getTime())
    return { status: 'FAILED', reason: 'ANSWER_LOST' };
  return null;
}

// Another request is asking the gateway for this very payment's address right now.
function continuable(pending: PaymentModel, now: Date): PaymentModel {
  if (pending.paymentUrl !== null || pending.referenceCode !== null) return pending;
  throw new AppError('PAYMENT_PENDING', 'A payment of this order is being started. Please ask again shortly.', {
    details: { retryAt: new Date(now.getTime() + IN_CALL_MS / 10).toISOString() },
  });
}

async function insertPayment(
  ctx: Context,
  tx: Transaction,
  order: OrderModel,
  earlier: readonly PaymentModel[],
  { chosen: { gateway, method }, returnUrl }: Wish,
  walletMinor: bigint,
): Promise<PaymentModel> {
  const id = ctx.app.newId();
  const now = ctx.app.clock.now();
  await tx.query(
    `insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method, method_kind, status, amount_minor, currency_code, created_at, next_poll_at, return_url)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, 'PENDING', $8, $9, $10, $11, $12)`,
    [
      id,
      order.id,
      order.customerId,
      gateway,
      method.id,
      method.nameEn,
      method.kind,
      amountDueMinor(order) - walletMinor,
      order.currencyCode,
      now,
      new Date(now.getTime() + IN_CALL_MS),
      returnUrl,
    ],
  );
  const payment = await lockPayment(tx, id);
  paymentMoved(ctx.app, tx, payment, { version: 1, previousStatus: 'UNPAID', status: 'PENDING' });
  if (walletMinor > 0n)
    await orShort(() => insertShare(ctx.app, tx, order, { paymentId: id, amountMinor: walletMinor }));
  await tx.query(
    'update orders set payment_status = $2, version = version + 1 where tenant_id = current_tenant() and id = $1',
    [order.id, orderPaymentStatus([...earlier, payment])],
  );
  return payment;
}

async function recordInitiation(
  ctx: Context,
  operation: OperationHandle,
  intent: Intent,
  outcome: Outcome<InitiatedPayment>,
): Promise<Done> {
  const { payment } = intent;
  const done = { type: 'Payment', id: payment.id };
  if (outcome.kind === 'done') {
    const started = outcome.value;
    return operation.finish(async (tx) => {
      await tx.query(
        `update payments set payment_url = $2, reference_code = $3, gateway_reference = $4, gateway_key = $5, expires_at = $6,
           next_poll_at = case when captured_minor = 0 then $7::timestamptz end, version = version + 1
         where tenant_id = current_tenant() and id = $1`,
        [
          payment.id,
          // A form is never stored: its page makes it anew each time it is opened.
          started.form ? payPagePlace(ctx.app) : started.paymentUrl,
          started.referenceCode,
          started.gatewayReference,
          started.gatewayKey,
          started.expiresAt,
          new Date(ctx.app.clock.now().getTime() + FIRST_POLL_MS),
        ],
      );
      return done;
    });
  }
  if (outcome.kind === 'notDone') {
    const refusal = refusalOf(outcome);
    await ctx.app.db.write(ctx.scope, async (tx) => {
      await settle(tx, ctx.app, {
        paymentId: payment.id,
        claim: { kind: 'FAILED', ...{ failureReason: outcome.reason } },
        fact: { status: 'FAILED', amountMinor: null, currencyCode: null },
        amountRule: 'EQUAL',
      });
    });
    ctx.log.warn({ payment: payment.id, reason: outcome.reason, detail: outcome.detail }, 'payment not started');
    throw refusal;
  }
  const inquiryId = await operation.lose(async (tx) =>
    openInquiry(ctx.app, tx, { aboutType: 'Payment', aboutId: payment.id, reason: 'INITIATION_ANSWER_LOST' }),
  );
  ctx.log.warn({ payment: payment.id, inquiry: inquiryId, detail: outcome.detail }, 'answer of the gateway lost');
  throw new AppError(
    'OUTCOME_UNKNOWN',
    'The payment may have been started. It is being looked up; nothing will be charged twice.',
    {
      details: { inquiryId },
    },
  );
}

/** A webhook usually comes within seconds; the first question of our own waits that long (COM-9). */
const FIRST_POLL_MS = 120_000;

/** An operator's decision about money held under review (decisions.md, "Money"). @throws INVALID_STATE, NOT_FOUND */
export async function resolvePaymentReview(
  ctx: Context,
  input: { paymentId: string; decision: 'ACCEPT' | 'REFUND'; reason: string; idempotencyKey?: string | null },
): Promise<Done> {
  authorize(ctx, 'payment.review');
  const paymentId = idOf('Payment', input.paymentId, ['input', 'paymentId']);
  if (input.reason.trim() === '' || input.reason.length > 500)
    throw invalidInput('Give a reason of 1 to 500 characters.', ['input', 'reason']);
  return runOperation(ctx, 'resolvePaymentReview', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const amountRule = await amountRuleOf(tx, paymentId);
      if (input.decision === 'ACCEPT') await requireNotOver(tx, paymentId);
      await orShort(() =>
        settle(tx, ctx.app, {
          paymentId,
          claim: null,
          fact: { decision: input.decision },
          amountRule,
          reason: input.reason,
          actor: actorName(ctx.actor),
        }),
      );
      return { type: 'Payment', id: paymentId };
    }),
  );
}

// Money that came after its booking ended would be kept for nothing; an order that is honoured late takes its goods anew.
async function requireNotOver(tx: Transaction, paymentId: string): Promise<void> {
  const { order } = await lockBoth(tx, paymentId);
  const { over } = await tx.one<{ over: boolean }>(
    `select coalesce(bool_and(b.phase in ('RELEASING', 'ENDED') or b.phase is null and b.status in ('CANCELLED', 'FAILED')), false) as over
     from bookings b where b.tenant_id = current_tenant() and b.order_id = $1 and (b.phase is not null or b.kind = 'APPOINTMENT')`,
    [order.id],
  );
  const isPaid = order.status === 'PAID' || order.status === 'PARTIALLY_REFUNDED' || order.status === 'REFUNDED';
  if (over && !isPaid)
    throw new AppError('INVALID_STATE', 'The booking that this would pay for has ended. Give the money back.');
  if (order.status === 'EXPIRED') await retakeProducts(tx, order.id);
}

/** Whose the excess is: the tenant's setting for the gateway the money came through. */
async function amountRuleOf(tx: Transaction, paymentId: string): Promise<AmountRule> {
  const rule = await tx.maybeOne<{ amountRule: AmountRule }>(
    `select g.amount_rule as "amountRule" from payments p
     join payment_gateway_configs g on g.tenant_id = p.tenant_id and g.gateway = p.gateway
     where p.tenant_id = current_tenant() and p.id = $1`,
    [paymentId],
  );
  return rule?.amountRule ?? 'EQUAL';
}
