import { Random, pause } from '../../live/storm/random.ts';
import type { Ask } from '../../helpers/raging.ts';
import type { Simulators } from '../../helpers/simulators.ts';

export interface Shop {
  readonly ask: Ask;
  readonly simulators: Simulators;
  readonly operator: string;
  readonly customer: string;
  readonly customerId: string;
  readonly methodId: string;
  readonly walletMethodId: string;
  readonly random: Random;
}

/** What one shopper did, as far as they were told. */
export interface Counts {
  payments: number;
  refunds: number;
  unknown: number;
}

const CREATE =
  'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }';
const ISSUE = 'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { id } userErrors { code } } }';
const PAY =
  'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id status paymentUrl } userErrors { code } } }';
const REFUND =
  'mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { payment { id } userErrors { code } } }';
const STATUS = 'query ($id: ID!) { payment(id: $id) { status } }';

/** Orders, pays in one of many ways, and may want the money back; every mutation has a key and is repeated until it is answered. */
export async function shopOnce(shop: Shop, name: string, counts: Counts): Promise<void> {
  const { random } = shop;
  const price = `${random.between(1, 900)}.${String(random.between(0, 99)).padStart(2, '0')}`;
  const orderId = await order(shop, name, price);
  const payment = await pay(shop, name, orderId, counts);
  if (!payment) return;
  counts.payments += 1;
  if (payment.paymentUrl !== null && !(await atGateway(shop, payment.paymentUrl))) return;
  if (!random.chance(0.45)) return;
  if (!(await isPaid(shop, payment.id))) return;
  await refund(shop, name, payment.id, price, counts);
}

async function order(shop: Shop, name: string, price: string): Promise<string> {
  const taxRate = shop.random.pick(['14', '5', null]);
  const item = { description: [{ locale: 'en', text: `Trip ${name}` }], quantity: 1, unitPrice: price, taxRate };
  const { createOrder } = await shop.ask(shop.operator, CREATE, {
    input: { type: 'MANUAL_INVOICE', customerId: shop.customerId, items: [item], idempotencyKey: `${name}-create` },
  });
  const orderId = createOrder.order.id as string;
  await shop.ask(shop.operator, ISSUE, { input: { orderId, idempotencyKey: `${name}-issue` } });
  return orderId;
}

async function pay(shop: Shop, name: string, orderId: string, counts: Counts) {
  const { random } = shop;
  const way = random.next();
  const input = {
    orderId,
    methodId: way < 0.1 ? shop.walletMethodId : shop.methodId,
    ...(way >= 0.1 && way < 0.3 && { walletAmount: '0.50' }),
    idempotencyKey: `${name}-pay`,
  };
  const { payOrder } = await shop.ask(shop.customer, PAY, { input });
  if (payOrder.userErrors.some(({ code }: { code: string }) => code === 'OUTCOME_UNKNOWN')) counts.unknown += 1;
  return payOrder.payment as { id: string; status: string; paymentUrl: string | null } | null;
}

/** @returns true where the customer paid there */
async function atGateway(shop: Shop, url: string): Promise<boolean> {
  const way = shop.random.next();
  const act = (action: 'pay' | 'fail' | 'expire') => shop.simulators.act(url, action).catch(() => undefined);
  if (way < 0.05) return false;
  if (way < 0.1) {
    await act('expire');
    return false;
  }
  if (way < 0.2) await act('fail');
  await act('pay');
  return true;
}

const LOOKS = 20;

async function isPaid(shop: Shop, id: string): Promise<boolean> {
  for (let look = 0; look < LOOKS; look += 1) {
    const { payment } = await shop.ask(shop.operator, STATUS, { id });
    if (payment.status === 'PAID') return true;
    await pause(100);
  }
  // Its webhook is lost or late: the books are settled at the end, and nobody refunds now.
  return false;
}

async function refund(shop: Shop, name: string, paymentId: string, price: string, counts: Counts): Promise<void> {
  const { random } = shop;
  const parts = random.between(1, 3);
  for (let part = 1; part <= parts; part += 1) {
    const amount = part === parts && random.chance(0.5) ? null : `${Math.max(1, Math.floor(Number(price) / 4))}.00`;
    const { refundPayment } = await shop.ask(shop.operator, REFUND, {
      input: {
        paymentId,
        reason: `part ${part}`,
        to: random.pick(['GATEWAY', 'GATEWAY', 'WALLET']),
        ...(amount && { amount }),
        idempotencyKey: `${name}-refund-${part}`,
      },
    });
    const codes = refundPayment.userErrors.map(({ code }: { code: string }) => code);
    if (codes.includes('OUTCOME_UNKNOWN')) counts.unknown += 1;
    if (codes.length > 0) return;
    counts.refunds += 1;
  }
}
