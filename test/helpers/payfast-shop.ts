import { createHash } from 'node:crypto';

import type { PaymentForm } from '../../src/integrations/contract.ts';
import { bodyContext } from '../../src/webhook-deliveries.ts';
import type { TestApp } from './app.ts';
import type { BookPayment } from './payfast.ts';
import { Shop, rawId, type WebhookReply } from './shop.ts';
import type { BookDelivery, FaultRule } from './simulators.ts';

/** A payment by form that waits for its customer. */
export interface Begun {
  /** Global ids. */
  readonly orderId: string;
  readonly paymentId: string;
  /** Inner id of the payment. */
  readonly id: string;
  readonly paymentUrl: string;
}

/** A form that was posted: the vendor's page and its id there. */
export interface Checkout extends Begun {
  readonly page: string;
  readonly transaction: string;
  /** What the browser posted. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface Held {
  readonly id: string;
  readonly status: string;
  readonly review_reason: string | null;
  readonly captured_minor: string;
  readonly gateway_key: string | null;
}

const CREATE =
  'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code field } } }';
const PAY =
  'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id status paymentUrl } userErrors { code field message } } }';
const METHODS = 'query ($id: ID!) { paymentMethods(orderId: $id) { id gateway name kind } }';
const URL_OF = 'query ($id: ID!) { payment(id: $id) { status paymentUrl } }';

/** What customers of the demo tenant do at PayFast, and what PayFast sends (payment-gateways.md section 2). */
export class PayfastShop {
  readonly world: TestApp;
  readonly shop: Shop;
  readonly account: string;
  readonly credentials: Readonly<Record<string, string>>;
  #methodId: string | null = null;

  private constructor(shop: Shop, credentials: Readonly<Record<string, string>>) {
    this.world = shop.world;
    this.shop = shop;
    this.account = shop.account;
    this.credentials = credentials;
  }

  static async open(world: TestApp): Promise<PayfastShop> {
    const shop = await Shop.open(world);
    const connection = await world.app.gateways.connect(shop.tenantId, 'PAYFAST');
    return new PayfastShop(shop, connection!.credentials);
  }

  faults(rules: readonly FaultRule[]): Promise<void> {
    return this.world.simulators.scenario({ integration: 'payfast', account: this.account, rules });
  }

  async withFaults<T>(rules: readonly FaultRule[], work: () => Promise<T>): Promise<T> {
    await this.faults(rules);
    try {
      return await work();
    } finally {
      await this.faults([]);
    }
  }

  /** @returns the global id of an issued order */
  async issued(unitPrice = '249.90', currencyCode = 'ZAR', more: object = {}): Promise<string> {
    const input = { ...this.shop.orderInput({ unitPrice }), currencyCode };
    const { createOrder } = await this.world.data(this.shop.operator, CREATE, { input });
    await this.shop.issue(createOrder.order.id, more);
    return createOrder.order.id;
  }

  async methods(orderId: string): Promise<{ id: string; gateway: string; name: string; kind: string }[]> {
    return (await this.world.data(this.shop.customer, METHODS, { id: orderId })).paymentMethods;
  }

  async methodId(orderId: string): Promise<string> {
    return (this.#methodId ??= (await this.methods(orderId)).find(({ gateway }) => gateway === 'PAYFAST')!.id);
  }

  async pay(orderId: string, more: Record<string, unknown> = {}) {
    const input = { orderId, methodId: await this.methodId(orderId), ...more };
    return (await this.world.data(this.shop.customer, PAY, { input })).payOrder;
  }

  async begun(orderId?: string, more?: Record<string, unknown>): Promise<Begun> {
    const order = orderId ?? (await this.issued());
    const { payment, userErrors } = await this.pay(order, more);
    if (!payment) throw new Error(`Not begun: ${JSON.stringify(userErrors)}`);
    return { orderId: order, paymentId: payment.id, id: rawId(payment.id), paymentUrl: payment.paymentUrl };
  }

  /** The address the graph gives now. */
  async linkOf({ paymentId }: Pick<Begun, 'paymentId'>): Promise<string | null> {
    return (await this.world.data(this.shop.customer, URL_OF, { id: paymentId })).payment.paymentUrl;
  }

  /** Opens our page as a browser does. */
  open(link: string, method = 'GET') {
    return this.world.request(method, new URL(link).pathname);
  }

  async formAt(link: string): Promise<PaymentForm> {
    const page = await this.open(link);
    if (page.status !== 200) throw new Error(`No form (${page.status}): ${page.text}`);
    return readForm(page.text);
  }

  /** The customer's browser goes through our page to the vendor's. */
  async checkedOut(begun?: Begun): Promise<Checkout> {
    const started = begun ?? (await this.begun());
    const form = await this.formAt(started.paymentUrl);
    const page = await this.world.simulators.submit(form);
    const newest = (await this.book()).payments.find(({ merchantPaymentId }) => merchantPaymentId === started.id);
    return { ...started, page, transaction: String(newest!.paymentId), fields: form.fields };
  }

  /** What the customer does on the vendor's page; its notification follows unless a fault swallows it. */
  async act({ page }: Pick<Checkout, 'page'>, action: 'pay' | 'fail' | 'pending' | 'cancel'): Promise<void> {
    const { outcome } = await this.world.simulators.act(page, action);
    if (!outcome) throw new Error(`The vendor did not let this happen: ${action}`);
  }

  /** As act, but the vendor's own message is lost: the test sends it, or none. */
  silently(checkout: Pick<Checkout, 'page'>, action: 'pay' | 'fail' | 'pending'): Promise<void> {
    return this.withFaults([{ operation: action, fault: 'lostWebhook' }], () => this.act(checkout, action));
  }

  async book(): Promise<{ payments: readonly BookPayment[]; deliveries: readonly BookDelivery[] }> {
    const { book, deliveries } = await this.world.simulators.bookOf('payfast', this.account);
    return { payments: (book as { payments: BookPayment[] }).payments, deliveries };
  }

  /**
   * A notification as the vendor writes it (payment-gateways.md 2.5), in its order, blank fields included.
   * @param change fields that are other than the vendor said
   */
  notification(
    checkout: Checkout,
    status: 'COMPLETE' | 'FAILED' | 'PENDING',
    change: Readonly<Record<string, string>> = {},
    passphrase = this.credentials['PASSPHRASE']!,
  ): string {
    const form = checkout.fields;
    const paid = status === 'COMPLETE';
    const cents = Math.round(Number(form['amount']) * 100);
    const fee = paid ? Math.floor((cents * 32 + 500) / 1_000) + 200 : 0;
    const rand = (amount: number) => (amount / 100).toFixed(2);
    const customs = ['str', 'int'].flatMap((kind) =>
      [1, 2, 3, 4, 5].map((n): [string, string] => [`custom_${kind}${n}`, '']),
    );
    const fields: [string, string][] = [
      ['m_payment_id', checkout.id],
      ['pf_payment_id', checkout.transaction],
      ['payment_status', status],
      ['item_name', form['item_name'] ?? ''],
      ['item_description', form['item_description'] ?? ''],
      ['amount_gross', rand(cents)],
      ['amount_fee', fee === 0 ? '0.00' : `-${rand(fee)}`],
      ['amount_net', rand(cents - fee)],
      ...customs,
      ['name_first', form['name_first'] ?? ''],
      ['name_last', form['name_last'] ?? ''],
      ['email_address', form['email_address'] ?? ''],
      ['merchant_id', this.credentials['MERCHANT_ID']!],
    ];
    return signed(
      fields.map(([name, value]) => [name, change[name] ?? value]),
      passphrase,
    );
  }

  /** Delivers to the real endpoint. */
  async deliver(body: string, more: { slug?: string; headers?: Record<string, string> } = {}): Promise<WebhookReply> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...more.headers };
    const path = `/webhooks/payments/payfast/${more.slug ?? this.account}`;
    const { status, text } = await this.world.request('POST', path, { headers, body });
    const answer = JSON.parse(text);
    return { status, verdict: answer.verdict ?? answer.error?.code, word: answer.status };
  }

  /** The bodies of a payment's deliveries as they came, oldest first. */
  async deliveredBodies(id: string): Promise<string[]> {
    const rows = await this.world.owner(
      'select id, body_sealed from webhook_deliveries where payment_id = $1 order by received_at, id',
      [id],
    );
    return rows.map((row) =>
      this.world.app.vault.open(row.body_sealed, bodyContext(this.shop.tenantId, row.id)).toString(),
    );
  }

  async stateOf({ orderId, id }: Pick<Begun, 'orderId' | 'id'>) {
    const [order, payment] = await Promise.all([this.shop.orderRow(orderId), this.shop.paymentRow(id)]);
    return { order: order.status, shown: order.payment_status, payment: payment.status };
  }

  /** All payments of an order, oldest first. */
  paymentsOf(orderId: string): Promise<Held[]> {
    return this.world.owner<Held>(
      'select id, status, review_reason, captured_minor, gateway_key from payments where order_id = $1 order by created_at, id',
      [rawId(orderId)],
    );
  }
}

/** The parameter string under the vendor's signature: ordered, blanks included, the passphrase behind (2.5). */
function signed(fields: readonly (readonly [string, string])[], passphrase: string): string {
  const text = fields.map(([name, value]) => `${name}=${encode(value)}`).join('&');
  const signature = createHash('md5')
    .update(`${text}&passphrase=${encode(passphrase)}`)
    .digest('hex');
  return `${text}&signature=${signature}`;
}

// As PHP's urlencode does (payment-gateways.md 0.3).
function encode(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

/** The form of a page, as a browser would post it. */
export function readForm(html: string): PaymentForm {
  const attribute = (tag: string, name: string) => {
    const found = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
    return found?.replace(/&#(\d+);/g, (_entity, code: string) => String.fromCharCode(Number(code)));
  };
  const [tag = ''] = /<form\b[^>]*>/.exec(html) ?? [];
  const inputs = [...html.matchAll(/<input\b[^>]*>/g)].map(([input]) => input);
  return {
    action: attribute(tag, 'action') ?? '',
    fields: Object.fromEntries(inputs.map((input) => [attribute(input, 'name')!, attribute(input, 'value')!])),
  };
}
