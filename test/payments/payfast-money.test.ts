import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { pollRefund } from '../../src/resolvers/refund-poll.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { PayfastShop, type Checkout, type Held } from '../helpers/payfast-shop.ts';
import { rawId } from '../helpers/shop.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';

/** Payments by form beside the rest of the money: fees, the wallet's share, refunds of the right transaction (COM-5, COM-10). */
let world: TestApp;
let payfast: PayfastShop;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  payfast = await PayfastShop.open(world);
});
afterEach(async () => expect(await brokenLaws(world)).toEqual({}));
afterAll(() => world.stop());

async function paid(begun?: Parameters<PayfastShop['checkedOut']>[0]): Promise<Checkout> {
  const checkout = await payfast.checkedOut(begun);
  await payfast.act(checkout, 'pay');
  await eventually(
    () => payfast.stateOf(checkout),
    ({ order }) => order === 'PAID',
  );
  return checkout;
}

const entriesOf = (subject: string) =>
  world.owner<{ kind: string; amount: number }>(
    `select a.kind::text, e.amount_minor::int as amount from ledger_entries e
       join ledger_transactions t on t.tenant_id = e.tenant_id and t.id = e.transaction_id
       join ledger_accounts a on a.tenant_id = e.tenant_id and a.id = e.account_id
     where t.subject_id = $1 order by e.amount_minor desc, a.kind::text`,
    [subject],
  );

test('what the vendor keeps of a payment is booked as its fee', async () => {
  const checkout = await paid();
  // 3.2 % of 249.90 and two rand.
  expect(await entriesOf(checkout.id)).toEqual([
    { kind: 'GATEWAY_CLEARING', amount: 23990 },
    { kind: 'GATEWAY_FEES', amount: 1000 },
    { kind: 'REVENUE', amount: -24990 },
  ]);
});

describe('with a share of the wallet', () => {
  const wallet = (amountMinor: bigint) =>
    giveWallet(world, rawId(payfast.shop.customerId), amountMinor, DEMO_TENANT, 'ZAR');

  test('the form asks for the rest, and both are taken when it is paid', async () => {
    await wallet(10_000n);
    const begun = await payfast.begun(undefined, { walletAmount: '100.00' });
    expect((await payfast.formAt(begun.paymentUrl)).fields).toMatchObject({ amount: '149.90' });
    await paid(begun);
    expect((await payfast.shop.orderRow(begun.orderId)).paid_minor).toBe('24990');
    expect((await payfast.paymentsOf(begun.orderId)).map(({ status }) => status)).toEqual(['PAID', 'PAID']);
  });

  test('that is free again there is no form, because what it asked for would no longer do', async () => {
    await wallet(10_000n);
    const begun = await payfast.begun(undefined, { walletAmount: '100.00' });
    await world.owner("update payments set status = 'EXPIRED' where share_of_id = $1", [begun.id]);
    expect((await payfast.open(begun.paymentUrl)).status).toBe(409);
    await world.owner("update payments set status = 'PENDING' where share_of_id = $1", [begun.id]);
    expect((await payfast.open(begun.paymentUrl)).status).toBe(200);
  });
});

describe('a refund', () => {
  const REFUND = `mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) {
    payment { status refunded { amount } refunds { status target } order { status } } userErrors { code } } }`;
  const refund = async (paymentId: string, amount?: string) =>
    (
      await world.data(payfast.shop.operator, REFUND, {
        input: { paymentId, reason: 'a scratch', ...(amount && { amount }) },
      })
    ).refundPayment;
  const refundedThere = async ({ transaction }: Checkout) =>
    (await payfast.book()).payments.find(({ paymentId }) => String(paymentId) === transaction)!.refunded;

  test('in two parts goes through the vendor, about the transaction that was paid', async () => {
    const checkout = await paid();
    expect(await refund(checkout.paymentId, '49.90')).toMatchObject({
      payment: { status: 'PARTIALLY_REFUNDED', refunded: { amount: '49.90' }, order: { status: 'PARTIALLY_REFUNDED' } },
      userErrors: [],
    });
    expect(await refundedThere(checkout)).toBe('49.90');
    expect(await refund(checkout.paymentId)).toMatchObject({
      payment: { status: 'REFUNDED', refunded: { amount: '249.90' }, order: { status: 'REFUNDED' } },
    });
    expect(await refundedThere(checkout)).toBe('249.90');
  });

  test('of a second success gives that transaction back and leaves the first one alone', async () => {
    const begun = await payfast.begun();
    const [one, other] = [await payfast.checkedOut(begun), await payfast.checkedOut(begun)];
    for (const window of [one, other]) {
      await payfast.silently(window, 'pay');
      await payfast.deliver(payfast.notification(window, 'COMPLETE'));
    }
    const [, held] = (await payfast.paymentsOf(begun.orderId)) as [Held, Held];
    expect(held.status).toBe('UNDER_REVIEW');
    await payfast.shop.review(payfast.shop.node('Payment', held.id), 'REFUND');
    const [{ id }] = await world.owner('select id from refunds where payment_id = $1', [held.id]);
    await pollRefund(world.app, payfast.shop.scope, id);
    expect(await refundedThere(other)).toBe('249.90');
    expect(await refundedThere(one)).toBe('0.00');
    expect(await payfast.paymentsOf(begun.orderId)).toMatchObject([{ status: 'PAID' }, { status: 'REFUNDED' }]);
    expect((await payfast.shop.orderRow(begun.orderId)).status).toBe('PAID');
    // Told of it once more, nothing is held anew.
    expect((await payfast.deliver(payfast.notification(other, 'COMPLETE'))).verdict).toBe('ALREADY_PROCESSED');
    expect(await payfast.paymentsOf(begun.orderId)).toHaveLength(2);
  });
});
