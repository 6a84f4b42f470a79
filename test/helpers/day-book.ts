import { randomUUID } from 'node:crypto';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import type { App } from '../../src/context.ts';
import type { AmountRule } from '../../src/domain/payment.ts';
import { adjustmentPosting } from '../../src/domain/ledger.ts';
import { decodeGlobalId } from '../../src/global-id.ts';
import { postLedger, type Posting } from '../../src/ledger.ts';
import { creditCashback, expirePoints } from '../../src/resolvers/loyalty-due.ts';
import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { settleRefund } from '../../src/resolvers/refund-settle.ts';
import { settle } from '../../src/resolvers/settlement.ts';
import { insertShare } from '../../src/resolvers/wallet-share.ts';
import { lockOrder } from '../../src/resolvers/order-lock.ts';
import type { As, TestApp } from './app.ts';

export interface NewSale {
  readonly at: string;
  readonly currencyCode?: string;
  readonly totalMinor?: bigint;
  readonly taxMinor?: bigint;
  readonly type?: 'MANUAL_INVOICE' | 'TOP_UP';
}

export interface Paid {
  /** What came; as was asked for unless told. */
  readonly amountMinor?: bigint;
  readonly currencyCode?: string;
  readonly feeMinor?: bigint;
  readonly amountRule?: AmountRule;
}

const REPORT = `query ($from: Date!, $to: Date!) { moneyReport(from: $from, to: $to) { from to timeZone csvUrl
  rows { date currencyCode ${[
    'sold taken takenByWallet toppedUp refundedToGateway refundedToWallet fees commission',
    'atGateways underReview outstanding walletLiability customerCredit cashbackPending',
  ]
    .join(' ')
    .replaceAll(/\w+/g, '$& { minorUnits }')} pointsLiability { points worth { amount currencyCode } } }
  differences { date currencyCode what ledger records difference count ids } } }`;

let tenants = 0;

/** A tenant of its own whose money moves at any time one likes: by the product's own functions, each with a clock that shows that time. */
export class DayBook {
  readonly world: TestApp;
  readonly tenantId: string;
  readonly customerId: string;
  /** The platform's staff in this tenant. */
  readonly staff: As;
  #orders = 0;

  private constructor(facts: Pick<DayBook, 'world' | 'tenantId' | 'customerId' | 'staff'>) {
    this.world = facts.world;
    this.tenantId = facts.tenantId;
    this.customerId = facts.customerId;
    this.staff = facts.staff;
  }

  static async open(world: TestApp, timeZone: string, currencyCode = 'EGP'): Promise<DayBook> {
    // One person looks at more reports here than a person would.
    await world.owner('update portal_configs set rate_limit_per_minute = 100000 where tenant_id = $1', [
      PLATFORM_TENANT_ID,
    ]);
    const { accessToken: token } = await world.session('platformAdmin');
    tenants += 1;
    const slug = `book-${tenants}-${randomUUID().slice(0, 8)}`;
    const { createTenant } = await world.data(
      { token },
      'mutation ($input: CreateTenantInput!) { createTenant(input: $input) { tenant { id } userErrors { code message } } }',
      { input: { slug, name: slug, currencyCode, timeZone } },
    );
    const tenantId = decodeGlobalId(createTenant.tenant.id)!.id;
    const customerId = randomUUID();
    await world.owner(
      "insert into users (tenant_id, id, email, role, password_hash, created_at) values ($1, $2, 'somebody@book.example', 'CUSTOMER', 'x', now())",
      [tenantId, customerId],
    );
    return new DayBook({ world, tenantId, customerId, staff: { token, tenant: slug } });
  }

  get scope() {
    return { tenantId: this.tenantId, customerId: null };
  }

  /** The product at another time. */
  at(instant: string): App {
    return { ...this.world.app, clock: { now: () => new Date(instant) } };
  }

  async rules(rules: Record<string, unknown>): Promise<void> {
    const off = { pointsEnabled: false, cashbackEnabled: false, pointsExpireDays: null, redemptionRate: '0' };
    const { updateLoyaltyRules } = await this.world.data(
      this.staff,
      'mutation ($input: UpdateLoyaltyRulesInput!) { updateLoyaltyRules(input: $input) { userErrors { code field } } }',
      { input: { ...off, ...rules } },
    );
    if (updateLoyaltyRules.userErrors.length > 0) throw new Error(JSON.stringify(updateLoyaltyRules.userErrors));
  }

  /** An issued order of one line. @returns its id */
  async issue(sale: NewSale): Promise<string> {
    const { at, currencyCode = 'EGP', totalMinor = 11_400n, taxMinor = 0n, type = 'MANUAL_INVOICE' } = sale;
    const id = randomUUID();
    this.#orders += 1;
    await this.world.owner(
      `insert into orders (tenant_id, id, number, type, status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, created_at, issued_at)
       values ($1, $2, $3, $4, 'DRAFT', $5, $6, $7, $8, $9, $10, $10)`,
      [
        this.tenantId,
        id,
        `ORD-${this.#orders}`,
        type,
        this.customerId,
        currencyCode,
        totalMinor - taxMinor,
        taxMinor,
        totalMinor,
        at,
      ],
    );
    await this.world.owner(
      `insert into order_items (tenant_id, order_id, position, descriptions, quantity, unit_price_minor, tax_rate, net_minor, tax_minor, gross_minor)
       values ($1, $2, 1, '{"en":"Tea"}', 1, $3, $4, $3, $5, $6)`,
      [this.tenantId, id, totalMinor - taxMinor, taxMinor > 0n ? '14' : null, taxMinor, totalMinor],
    );
    await this.world.owner("update orders set status = 'ISSUED' where id = $1", [id]);
    return id;
  }

  /** A payment that waits at its gateway, beside what the wallet gives. @returns its id */
  async pending(orderId: string, at: string, shareMinor = 0n): Promise<string> {
    const id = randomUUID();
    await this.world.owner(
      `insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method_kind, status, amount_minor, currency_code, created_at)
       select tenant_id, $2, id, customer_id, 'FAWATERK', '2', 'REDIRECT', 'PENDING', total_minor - $3, currency_code, $4 from orders where id = $1`,
      [orderId, id, shareMinor, at],
    );
    if (shareMinor > 0n)
      await this.world.app.db.write(this.scope, async (tx) =>
        insertShare(this.at(at), tx, await lockOrder(tx, orderId), { paymentId: id, amountMinor: shareMinor }),
      );
    return id;
  }

  /** The gateway confirms a payment. */
  async settled(paymentId: string, at: string, paid: Paid = {}): Promise<void> {
    const [row] = await this.world.owner('select amount_minor, currency_code from payments where id = $1', [paymentId]);
    const { amountMinor = BigInt(row.amount_minor), currencyCode = row.currency_code, feeMinor = 0n } = paid;
    const fact = { status: 'PAID', amountMinor, currencyCode, feeMinor } as const;
    await this.world.app.db.write(this.scope, (tx) =>
      settle(tx, this.at(at), { paymentId, claim: null, fact, amountRule: paid.amountRule ?? 'EQUAL' }),
    );
  }

  /** An order that is issued and paid at one moment. */
  async sold(sale: NewSale, paid: Paid = {}): Promise<{ orderId: string; paymentId: string }> {
    const orderId = await this.issue(sale);
    const paymentId = await this.pending(orderId, sale.at);
    await this.settled(paymentId, sale.at, paid);
    return { orderId, paymentId };
  }

  async decided(paymentId: string, decision: 'ACCEPT' | 'REFUND', at: string): Promise<void> {
    await this.world.app.db.write(this.scope, (tx) =>
      settle(tx, this.at(at), { paymentId, claim: null, fact: { decision }, amountRule: 'EQUAL' }),
    );
  }

  /** A refund that was asked for, unless one is open already, and is done. @returns its id */
  async refunded(paymentId: string, at: string, to: 'GATEWAY' | 'WALLET', amountMinor = 0n): Promise<string> {
    if (amountMinor > 0n)
      await this.world.owner(
        `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at)
         values ($1, $2, $3, $4, 'a scratch', $5, 'REQUESTED', 'test', $6)`,
        [this.tenantId, randomUUID(), paymentId, amountMinor, to, at],
      );
    const [{ id }] = await this.world.owner("select id from refunds where payment_id = $1 and status = 'REQUESTED'", [
      paymentId,
    ]);
    await this.world.app.db.write(this.scope, (tx) => settleRefund(tx, this.at(at), id, null));
    return id;
  }

  async expired(orderId: string, at: string): Promise<void> {
    await this.world.owner('update orders set expires_at = $2 where id = $1', [orderId, at]);
    await expireOrder(this.at(at), this.scope, orderId);
  }

  credited(orderId: string, at: string): Promise<void> {
    return creditCashback(this.at(at), this.scope, orderId);
  }

  ranOut(orderId: string, at: string): Promise<void> {
    return expirePoints(this.at(at), this.scope, orderId);
  }

  /** Any transaction of the ledger, whether anything else knows of it or not. */
  async post(posting: Omit<Posting, 'subjectId'> & { subjectId?: string }, at: string): Promise<void> {
    const postings = [{ subjectId: randomUUID(), ...posting }];
    await this.world.app.db.write(this.scope, (tx) => postLedger(tx, this.at(at), this.customerId, { postings }));
  }

  gift(amountMinor: bigint, at: string, currencyCode = 'EGP'): Promise<void> {
    return this.post({ kind: 'ADJUSTMENT', currencyCode, entries: adjustmentPosting({ amountMinor }) }, at);
  }

  /** As the owner, past every rule that keeps a record as it was. */
  async tamper(statement: string): Promise<void> {
    await this.world.owner(`begin; set local session_replication_role = replica; ${statement}; commit`);
  }

  /** The report as the graph gives it, amounts in minor units. */
  async report(
    from: string,
    to = from,
  ): Promise<{ rows: any[]; differences: any[]; csvUrl: string; timeZone: string }> {
    const { moneyReport } = await this.world.data(this.staff, REPORT, { from, to });
    const rows = moneyReport.rows.map((row: any) =>
      Object.fromEntries(
        Object.entries<any>(row).map(([name, value]) => [
          name,
          value?.minorUnits === undefined ? value : Number(value.minorUnits),
        ]),
      ),
    );
    return { ...moneyReport, rows };
  }

  /** One field of the rows of a currency, by day. */
  async seriesOf(names: readonly string[], from: string, to: string, currencyCode = 'EGP'): Promise<unknown[][]> {
    const { rows } = await this.report(from, to);
    return rows
      .filter((row) => row.currencyCode === currencyCode)
      .map((row) => [row.date, ...names.map((name) => row[name])]);
  }
}
