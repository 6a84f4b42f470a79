import type { App, Context } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import { amountDueMinor, canPay } from '../domain/order.ts';
import { AppError } from '../errors.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import { isUuid } from '../ids.ts';
import type { PaymentForm } from '../integrations/contract.ts';
import { ORDER_COLUMNS, PAYMENT_COLUMNS, USER_COLUMNS, type PaymentRow, type UserRow } from '../loaders.ts';
import { paymentsOf } from './payment-change.ts';
import { initiationOf } from './payment-initiation.ts';

/**
 * The page that takes a customer to a gateway by a form (GET /pay/{token}; decisions.md, "Money"). Its link is signed, names tenant and
 * payment, and is good for half an hour; whoever needs it later asks the graph for another one.
 */
const LINK_MS = 30 * 60_000;

interface PayTicket {
  readonly tenantId: string;
  readonly paymentId: string;
}

/** What a payment by form has in place of an address: the address is signed anew for whoever asks. */
export function payPagePlace(app: Pick<App, 'config'>): string {
  return `${app.config.baseUrl}/pay/`;
}

/** Where the customer pays. A page of ours is there while the payment is pending. */
export function paymentLink(
  ctx: Context,
  payment: Pick<PaymentRow, 'id' | 'gateway' | 'status' | 'paymentUrl'>,
): string | null {
  const { app, scope } = ctx;
  if (payment.paymentUrl === null || !app.gateways.isPaidByForm(payment.gateway)) return payment.paymentUrl;
  if (payment.status !== 'PENDING') return null;
  const ticket: PayTicket = { tenantId: scope.tenantId, paymentId: payment.id };
  return payPagePlace(app) + app.vault.sign('pay', ticket, new Date(app.clock.now().getTime() + LINK_MS));
}

/** Why there is no form: no such payment, the link is too old, the payment came to its end, it can't be made now, or nobody can make it. */
export type PayRefusal = 'UNKNOWN' | 'LINK_OVER' | 'PAID' | 'ENDED' | 'NOT_PAYABLE' | 'UNAVAILABLE';

export type PayPage =
  | { readonly kind: 'form'; readonly form: PaymentForm; readonly orderNumber: string }
  /** `returnUrl`: the shop's own page, where it is known. */
  | { readonly kind: 'refused'; readonly reason: PayRefusal; readonly returnUrl: string | null };

export type PayPaging = Pick<App, 'config' | 'clock' | 'db' | 'gateways' | 'log' | 'vault'>;

/** The form behind a link, made from today's state; refused unless the payment is still wanted as it stands. */
export async function openPayPage(app: PayPaging, token: string): Promise<PayPage> {
  const ticket = app.vault.verify<PayTicket>('pay', token, app.clock.now());
  if (!ticket) {
    // Ours, only too old: signed links hold for ever at the beginning of time.
    return refused(app.vault.verify('pay', token, new Date(0)) ? 'LINK_OVER' : 'UNKNOWN');
  }
  if (!isUuid(ticket.tenantId) || !isUuid(ticket.paymentId)) return refused('UNKNOWN');
  const scope: Scope = { tenantId: ticket.tenantId, customerId: null };
  const wanted = await app.db.read(scope, (tx) => readWanted(tx, ticket.paymentId));
  if (!wanted || !app.gateways.isPaidByForm(wanted.payment.gateway)) return refused('UNKNOWN');
  const { returnUrl } = wanted.payment;
  const reason = refusalOf(wanted, app.clock.now());
  if (reason !== null) return refused(reason, returnUrl);
  const form = await formOf(app, wanted);
  return form === null
    ? refused('UNAVAILABLE', returnUrl)
    : { kind: 'form', form, orderNumber: wanted.order.number ?? '' };
}

function refused(reason: PayRefusal, returnUrl: string | null = null): PayPage {
  return { kind: 'refused', reason, returnUrl };
}

interface Wanted {
  readonly tenant: { readonly id: string; readonly slug: string; readonly active: boolean };
  readonly payment: PaymentModel;
  readonly order: OrderModel;
  readonly customer: UserRow;
  /** All of the order's. */
  readonly payments: readonly PaymentModel[];
}

async function readWanted(tx: Transaction, paymentId: string): Promise<Wanted | null> {
  const payment = await tx.maybeOne<PaymentModel>(
    `select ${PAYMENT_COLUMNS} from payments p where p.tenant_id = current_tenant() and p.id = $1`,
    [paymentId],
  );
  if (!payment) return null;
  const [tenant, order, customer, payments] = await Promise.all([
    tx.one<Wanted['tenant']>('select id, slug, active from tenants where id = current_tenant()'),
    tx.one<OrderModel>(`select ${ORDER_COLUMNS} from orders o where o.tenant_id = current_tenant() and o.id = $1`, [
      payment.orderId,
    ]),
    tx.one<UserRow>(`select ${USER_COLUMNS} from users u where u.tenant_id = current_tenant() and u.id = $1`, [
      payment.customerId,
    ]),
    paymentsOf(tx, payment.orderId),
  ]);
  return { tenant, payment, order, customer, payments };
}

/** Null where the gateway should take exactly this payment now. */
function refusalOf({ tenant, payment, order, payments }: Wanted, now: Date): PayRefusal | null {
  if (payment.status !== 'PENDING') return payment.capturedMinor > 0n ? 'PAID' : 'ENDED';
  if (payment.expiresAt && payment.expiresAt <= now) return 'ENDED';
  const isOver = order.expiresAt !== null && order.expiresAt <= now;
  const underReview = payments.some(({ status }) => status === 'UNDER_REVIEW');
  if (!tenant.active || isOver || !canPay({ ...order, underReview })) return 'NOT_PAYABLE';
  const share = payments.find(({ shareOfId, status }) => shareOfId === payment.id && status === 'PENDING');
  // Part of it may have been paid another way meanwhile, or the wallet's share be gone: money that does not fit would only be held.
  return payment.amountMinor + (share?.amountMinor ?? 0n) === amountDueMinor(order) ? null : 'NOT_PAYABLE';
}

async function formOf(app: PayPaging, wanted: Wanted): Promise<PaymentForm | null> {
  const { payment, tenant } = wanted;
  try {
    const connection = await app.gateways.connect(tenant.id, payment.gateway);
    if (!connection?.enabled) return null;
    const outcome = await app.gateways.initiate(payment.gateway, connection, initiationOf(app, wanted));
    if (outcome.kind === 'done') return outcome.value.form ?? null;
    app.log.error({ tenant: tenant.id, payment: payment.id, detail: outcome.detail }, 'no form for a pending payment');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    app.log.error({ err: error, tenant: tenant.id, payment: payment.id }, 'no connection to make a form for');
  }
  return null;
}
