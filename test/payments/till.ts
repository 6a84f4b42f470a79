import { createHmac } from 'node:crypto';

import { eventually, type As, type TestApp } from '../helpers/app.ts';

/** An order somebody is about to pay, and what may be seen of it. */
export interface Sale {
  readonly orderId: string;
  readonly orderUuid: string;
  readonly paymentId: string;
  readonly paymentUuid: string;
  readonly paymentUrl: string;
  readonly invoiceId: number;
  readonly invoiceKey: string;
}

export interface Books {
  readonly order: { status: string; payment_status: string; paid: string };
  readonly payments: readonly { id: string; status: string; captured: string; review_reason: string | null }[];
  readonly invoices: number;
  /** Postings by kind. */
  readonly postings: readonly string[];
  readonly events: readonly string[];
}

/** Everything a test about money does, in words. */
export class Till {
  readonly world: TestApp;
  readonly operator: As;
  readonly customer: As;
  readonly customerId: string;

  constructor(world: TestApp, operator: As, customer: As, customerId: string) {
    this.world = world;
    this.operator = operator;
    this.customer = customer;
    this.customerId = customerId;
  }

  static async open(world: TestApp): Promise<Till> {
    const customer = await world.session('customer');
    return new Till(
      world,
      { token: (await world.session('operator')).accessToken },
      { token: customer.accessToken },
      customer.userId,
    );
  }

  async issuedOrder(price = '100.00', more: Record<string, unknown> = {}): Promise<string> {
    const { createOrder } = await this.world.data(
      this.operator,
      'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }',
      {
        input: {
          type: 'MANUAL_INVOICE',
          customerId: this.customerId,
          items: [{ description: [{ locale: 'en', text: 'Tea' }], quantity: 1, unitPrice: price, taxRate: '14' }],
        },
      },
    );
    await this.world.data(
      this.operator,
      'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { userErrors { code } } }',
      { input: { orderId: createOrder.order.id, ...more } },
    );
    return createOrder.order.id;
  }

  async methodId(orderId: string, name = 'Visa-Mastercard'): Promise<string> {
    const { paymentMethods } = await this.world.data(
      this.customer,
      'query ($id: ID!) { paymentMethods(orderId: $id) { id name } }',
      { id: orderId },
    );
    return paymentMethods.find((method: { name: string }) => method.name === name).id;
  }

  /** The payload of payOrder as it comes. */
  async pay(
    orderId: string,
    methodId: string,
    idempotencyKey?: string,
  ): Promise<{
    payment: { id: string; status: string; paymentUrl: string } | null;
    userErrors: { code: string; details: any }[];
  }> {
    const { payOrder } = await this.world.data(
      this.customer,
      'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id status paymentUrl } userErrors { code details } } }',
      { input: { orderId, methodId, idempotencyKey } },
    );
    return payOrder;
  }

  async sale(price?: string, method?: string): Promise<Sale> {
    const orderId = await this.issuedOrder(price);
    return this.startPaying(orderId, method);
  }

  async startPaying(orderId: string, method?: string): Promise<Sale> {
    const { payment } = await this.pay(orderId, await this.methodId(orderId, method));
    const [row] = await this.world.owner('select id, gateway_reference, gateway_key from payments where id = $1', [
      uuidOf(payment!.id),
    ]);
    return {
      orderId,
      orderUuid: uuidOf(orderId),
      paymentId: payment!.id,
      paymentUuid: row.id,
      paymentUrl: payment!.paymentUrl,
      invoiceId: Number(row.gateway_reference),
      invoiceKey: row.gateway_key,
    };
  }

  /** What the gateway itself says from now on, without sending a webhook. */
  async atGateway(sale: Sale, action: 'pay' | 'fail' | 'expire'): Promise<void> {
    await this.world.simulators.scenario({
      account: this.world.facts.tenantSlug,
      rules: [{ operation: action, fault: 'lostWebhook' }],
    });
    await this.world.simulators.act(sale.paymentUrl, action);
    await this.world.simulators.scenario({ account: this.world.facts.tenantSlug, rules: [] });
  }

  /** A webhook as the gateway writes it, properly signed; delivered by the test, when and as often as it likes. */
  webhook(
    sale: Sale,
    kind: 'paid' | 'failed' | 'expired',
    more: Record<string, unknown> = {},
  ): Promise<{ status: number; verdict: string }> {
    const body: Record<string, unknown> =
      kind === 'expired'
        ? {
            referenceId: String(sale.invoiceId),
            status: 'EXPIRED',
            paymentMethod: 'Visa-Mastercard',
            transactionId: sale.invoiceId,
            transactionKey: sale.invoiceKey,
            pay_load: { payment_id: sale.paymentUuid },
          }
        : {
            invoice_key: sale.invoiceKey,
            invoice_id: sale.invoiceId,
            payment_method: 'Visa-Mastercard',
            pay_load: { payment_id: sale.paymentUuid },
            ...(kind === 'paid'
              ? { invoice_status: 'paid' }
              : { errorMessage: 'declined', amount: '114.00', paidCurrency: 'EGP' }),
          };
    const signed =
      kind === 'expired'
        ? `referenceId=${sale.invoiceId}&PaymentMethod=Visa-Mastercard`
        : `InvoiceId=${sale.invoiceId}&InvoiceKey=${sale.invoiceKey}&PaymentMethod=Visa-Mastercard`;
    return this.deliver({
      ...body,
      hashKey: createHmac('sha256', this.world.vendorKey).update(signed).digest('hex'),
      ...more,
    });
  }

  async deliver(body: unknown, slug = this.world.facts.tenantSlug): Promise<{ status: number; verdict: string }> {
    const answer = await this.world.request('POST', `/webhooks/payments/fawaterk/${slug}?_json`, {
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: answer.status, verdict: JSON.parse(answer.text).verdict };
  }

  async books(orderUuid: string): Promise<Books> {
    const [order] = await this.world.owner(
      'select status, payment_status, paid_minor::text as paid from orders where id = $1',
      [orderUuid],
    );
    const payments = await this.world.owner(
      'select id, status, captured_minor::text as captured, review_reason from payments where order_id = $1 order by created_at',
      [orderUuid],
    );
    const [invoices] = await this.world.owner('select count(*)::int as count from invoices where order_id = $1', [
      orderUuid,
    ]);
    const postings = await this.world.owner(
      'select kind from ledger_transactions where subject_id = any($1::uuid[]) order by occurred_at, kind',
      [payments.map(({ id }) => id)],
    );
    const events = await this.world.owner(
      "select type || ' ' || (payload ->> 'previousStatus') || '>' || (payload ->> 'status') as step from events where (aggregate_id = $1 or payload ->> 'orderId' = $1::text) and type like '%.status' order by position",
      [orderUuid],
    );
    return {
      order,
      payments,
      invoices: invoices.count,
      postings: postings.map(({ kind }) => kind),
      events: events.map(({ step }) => step),
    };
  }

  /** No transaction of the ledger is out of balance, and every account is the sum of its entries. */
  async faultsOfLedger(): Promise<unknown[]> {
    return this.world.owner(
      `select 'transaction' as what, transaction_id::text as id from ledger_entries group by tenant_id, transaction_id having sum(amount_minor) <> 0
       union all
       select 'account', a.id::text from ledger_accounts a left join ledger_entries e on e.tenant_id = a.tenant_id and e.account_id = a.id
         group by a.tenant_id, a.id, a.balance_minor having coalesce(sum(e.amount_minor), 0) <> a.balance_minor`,
    );
  }

  until(orderUuid: string, holds: (books: Books) => boolean): Promise<Books> {
    return eventually(() => this.books(orderUuid), holds);
  }
}

export function uuidOf(globalId: string): string {
  return Buffer.from(globalId, 'base64url').toString().split(':')[1]!;
}
