import { createHmac } from 'node:crypto';

import type { Login } from '../../prisma/seed.ts';
import { decodeGlobalId, encodeGlobalId } from '../../src/global-id.ts';
import type { As, TestApp } from './app.ts';
import type { BookInvoice, FaultRule } from './simulators.ts';

/** What the demo tenant's people do all day, and what its gateway sends: for tests of orders and payments. */

export type HookKind = 'paid' | 'failed' | 'cancel';

export interface Hook {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A payment that waits for its customer at the gateway. */
export interface Started {
  /** Global ids. */
  readonly orderId: string;
  readonly paymentId: string;
  /** Inner id of the payment. */
  readonly id: string;
  readonly paymentUrl: string;
  readonly invoice: BookInvoice;
}

export interface WebhookReply {
  readonly status: number;
  readonly verdict: string;
  /** What older senders read: ok, already_processed ... */
  readonly word: string;
}

export interface NewOrder {
  readonly unitPrice?: string;
  readonly taxRate?: string;
  readonly quantity?: number;
  readonly text?: string;
  readonly type?: string;
}

const CREATE =
  'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id status } userErrors { code field } } }';
const ISSUE =
  'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { id number status } userErrors { code field } } }';
const PAY =
  'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id status paymentUrl referenceCode } userErrors { code field details } } }';
const REVIEW =
  'mutation ($input: ResolvePaymentReviewInput!) { resolvePaymentReview(input: $input) { payment { id status reviewReason } userErrors { code } } }';
const METHODS = 'query ($id: ID!) { paymentMethods(orderId: $id) { id kind } }';

export const rawId = (globalId: string): string => decodeGlobalId(globalId)!.id;

export class Shop {
  readonly world: TestApp;
  readonly operator: As;
  readonly customer: As;
  readonly customerId: string;
  readonly tenantId: string;
  /** The gateway's account of this tenant. */
  readonly account: string;
  readonly #vendorKey: string;
  readonly #methods = new Map<string, string>();

  private constructor(
    facts: Pick<Shop, 'world' | 'operator' | 'customer' | 'customerId' | 'tenantId'>,
    vendorKey: string,
  ) {
    this.world = facts.world;
    this.operator = facts.operator;
    this.customer = facts.customer;
    this.customerId = facts.customerId;
    this.tenantId = facts.tenantId;
    this.account = facts.world.facts.tenantSlug;
    this.#vendorKey = vendorKey;
  }

  /** The gateway sends nothing of its own accord from here on: tests deliver its hooks themselves. */
  static async open(world: TestApp, buyer: 'customer' | Login = 'customer'): Promise<Shop> {
    const [operator, customer] = await Promise.all([world.session('operator'), world.session(buyer)]);
    const [{ id: tenantId }] = await world.owner('select id from tenants where slug = $1', [world.facts.tenantSlug]);
    const connection = await world.app.gateways.connect(tenantId, 'FAWATERK');
    const facts = {
      world,
      tenantId,
      operator: { token: operator.accessToken },
      customer: { token: customer.accessToken },
      customerId: customer.userId,
    };
    const shop = new Shop(facts, connection!.credentials['VENDOR_KEY']!);
    await shop.faults([]);
    return shop;
  }

  get scope() {
    return { tenantId: this.tenantId, customerId: null };
  }

  /** Sets the gateway's misbehaviour; none sends hooks by itself. */
  faults(rules: readonly FaultRule[]): Promise<void> {
    return this.world.simulators.scenario({
      account: this.account,
      rules: [...rules, { operation: '*', fault: 'lostWebhook' }],
    });
  }

  async withFaults<T>(rules: readonly FaultRule[], work: () => Promise<T>): Promise<T> {
    await this.faults(rules);
    try {
      return await work();
    } finally {
      await this.faults([]);
    }
  }

  orderInput(order: NewOrder = {}) {
    const { unitPrice = '100.00', quantity = 1, text = 'Tea', type = 'MANUAL_INVOICE', taxRate } = order;
    const item = { description: [{ locale: 'en', text }], quantity, unitPrice, ...(taxRate && { taxRate }) };
    return { type, customerId: this.customerId, items: [item] };
  }

  /** @returns the draft's global id */
  async draft(order?: NewOrder): Promise<string> {
    const { createOrder } = await this.world.data(this.operator, CREATE, { input: this.orderInput(order) });
    return createOrder.order.id;
  }

  issue(orderId: string, more: object = {}) {
    return this.world.data(this.operator, ISSUE, { input: { orderId, ...more } }).then(({ issueOrder }) => issueOrder);
  }

  async issued(order?: NewOrder): Promise<string> {
    const orderId = await this.draft(order);
    await this.issue(orderId);
    return orderId;
  }

  async methodId(orderId: string, kind: 'REDIRECT' | 'REFERENCE_CODE' = 'REDIRECT'): Promise<string> {
    if (this.#methods.size === 0) {
      const { paymentMethods } = await this.world.data(this.customer, METHODS, { id: orderId });
      for (const method of paymentMethods.toReversed()) this.#methods.set(method.kind, method.id);
    }
    return this.#methods.get(kind)!;
  }

  async pay(orderId: string, more: { kind?: 'REDIRECT' | 'REFERENCE_CODE'; idempotencyKey?: string } = {}) {
    const { kind, ...rest } = more;
    const input = { orderId, methodId: await this.methodId(orderId, kind), ...rest };
    return (await this.world.data(this.customer, PAY, { input })).payOrder;
  }

  async started(order?: NewOrder, kind?: 'REDIRECT' | 'REFERENCE_CODE'): Promise<Started> {
    return this.startedOn(await this.issued(order), kind);
  }

  async startedOn(orderId: string, kind?: 'REDIRECT' | 'REFERENCE_CODE'): Promise<Started> {
    const { payment, userErrors } = await this.pay(orderId, { ...(kind && { kind }) });
    if (!payment) throw new Error(`Not started: ${JSON.stringify(userErrors)}`);
    const id = rawId(payment.id);
    return { orderId, paymentId: payment.id, id, paymentUrl: payment.paymentUrl, invoice: await this.invoiceOf(id) };
  }

  /** The gateway's own books about a payment. */
  async invoiceOf(id: string): Promise<BookInvoice> {
    const { invoices } = await this.world.simulators.book(this.account);
    const found = invoices.find((invoice) => JSON.stringify(invoice.payLoad).includes(id));
    if (!found) throw new Error(`The gateway knows nothing of payment ${id}.`);
    return found;
  }

  /** What the customer does at the gateway; no hook comes of it. */
  async atGateway(
    { invoice }: Pick<Started, 'invoice'>,
    action: 'pay' | 'fail' | 'expire',
    more: { late?: boolean } = {},
  ): Promise<void> {
    const page = `${this.world.simulators.url}/fawaterk/pay/${invoice.invoiceKey}`;
    const { outcome } = await this.world.simulators.act(page, action, more);
    if (!outcome) throw new Error(`The gateway did not let this happen: ${action}`);
  }

  /** A hook signed as the vendor signs it (payment-gateways.md 1.5): its hash covers neither status nor amount. */
  hook(kind: HookKind, invoice: BookInvoice, change: Record<string, unknown> = {}): Hook {
    const { invoiceId, invoiceKey, method, payLoad, code, total, currency } = invoice;
    const hash = (text: string) => createHmac('sha256', this.#vendorKey).update(text).digest('hex');
    const ofInvoice = {
      hashKey: hash(`InvoiceId=${invoiceId}&InvoiceKey=${invoiceKey}&PaymentMethod=${method}`),
      invoice_id: invoiceId,
      invoice_key: invoiceKey,
      payment_method: method,
      pay_load: payLoad,
    };
    // The vendor's own reference; of a card's page it is the invoice.
    const reference = code ?? String(invoiceId);
    const fields = {
      paid: { ...ofInvoice, invoice_status: 'paid', paidAmount: total, paidCurrency: currency },
      failed: { ...ofInvoice, errorMessage: 'Declined by the issuer', amount: total, paidCurrency: currency },
      cancel: {
        hashKey: hash(`referenceId=${reference}&PaymentMethod=${method}`),
        referenceId: reference,
        status: 'EXPIRED',
        paymentMethod: method,
        transactionId: invoiceId,
        transactionKey: invoiceKey,
        pay_load: payLoad,
      },
    }[kind];
    return { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...fields, ...change }) };
  }

  /** Any body with the hash of any text, as the vendor makes it. */
  signed(body: object, text: string): Hook {
    const hashKey = createHmac('sha256', this.#vendorKey).update(text).digest('hex');
    return { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...body, hashKey }) };
  }

  /** Delivers a hook to the real endpoint. */
  async deliver(hook: Hook, slug: string = this.account): Promise<WebhookReply> {
    const { status, text } = await this.world.request('POST', `/webhooks/payments/fawaterk/${slug}?_json`, hook);
    const answer = JSON.parse(text);
    return { status, verdict: answer.verdict ?? answer.error?.code, word: answer.status };
  }

  /** The customer pays and the hook arrives. */
  async paid(started: Started): Promise<WebhookReply> {
    await this.atGateway(started, 'pay');
    return this.deliver(this.hook('paid', started.invoice));
  }

  async review(paymentId: string, decision: 'ACCEPT' | 'REFUND') {
    const input = { paymentId, decision, reason: 'looked at' };
    return (await this.world.data(this.operator, REVIEW, { input })).resolvePaymentReview;
  }

  async orderRow(orderId: string) {
    return (await this.world.owner('select * from orders where id = $1', [rawId(orderId)]))[0];
  }

  async paymentRow(id: string) {
    return (await this.world.owner('select * from payments where id = $1', [id]))[0];
  }

  invoices(orderId: string) {
    return this.world.owner('select * from invoices where order_id = $1', [rawId(orderId)]);
  }

  /** Kinds of ledger transactions about a payment, oldest first. */
  async postings(id: string): Promise<string[]> {
    const rows = await this.world.owner<{ kind: string }>(
      'select kind from ledger_transactions where subject_id = $1 order by occurred_at, id',
      [id],
    );
    return rows.map(({ kind }) => kind);
  }

  /** The verdicts of a payment's deliveries in the order in which they came. */
  async verdicts(id: string): Promise<string[]> {
    const rows = await this.world.owner<{ verdict: string }>(
      'select verdict from webhook_deliveries where payment_id = $1 order by received_at, id',
      [id],
    );
    return rows.map(({ verdict }) => verdict);
  }

  /** How a payment or order moved, by its events: FROM>TO in their order. */
  async moves(inner: string): Promise<string[]> {
    const rows = await this.world.owner(
      `select payload from events where aggregate_id = $1 and type in ('payment.status', 'order.status') order by position`,
      [inner],
    );
    return rows.map(({ payload }) => `${payload.previousStatus}>${payload.status}`);
  }

  node(type: string, id: string): string {
    return encodeGlobalId(type, id);
  }
}
