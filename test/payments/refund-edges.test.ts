import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { lookUpInquiry } from '../../src/resolvers/inquiry.ts';
import { settle } from '../../src/resolvers/settlement.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { giveWallet } from '../helpers/wallet.ts';
import { Till, uuidOf, type Sale } from './till.ts';

/** Edges of giving money back and of accepting it late: repeats after a crash, fees, leases, shares, and what only a person can end. */
let world: TestApp;
let till: Till;
let customerId: string;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  till = await Till.open(world);
  customerId = uuidOf(till.customerId);
});
afterEach(async () => {
  await world.simulators.scenario({ account: world.facts.tenantSlug, rules: [] });
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

const scope = { tenantId: '00000000-0000-4000-8000-0000000000d1', customerId: null };

async function paidSale(): Promise<Sale> {
  const sale = await till.sale();
  await till.atGateway(sale, 'pay');
  expect((await till.webhook(sale, 'paid')).verdict).toBe('ACCEPTED');
  return sale;
}

async function ask(mutation: string, input: Record<string, unknown>) {
  const type = `${mutation[0]!.toUpperCase()}${mutation.slice(1)}Input`;
  const data = await world.data(
    till.operator,
    `mutation ($input: ${type}!) { ${mutation}(input: $input) { payment { status refunded { amount } } userErrors { code } } }`,
    { input },
  );
  return data[mutation];
}

const refunds = (sale: Sale) =>
  world.owner<{ id: string; status: string }>(
    'select id, status from refunds where payment_id = $1 order by created_at',
    [sale.paymentUuid],
  );
const atVendor = async (sale: Sale) =>
  (await world.simulators.book(world.facts.tenantSlug)).refunds.filter((one) => one.invoiceId === sale.invoiceId);

describe('a refund repeated under its key', () => {
  test.each(['WALLET', 'GATEWAY'])(
    'after its process died before it could say so is the same refund (%s), not a second one',
    async (to) => {
      const sale = await paidSale();
      const input = { paymentId: sale.paymentId, amount: '30.00', reason: 'once', to, idempotencyKey: `died-${to}` };
      expect((await ask('refundPayment', input)).userErrors).toEqual([]);
      // As a process leaves it that ended between booking the refund and recording the operation.
      await world.owner(
        "update operations set status = 'IN_FLIGHT', lease_until = now() - interval '1 second', finished_at = null where key = $1",
        [`died-${to}`],
      );
      if (to === 'GATEWAY') {
        await world.simulators.decide((await atVendor(sale))[0]!.page, 'approve');
      }
      expect((await ask('refundPayment', input)).userErrors).toEqual([]);
      expect(await refunds(sale)).toHaveLength(1);
      if (to === 'GATEWAY') expect(await atVendor(sale)).toHaveLength(1);
    },
  );
});

describe('a refund whose answer is lost', () => {
  test('is not asked about by the inquiry while somebody else is asking: the lease holds', async () => {
    const sale = await paidSale();
    const [lost] = await world.owner<{ id: string }>(
      `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, sent_at, next_poll_at, leased_until)
       values ($1, gen_random_uuid(), $2, 3000, 'lost', 'GATEWAY', 'REQUESTED', 'user:x', now(), now(), now() + interval '50 seconds', now() + interval '50 seconds') returning id`,
      [scope.tenantId, sale.paymentUuid],
    );
    const [inquiry] = await world.owner(
      `insert into inquiries (tenant_id, id, about_type, about_id, reason, next_look_up_at, created_at)
       values ($1, gen_random_uuid(), 'Refund', $2, 'REFUND_ANSWER_LOST', now(), now()) returning id`,
      [scope.tenantId, lost!.id],
    );
    await lookUpInquiry(world.app, scope, inquiry.id);
    expect(await atVendor(sale)).toEqual([]);
    // Behind the lease nobody is asking, and the inquiry may pull the next look forward.
    await world.owner('update refunds set leased_until = now() where id = $1', [lost!.id]);
    await lookUpInquiry(world.app, scope, inquiry.id);
    expect(await atVendor(sale)).toHaveLength(1);
  });

  test('and that nobody but a person can end is ended by an operator, with the reason in the audit log', async () => {
    const sale = await paidSale();
    const [row] = await world.owner<{ id: string }>(
      `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, sent_at)
       values ($1, gen_random_uuid(), $2, 3000, 'lost', 'GATEWAY', 'REQUESTED', 'user:x', now(), now()) returning id`,
      [scope.tenantId, sale.paymentUuid],
    );
    const refundId = Buffer.from(`Refund:${row!.id}`).toString('base64url');
    const input = { refundId, outcome: 'NOT_DONE', reason: "the vendor's books have no such refund" };
    expect((await ask('resolveRefund', input)).userErrors).toEqual([{ code: 'INVALID_STATE' }]);
    await world.owner(
      `insert into inquiries (tenant_id, id, about_type, about_id, reason, resolution, created_at, resolved_at)
       values ($1, gen_random_uuid(), 'Refund', $2, 'REFUND_DIFFERS', 'HANDED_TO_PERSON', now(), now())`,
      [scope.tenantId, row!.id],
    );
    expect((await ask('resolveRefund', input)).userErrors).toEqual([]);
    expect((await refunds(sale))[0]!.status).toBe('REJECTED');
    expect(await world.owner('select resolution from inquiries where about_id = $1', [row!.id])).toEqual([
      { resolution: 'NOT_DONE' },
    ]);
    const [audited] = await world.owner(
      "select after from audit_entries where action = 'refund.resolve' and target = $1",
      [`Refund:${row!.id}`],
    );
    expect(audited.after).toEqual({ outcome: 'NOT_DONE', reason: input.reason });
    expect((await ask('resolveRefund', input)).userErrors).toEqual([{ code: 'INVALID_STATE' }]);
    // The way is free again.
    expect((await ask('refundPayment', { paymentId: sale.paymentId, to: 'WALLET', reason: 'now' })).userErrors).toEqual(
      [],
    );
  });
});

describe('money the gateway kept a fee of', () => {
  test('goes back in full: what the gateway holds for us is then less than nothing, and the books hold', async () => {
    const orderId = await till.issuedOrder('50.00');
    const sale = await till.startPaying(orderId);
    await world.app.db.write(scope, (tx) =>
      settle(tx, world.app, {
        paymentId: sale.paymentUuid,
        claim: null,
        fact: { status: 'PAID', amountMinor: 5_700n, currencyCode: 'EGP', feeMinor: 5_699n },
        amountRule: 'EQUAL',
      }),
    );
    const [before] = await clearing();
    await emptyClearing(BigInt(before!.balance));
    await world.owner(
      `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, sent_at)
       values ($1, gen_random_uuid(), $2, 5700, 'all', 'GATEWAY', 'REQUESTED', 'user:x', now(), now())`,
      [scope.tenantId, sale.paymentUuid],
    );
    const [refund] = await refunds(sale);
    await world.owner(
      `insert into inquiries (tenant_id, id, about_type, about_id, reason, resolution, created_at, resolved_at)
       values ($1, gen_random_uuid(), 'Refund', $2, 'GATEWAY_SILENT', 'HANDED_TO_PERSON', now(), now())`,
      [scope.tenantId, refund!.id],
    );
    const refundId = Buffer.from(`Refund:${refund!.id}`).toString('base64url');
    expect(await ask('resolveRefund', { refundId, outcome: 'DONE', reason: 'seen there' })).toMatchObject({
      payment: { status: 'REFUNDED' },
      userErrors: [],
    });
    expect(BigInt((await clearing())[0]!.balance)).toBe(-5_700n);
  });

  const clearing = () =>
    world.owner<{ balance: string }>(
      "select balance_minor::text as balance from ledger_accounts where kind = 'GATEWAY_CLEARING' and currency_code = 'EGP'",
    );

  /** Paid out to the tenant: nothing is left at the gateway. */
  async function emptyClearing(balance: bigint): Promise<void> {
    const { postLedger } = await import('../../src/ledger.ts');
    await world.app.db.write(scope, (tx) =>
      postLedger(tx, world.app, customerId, {
        postings: [
          {
            kind: 'TEST',
            subjectId: crypto.randomUUID(),
            currencyCode: 'EGP',
            entries: [
              { accountKind: 'GATEWAY_FEES', amountMinor: balance },
              { accountKind: 'GATEWAY_CLEARING', amountMinor: -balance },
            ],
          },
        ],
      }),
    );
  }
});

describe("accepting a late payment that had a wallet's share", () => {
  test('takes the share with it instead of giving it away, where the wallet still has it', async () => {
    await giveWallet(world, customerId, 4_000n);
    const orderId = await till.issuedOrder('100.00');
    const { payOrder } = await world.data(
      till.customer,
      'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id } userErrors { code } } }',
      { input: { orderId, methodId: await till.methodId(orderId), walletAmount: '40.00' } },
    );
    const paymentId = uuidOf(payOrder.payment.id);
    await world.owner("update orders set expires_at = now() - interval '1 second' where id = $1", [uuidOf(orderId)]);
    const { expireOrder } = await import('../../src/resolvers/order-expiry.ts');
    await expireOrder(world.app, scope, uuidOf(orderId));
    await world.app.db.write(scope, (tx) =>
      settle(tx, world.app, {
        paymentId,
        claim: null,
        fact: { status: 'PAID', amountMinor: 7_400n, currencyCode: 'EGP' },
        amountRule: 'EQUAL',
      }),
    );
    const wallet = async () =>
      (
        await world.owner(
          "select (-balance_minor)::text as balance from ledger_accounts where kind = 'WALLET' and holder_id = $1",
          [customerId],
        )
      )[0].balance;
    const before = BigInt(await wallet());
    const accepted = await ask('resolvePaymentReview', {
      paymentId: payOrder.payment.id,
      decision: 'ACCEPT',
      reason: 'still free',
    });
    expect(accepted).toMatchObject({ payment: { status: 'PAID' }, userErrors: [] });
    expect((await till.books(uuidOf(orderId))).order).toMatchObject({ status: 'PAID', paid: '11400' });
    expect(BigInt(await wallet())).toBe(before - 4_000n);
  });
});

test("a program with a key spends no customer's wallet", async () => {
  await giveWallet(world, customerId, 20_000n);
  const orderId = await till.issuedOrder('100.00');
  const methodId = await till.methodId(orderId, 'Wallet');
  const { payOrder } = await world.data(
    { key: world.facts.partnerKey },
    'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id } userErrors { code } } }',
    { input: { orderId, methodId } },
  );
  expect(payOrder).toEqual({ payment: null, userErrors: [{ code: 'FORBIDDEN' }] });
});
