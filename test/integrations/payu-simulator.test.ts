import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MERCHANT, startPayu } from '../helpers/payu.ts';
import { startReceiver, type Received } from '../helpers/sandbox.ts';

/**
 * The sandbox itself, spoken to by hand: what it checks is the vendor's, so nothing here comes from our client. The
 * texts and hashes are those of payment-gateways.md 3.2 to 3.5 or made by its recipe.
 */
let payu: Awaited<ReturnType<typeof startPayu>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;

const register = (more: Record<string, unknown> = {}) => payu.register({ webhookUrl: receiver.url, ...more });

beforeAll(async () => {
  payu = await startPayu({ baseUrl: 'http://localhost:4001' });
  receiver = await startReceiver();
});
afterAll(async () => {
  await payu.stop();
  await receiver.close();
});
beforeEach(async () => {
  await register();
  await payu.scenario([], `sandbox ${expect.getState().currentTestName}`);
  await payu.scenario([]);
});

const sha512 = (text: string): string => createHash('sha512').update(text).digest('hex');

const FORM: Readonly<Record<string, string>> = {
  key: 'gtTest1',
  txnid: 'ord1001a1',
  amount: '499.00',
  productinfo: 'Order 1001',
  firstname: 'Asha',
  email: 'asha@example.com',
  phone: '9800000001',
  udf1: 'tenant_t1',
  udf2: 'pay_8842',
  surl: 'https://shop.example.com/payu/ok',
  furl: 'https://shop.example.com/payu/no',
};

/** Of the first computed vector of 3.3. */
const HASH =
  '2b2e6d90e3fd5dbffc7530ce063cd711310c986fb9dd623bd9ddc92ee33a61b83800d3342170db73e4eeb380894945b4ed20730ef4037c4ce66699a5dea07ac3';

function hashOf(form: Readonly<Record<string, string>>): string {
  const { key, txnid, amount, productinfo, firstname, email, udf1 = '', udf2 = '' } = form;
  const parts = [key, txnid, amount, productinfo, firstname, email, udf1, udf2, '', '', '', '', '', '', '', ''];
  return sha512([...parts, MERCHANT.salt].join('|'));
}

async function post(path: string, fields: Readonly<Record<string, string>>, headers: Record<string, string> = {}) {
  const body = new URLSearchParams(fields);
  const answer = await fetch(`${payu.baseUrl}${path}`, { method: 'POST', body, redirect: 'manual', headers });
  return { status: answer.status, location: answer.headers.get('location'), text: await answer.text() };
}

const begin = (changes: Readonly<Record<string, string>> = {}) => {
  const form = { ...FORM, ...changes };
  return post('/_payment', { ...form, hash: hashOf(form) });
};

/** A page that can be paid. */
const opened = async (txnid = 'ord1001a1'): Promise<string> => (await begin({ txnid })).location ?? '';

async function command(name: string, ...variables: string[]): Promise<Record<string, any>> {
  const [first = ''] = variables;
  const hash = sha512(['gtTest1', name, first, MERCHANT.salt].join('|'));
  const vars = Object.fromEntries(variables.map((value, index) => [`var${index + 1}`, value]));
  const { text } = await post('/merchant/postservice.php?form=2', { key: 'gtTest1', command: name, ...vars, hash });
  return JSON.parse(text) as Record<string, any>;
}

const fieldsOf = (delivery: Received | undefined): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(Buffer.from(delivery?.body ?? []).toString()));

describe('POST /_payment', () => {
  test('takes the form of the specification and sends the browser to its page', async () => {
    const answer = await post('/_payment', { ...FORM, hash: HASH });
    expect(answer.status).toBe(302);
    expect(answer.location).toMatch(/^http:\/\/localhost:4001\/payu\/_payment\/page\/\w+$/);
  });

  test("takes the vendor's published forms", async () => {
    await payu.register({ merchantKey: 'bjg$121', salt: 'vhgvs75' }, 'jacob');
    const urls = { surl: FORM['surl']!, furl: FORM['furl']! };
    const jacob = { key: 'bjg$121', txnid: '3123', amount: '1000', productinfo: 'mobile', firstname: 'Jacob' };
    const hash =
      '19d0822939b32b371847521c89aba3521de3a9bfeabeee5dab2d6f41962ff9fcdcee87067bb3a3de870acce488f9ff88a3511bb78c6143344a277b1b91ad38b8';
    const answer = await post('/_payment', { ...jacob, email: 'test@payu.in', ...urls, hash });
    expect(answer.status).toBe(302);
    await payu.register({ merchantKey: 'C0Dr8m', salt: '3sf0jURk' }, 'test');
    const shopping = { key: 'C0Dr8m', txnid: '12345', amount: '10', productinfo: 'Shopping', firstname: 'Test' };
    const other =
      'ffcdbf04fa5beefdcc2dd476c18bc410f02b3968e7f4f54e8f43f1e1a310bb32e3b4dec9305232bb89db5b1d0c009a53bcace6f4bd8ec2f695baf3d43ba730ce';
    const more = { email: 'test@test.com', udf2: 'abc', udf4: '15', ...urls, hash: other };
    expect((await post('/_payment', { ...shopping, ...more })).status).toBe(302);
  });

  test.each([
    ['of another amount text', HASH, { amount: '499' }],
    ['in upper case', HASH.toUpperCase(), {}],
    ['of nothing', 'none', {}],
    ['over an udf that is not posted', HASH, { udf2: '' }],
  ])('refuses a hash %s', async (_name, hash, changes) => {
    const answer = await post('/_payment', { ...FORM, ...changes, hash });
    expect(answer).toMatchObject({ status: 400, location: null });
    expect(answer.text).toContain('The hash does not match');
  });

  test.each([
    ['another merchant', { key: 'JPM7Fg' }, 'merchant key'],
    ['no transaction', { txnid: '' }, 'txnid'],
    ['a transaction of 26 characters', { txnid: 'x'.repeat(26) }, 'txnid'],
    ['no product', { productinfo: '' }, 'productinfo'],
    ['a long product', { productinfo: 'x'.repeat(101) }, 'productinfo'],
    ['a long name', { firstname: 'x'.repeat(61) }, 'firstname'],
    ['a long address', { email: `${'x'.repeat(40)}@example.com` }, 'email'],
    ['a long udf', { udf1: 'x'.repeat(256) }, 'udf1'],
    ['a bar', { firstname: 'A|B' }, 'bar'],
    ['three decimals', { amount: '499.000' }, 'amount'],
    ['an exponent', { amount: '4e2' }, 'amount'],
    ['nothing to pay', { amount: '0.00' }, 'amount'],
    ['an address that is none', { surl: 'here' }, 'surl'],
    ['no way back', { furl: '' }, 'furl'],
    ['a recipe it does not know', { api_version: '19' }, 'api_version'],
  ])('refuses %s', async (_name, changes, text) => {
    const answer = await begin(changes);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(text);
  });

  test('takes a txnid again after a failure, and never after a success', async () => {
    await payu.act(await opened(), 'fail');
    await payu.act(await opened(), 'pay');
    expect((await begin()).text).toContain('successful payment');
    expect((await begin({ txnid: 'ord1001a2' })).status).toBe(302);
  });

  test('is a POST', async () => expect((await fetch(`${payu.baseUrl}/_payment`)).status).toBe(405));
});

describe('the hosted page', () => {
  const browse = async (address: string, action: string) => {
    const answer = await fetch(payu.here(address), {
      method: 'POST',
      headers: { accept: 'text/html' },
      body: new URLSearchParams({ action }),
    });
    return { policy: answer.headers.get('content-security-policy') ?? '', html: await answer.text() };
  };

  test('shows the amount and the buttons, and escapes what it was given', async () => {
    const { location } = await begin({ firstname: '<script>alert(1)</script>' });
    const html = await (await fetch(payu.here(location ?? ''))).text();
    for (const part of ['₹ 499.00', 'value="pay"', 'value="fail"', 'value="expire"']) expect(html).toContain(part);
    expect(html).not.toContain('<script>');
  });

  test.each([
    ['pay', 'success', 'https://shop.example.com/payu/ok'],
    ['fail', 'failure', 'https://shop.example.com/payu/no'],
    ['expire', 'failure', 'https://shop.example.com/payu/no'],
  ])('sends the browser back by a form that posts itself, after %s', async (action, status, target) => {
    const { html, policy } = await browse(await opened(), action);
    expect(html).toContain(`<form method="post" action="${target}">`);
    expect(html).toContain(`<input type="hidden" name="status" value="${status}">`);
    const script = /<script>([^<]+)<\/script>/.exec(html)?.[1] ?? '';
    expect(script).toContain('submit()');
    expect(policy).toContain(`'sha256-${createHash('sha256').update(script).digest('base64')}'`);
  });

  test('is used once: a second time is a conflict', async () => {
    const page = await opened();
    expect(await payu.act(page, 'pay')).toMatchObject({ status: 'success', outcome: 'captured' });
    expect(await payu.act(page, 'fail')).not.toHaveProperty('outcome');
    expect((await browse(page, 'pay')).html).not.toContain('value="pay"');
  });

  test('that nobody opened is not found, and a button it has not is refused', async () => {
    expect((await fetch(`${payu.baseUrl}/_payment/page/none`)).status).toBe(404);
    expect(await payu.press(await opened(), 'steal')).toHaveProperty('error');
  });
});

describe('the result', () => {
  test('is signed by the recipe, the same to the browser and to the server', async () => {
    const { form, mihpayid } = await payu.act(await opened(), 'pay');
    const [delivery] = await receiver.about(mihpayid);
    expect(delivery?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(fieldsOf(delivery)).toEqual(form?.fields);
    // The computed vector of 3.4: the same payment under the same salt.
    expect(form?.fields).toMatchObject({
      status: 'success',
      unmappedstatus: 'captured',
      amount: '499.00',
      net_amount_debit: '499',
      udf2: 'pay_8842',
      error: 'E000',
      hash: '93c6dc3f857bb2359e116599138259d1ad24ecfd82a5bcaa71a9d89a1fff8392987a852f5d9c9789ed01654d9e2f02f49a97edfac34e83dcf7be2ab3c4522215',
    });
  });

  test('of a failure has the hash of the specification, and of additional charges the longer one', async () => {
    const failed = await payu.act(await opened(), 'fail');
    expect(failed.form?.fields['hash']).toBe(
      'b6cb42f6cfd6f26002a7d09745df7396d5214a85adabdb69012f96d61b707af7f90611300f74869225fbe3d659946a36ef17e8cfee544fdff1842cc96efb22f6',
    );
    await payu.scenario([{ operation: 'pay', fault: 'additionalCharges' }]);
    const charged = await payu.act(await opened(), 'pay');
    expect(charged.form?.fields).toMatchObject({
      additionalCharges: '9.98',
      amount: '499.00',
      hash: '5218f26e3a96f308fcdb9f5ca4216d4591929a62cec13a8ffad204783483ae2af551c950a3fd86d606c3df689f02ec19e6aea3acb3605389510db7a7cf24ca83',
    });
  });

  test('has two decimals even where fewer were posted', async () => {
    const { location } = await begin({ amount: '499' });
    expect((await payu.act(location ?? '', 'pay')).form?.fields).toMatchObject({ amount: '499.00' });
  });

  test('that is pending is told where that is switched on, and nowhere else', async () => {
    await payu.scenario([{ operation: 'pay', fault: 'pendingFirst', ms: 600_000 }]);
    const quiet = await payu.act(await opened('quiet'), 'pay');
    expect((await payu.book()).deliveries.filter((one) => one.about === 'quiet')).toHaveLength(1);
    await register({ pushesPending: true });
    const loud = await payu.act(await opened('loud'), 'pay');
    const [delivery] = await receiver.about(loud.mihpayid);
    expect(fieldsOf(delivery)).toMatchObject({ status: 'pending', unmappedstatus: 'in progress' });
    expect(quiet.status).toBe('pending');
  });

  test.each([
    ['duplicated', 'duplicateWebhook', 3, 1],
    ['forged', 'forgedWebhook', 2, 2],
    ['late', 'lateWebhook', 1, 1],
  ] as const)('%s', async (_name, fault, count, hashes) => {
    await payu.scenario([{ operation: 'pay', fault, ms: 20 }]);
    const { mihpayid } = await payu.act(await opened(), 'pay');
    const deliveries = await receiver.about(mihpayid, count);
    expect(new Set(deliveries.map((delivery) => fieldsOf(delivery)['hash'])).size).toBe(hashes);
  });

  test('reordered: the failure arrives after the payment that followed it', async () => {
    await payu.scenario([{ operation: 'fail', fault: 'reorderedWebhooks' }]);
    await payu.act(await opened('reordered'), 'fail');
    await payu.act(await opened('reordered'), 'pay');
    const statuses = (await receiver.about('txnid=reordered', 2)).map((delivery) => fieldsOf(delivery)['status']);
    expect(statuses).toEqual(['success', 'failure']);
  });

  test('goes to this machine only', async () => {
    await expect(register({ webhookUrl: 'https://shop.example.com/payu' })).rejects.toThrow('this machine only');
  });

  test('is sent three times until it is taken with a 200, and then given up', async () => {
    const answers = [500, 302, 404];
    const choosy = await startReceiver(() => answers.shift() ?? 200);
    const mine = async (txnid: string) => (await payu.book()).deliveries.find((one) => one.about === txnid);
    try {
      await register({ webhookUrl: choosy.url });
      await payu.act(await opened('never'), 'pay');
      await expect.poll(() => mine('never'), { interval: 10 }).toMatchObject({ state: 'givenUp', tries: 3 });
      answers.push(500);
      await payu.act(await opened('again'), 'pay');
      await expect.poll(() => mine('again'), { interval: 10 }).toMatchObject({ state: 'delivered', tries: 2 });
    } finally {
      await choosy.close();
    }
  });
});

describe('the commands', () => {
  test.each(['/merchant/postservice.php?form=2', '/merchant/postservice?form=2'])(
    'answer the hash of the specification at %s',
    async (path) => {
      await opened();
      const hash =
        'fa4e01576b7cbe5da635266b484c47bc1ebf2e1c7584cc6571e36b26b34145d05f52b361a10b0d1c6754496712123ea6738075dab489ce92fd55e2fc1ebddfaa';
      const { text } = await post(path, { key: 'gtTest1', command: 'verify_payment', var1: 'ord1001a1', hash });
      expect(JSON.parse(text)).toMatchObject({
        status: 1,
        msg: '1 out of 1 Transactions Fetched Successfully',
        transaction_details: { ord1001a1: { txnid: 'ord1001a1', status: 'pending', unmappedstatus: 'initiated' } },
      });
    },
  );

  test("without form=2 answer in PHP's own words", async () => {
    const answer = await post('/merchant/postservice.php', { key: 'gtTest1', command: 'verify_payment', hash: 'x' });
    expect(answer.text).toBe('Array\n(\n    [status] => 0\n    [msg] => Invalid Hash.\n)\n');
  });

  test.each([
    ['a wrong hash', 'gtTest1', '0'.repeat(128)],
    ['an unknown merchant', 'JPM7Fg', sha512(`JPM7Fg|verify_payment|ord1001a1|${MERCHANT.salt}`)],
  ])('refuse %s', async (_name, key, hash) => {
    const asked = { key, command: 'verify_payment', var1: 'ord1001a1', hash };
    const { text } = await post('/merchant/postservice.php?form=2', asked);
    expect(JSON.parse(text)).toEqual({ status: 0, msg: 'Invalid Hash.' });
  });

  test('refuse what they do not have, and need their variables', async () => {
    expect(await command('get_everything', 'x')).toMatchObject({ status: 0 });
    expect(await command('verify_payment', '')).toEqual({ status: 0, msg: 'Parameter missing' });
    expect(await command('cancel_refund_transaction', '403993715521937565', 'token')).toEqual({
      status: 0,
      msg: 'Parameter missing',
    });
    expect((await fetch(`${payu.baseUrl}/merchant/postservice.php?form=2`)).status).toBe(405);
    expect((await post('/merchant/other', {})).status).toBe(404);
  });

  test('verify several transactions at once, with those it does not know', async () => {
    await payu.act(await opened('one'), 'fail');
    await payu.act(await opened('one'), 'pay');
    await payu.act(await opened('two'), 'expire');
    expect(await command('verify_payment', 'one|two|three')).toMatchObject({
      status: 1,
      msg: '2 out of 3 Transactions Fetched Successfully',
      transaction_details: {
        one: { status: 'success', unmappedstatus: 'captured', amt: '499.00', transaction_amount: '499.00' },
        two: { status: 'failure', unmappedstatus: 'bounced' },
        three: { mihpayid: 'Not Found', status: 'Not Found' },
      },
    });
    expect(await command('verify_payment', 'three')).toMatchObject({ status: 0 });
  });

  test('with numeric ids write what a careless reader corrupts', async () => {
    const { mihpayid } = await payu.act(await opened(), 'pay');
    await payu.scenario([{ operation: 'verify_payment', fault: 'numericIds' }]);
    const details = (await command('verify_payment', 'ord1001a1'))['transaction_details'];
    expect(details.ord1001a1.mihpayid).toBe(Number(mihpayid));
    expect(String(details.ord1001a1.mihpayid)).not.toBe(mihpayid);
  });
});

describe('refunds', () => {
  const paid = async () => (await payu.act(await opened(), 'pay')).mihpayid;
  const refund = (id: string, token: string, amount: string) => command('cancel_refund_transaction', id, token, amount);

  test('are queued, and succeed after a while', async () => {
    await register({ refundDelayMs: 1_500 });
    const id = await paid();
    const queued = await refund(id, 'token-1', '100.00');
    expect(queued).toMatchObject({ status: 1, msg: 'Refund Request Queued', bank_ref_num: null, error_code: 102 });
    const requestId = String(queued['request_id']);
    const stateOf = async () =>
      (await command('check_action_status', requestId))['transaction_details'][requestId][requestId];
    expect(await stateOf()).toMatchObject({ mihpayid: id, action: 'refund', amt: '100.00', status: 'queued' });
    expect(await stateOf()).toMatchObject({ token: 'token-1', status: 'SUCCESS' });
    const byPayment = (await command('check_action_status', id, 'payuid'))['transaction_details'][id];
    expect(Object.values(byPayment)).toMatchObject([
      { action: 'capture' },
      { request_id: requestId, token: 'token-1' },
    ]);
  });

  test.each(['succeed', 'refuse'] as const)('that wait for the bank are ended by it once: %s', async (word) => {
    await register({ refundDelayMs: null });
    const requestId = String((await refund(await paid(), 'token-1', '100.00'))['request_id']);
    expect(await payu.press(`${payu.baseUrl}/bank/${requestId}`, 'steal')).toHaveProperty('error');
    expect(await payu.bank(requestId, word)).toHaveProperty('outcome');
    expect(await payu.bank(requestId, word)).not.toHaveProperty('outcome');
    const [callback] = await receiver.about(requestId);
    expect(JSON.parse(Buffer.from(callback!.body).toString())).toMatchObject({
      action: 'refund',
      status: word === 'succeed' ? 'success' : 'failure',
      merchantTxnId: 'ord1001a1',
      request_id: requestId,
      token: 'token-1',
      amt: '100.00',
      key: 'gtTest1',
    });
    expect((await fetch(`${payu.baseUrl}/bank/1`, { method: 'POST' })).status).toBe(404);
  });

  test('that do not wait for the bank are none of its business', async () => {
    const requestId = String((await refund(await paid(), 'token-1', '100.00'))['request_id']);
    expect(await payu.bank(requestId, 'refuse')).not.toHaveProperty('outcome');
  });

  test('tell the address they were asked to tell', async () => {
    await register({ refundDelayMs: 0 });
    const id = await paid();
    const other = await startReceiver();
    try {
      const answer = await command('cancel_refund_transaction', id, 'token-1', '100.00', '', other.url);
      const [callback] = await other.count(1);
      expect(Buffer.from(callback!.body).toString()).toContain(String(answer['request_id']));
    } finally {
      await other.close();
    }
  });

  test.each([
    ['more than was paid', 'token-1', '499.01', 105],
    ['nothing', 'token-1', '0.00', 105],
    ['no amount', 'token-1', '4e2', 105],
  ])('of %s are refused', async (_name, token, amount, code) => {
    const id = await paid();
    expect(await refund(id, token, amount)).toMatchObject({
      status: 0,
      msg: 'Refund FAILURE - Invalid amount',
      error_code: code,
    });
    expect((await payu.book()).payments[0]?.refunds).toEqual([]);
  });

  test('under a token that was used are refused, the same or another', async () => {
    const id = await paid();
    await refund(id, 'token-1', '100.00');
    expect(await refund(id, 'token-1', '100.00')).toMatchObject({ status: 0, error_code: 227 });
    expect(await refund(id, 'token-1', '50.00')).toMatchObject({ status: 0, error_code: 106 });
    await refund(id, `${'x'.repeat(23)}1`, '60.00');
    expect(await refund(id, `${'x'.repeat(23)}2`, '60.00')).toMatchObject({ status: 0, error_code: 227 });
  });

  test('of an equal amount are refused for five minutes, and not a moment longer', async () => {
    await register({ equalRefundWaitMs: 3_000 });
    const id = await paid();
    await refund(id, 'token-1', '100.00');
    expect(await refund(id, 'token-2', '100.00')).toMatchObject({ status: 0, error_code: 214 });
    await command('verify_payment', 'ord1001a1');
    expect(await refund(id, 'token-2', '100.00')).toMatchObject({ status: 1 });
  });

  test('together never exceed what was paid, and a refused one frees its part', async () => {
    await register({ refundDelayMs: null });
    const id = await paid();
    const requestId = String((await refund(id, 'token-1', '400.00'))['request_id']);
    expect(await refund(id, 'token-2', '100.00')).toMatchObject({ error_code: 105 });
    await payu.bank(requestId, 'refuse');
    expect(await refund(id, 'token-2', '100.00')).toMatchObject({ status: 1 });
  });

  test('of what was never captured: an authorised payment is cancelled, any other refused', async () => {
    await payu.act(await opened('failed'), 'fail');
    const failed = (await payu.book()).payments[0]!.mihpayid;
    expect(await refund(failed, 'token-1', '100.00')).toMatchObject({ status: 0, error_code: 111 });
    expect(await refund('403993000000000000', 'token-1', '100.00')).toMatchObject({ status: 0, error_code: 116 });
    expect(await command('check_action_status', failed, 'payuid')).toMatchObject({
      status: 0,
      transaction_details: { [failed]: 'No action status found' },
    });
    await register({ captures: 'later' });
    expect(await refund(await paid(), 'token-1', '499.00')).toMatchObject({
      status: 1,
      msg: 'Cancel Request Queued',
      txn_update_id: expect.any(String),
    });
  });

  test('of another account are not seen', async () => {
    const requestId = String((await refund(await paid(), 'token-1', '100.00'))['request_id']);
    await payu.register({ merchantKey: 'gtOther', salt: 'another-salt' }, 'other');
    const hash = sha512(`gtOther|check_action_status|${requestId}|another-salt`);
    const asked = { key: 'gtOther', command: 'check_action_status', var1: requestId, hash };
    expect((await post('/merchant/postservice?form=2', asked)).text).toContain('No action status found');
  });
});

describe('what it remembers', () => {
  test('pages, payments, refunds and unsent webhooks outlive the process', async () => {
    const closed = await startReceiver();
    await closed.close();
    const first = await startPayu();
    const patient = { webhookUrl: closed.url, retryDelaysMs: Array.from({ length: 12 }, () => 50) };
    await first.register({ ...patient, refundDelayMs: null });
    const submit = async (txnid: string) => {
      const form = { ...FORM, txnid };
      const fields = { ...form, hash: hashOf(form) };
      return (await first.submit({ action: `${first.baseUrl}/_payment`, fields })).page ?? '';
    };
    const [paid, open] = [await submit('paid'), await submit('open')];
    const { mihpayid } = await first.act(paid, 'pay');
    const hash = sha512(`gtTest1|cancel_refund_transaction|${mihpayid}|${MERCHANT.salt}`);
    const asked = { key: 'gtTest1', command: 'cancel_refund_transaction', var1: mihpayid, var2: 't', var3: '1', hash };
    await fetch(`${first.baseUrl}/merchant/postservice?form=2`, { method: 'POST', body: new URLSearchParams(asked) });
    await first.stop(true);

    const again = await startReceiver(() => 200, closed.url);
    const second = await startPayu({ directory: first.directory });
    try {
      const [delivery] = await again.about(mihpayid);
      expect(fieldsOf(delivery)).toMatchObject({ txnid: 'paid', status: 'success' });
      expect(await second.act(open, 'pay')).toMatchObject({ outcome: 'captured' });
      const { payments } = await second.book();
      expect(payments).toMatchObject([{ txnid: 'open' }, { txnid: 'paid', refunds: [{ amount: '1.00' }] }]);
      expect(await second.bank(payments[1]!.refunds[0]!.requestId, 'succeed')).toMatchObject({ outcome: 'SUCCESS' });
    } finally {
      await second.stop();
      await again.close();
    }
  });

  test('the same seed and the same calls get the same bytes, another seed others', async () => {
    const run = async (seed: string): Promise<string> => {
      await payu.scenario([{ operation: '*', fault: 'status5xx', probability: 0.3 }], seed);
      const answers = [];
      for (const index of [1, 2, 3, 4, 5, 6, 7, 8]) {
        const { status, location, text } = await begin({ txnid: `ord${index}` });
        answers.push({ status, location, text });
        if (!location) continue;
        const pressed = await payu.act(location, 'pay').catch(() => null);
        answers.push(pressed);
        if (pressed) answers.push(await command('verify_payment', `ord${index}`).catch(() => null));
        if (pressed) answers.push(await refund(pressed.mihpayid, `t${index}`).catch(() => null));
      }
      return JSON.stringify([answers, (await payu.book()).payments]);
    };
    const refund = (id: string, token: string) => command('cancel_refund_transaction', id, token, '1.00');
    const one = await run('42');
    expect(await run('42')).toBe(one);
    expect(await run('43')).not.toBe(one);
    for (const part of ['"status":500', 'captured', 'Queued']) expect(one).toContain(part);
  });

  test('a seed set again starts from nothing: pages, transactions and refunds are forgotten', async () => {
    const refunded = async (first: string, second: string) => {
      await payu.scenario([], 'again');
      const pages = [await opened(first), await opened(second)];
      const ids = [(await payu.act(pages[0]!, 'pay')).mihpayid, (await payu.act(pages[1]!, 'pay')).mihpayid];
      return { ids, page: pages[0]! };
    };
    const before = await refunded('one', 'two');
    const old = String((await command('cancel_refund_transaction', before.ids[0]!, 't', '1.00'))['request_id']);
    await payu.scenario([], 'other');
    expect((await fetch(payu.here(before.page))).status).toBe(404);
    expect(await command('verify_payment', 'one')).toMatchObject({ status: 0 });
    expect(await command('check_action_status', old)).toMatchObject({ status: 0 });
    const after = await refunded('one', 'two');
    expect(after.ids).toEqual(before.ids);
    const same = String((await command('cancel_refund_transaction', after.ids[1]!, 't', '2.00'))['request_id']);
    expect(same).toBe(old);
    const details = (await command('check_action_status', same))['transaction_details'];
    expect(details[same][same]).toMatchObject({ mihpayid: after.ids[1], amt: '2.00' });
  });

  test('shows no salt, and two accounts never share a merchant', async () => {
    await payu.act(await opened(), 'pay');
    expect(JSON.stringify(await payu.book())).not.toContain(MERCHANT.salt);
    await expect(payu.register({}, 'other')).rejects.toThrow('Another account has this merchant key');
    await expect(payu.register({ merchantKey: 'a|b' })).rejects.toThrow('no bars');
  });
});
