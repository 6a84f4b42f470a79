import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SANDBOX, startPayfast } from '../helpers/payfast.ts';
import { startReceiver, type Received } from '../helpers/sandbox.ts';

/**
 * The sandbox itself, spoken to by hand: what it checks is the vendor's, so nothing here comes from our client. The
 * texts and signatures are those of payment-gateways.md 2.4 to 2.6 or made by its recipe.
 */
let payfast: Awaited<ReturnType<typeof startPayfast>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;

beforeAll(async () => {
  payfast = await startPayfast({ baseUrl: 'http://localhost:4001' });
  receiver = await startReceiver();
});
afterAll(async () => {
  await payfast.stop();
  await receiver.close();
});
beforeEach(async () => {
  await payfast.register();
  await payfast.scenario([], 'fresh');
  await payfast.scenario([]);
});
afterEach(() => void (receiver.received.length = 0));

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

const CHECKOUT =
  'merchant_id=10000100&merchant_key=46f0cd694581a&return_url=https%3A%2F%2Fshop.example.com%2Fpay%2Freturn' +
  '&cancel_url=https%3A%2F%2Fshop.example.com%2Fpay%2Fcancel' +
  '&notify_url=https%3A%2F%2Fshop.example.com%2Fhooks%2Fpayfast%2Ft1&name_first=Thandi&name_last=O%27Neill' +
  '&email_address=thandi%40example.com&m_payment_id=ord_1001&amount=249.90' +
  '&item_name=Order+%231001+%282+items%29&item_description=Tea+%26+cups&custom_str1=tenant_t1';

function signed(text: string, passphrase: string | null = SANDBOX.passphrase): string {
  return `${text}&signature=${md5(passphrase === null ? text : `${text}&passphrase=${passphrase}`)}`;
}

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${payfast.baseUrl}${path}`, {
    method: 'POST',
    body,
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });
  return { status: answer.status, location: answer.headers.get('location'), text: await answer.text() };
}

/** A page that can be paid, with notifications to our receiver. */
async function opened(name = 'ord_1001'): Promise<string> {
  const text = `merchant_id=10000100&merchant_key=46f0cd694581a&notify_url=${encodeURIComponent(receiver.url)}&m_payment_id=${name}&amount=249.90&item_name=Tea`;
  return (await post('/eng/process', signed(text))).location ?? '';
}

describe('POST /eng/process', () => {
  test('takes the form of the specification and sends the browser to its page', async () => {
    const answer = await post('/eng/process', `${CHECKOUT}&signature=1169dc6b20410f11bb1a4764f69e177f`);
    expect(answer.status).toBe(302);
    expect(answer.location).toMatch(/^http:\/\/localhost:4001\/payfast\/eng\/process\/payment\/\w+$/);
  });

  test('takes it without a passphrase where the account has none, and with another one where it has that', async () => {
    await payfast.register({ passphrase: undefined });
    expect((await post('/eng/process', `${CHECKOUT}&signature=a7458b1cdb02a0695d1adb1e13df993d`)).status).toBe(302);
    await payfast.register({ passphrase: 'my pass/phrase' });
    expect((await post('/eng/process', `${CHECKOUT}&signature=2811579bbf257b399a2c594b3b4dd5f3`)).status).toBe(302);
  });

  test.each([
    ['of a plain encodeURIComponent', 'bac6a2ce5505d66e4743be88a938c69b'],
    ['without the passphrase', 'a7458b1cdb02a0695d1adb1e13df993d'],
    ['under another passphrase', '2811579bbf257b399a2c594b3b4dd5f3'],
    ['missing', ''],
  ])("refuses a signature %s with the vendor's page", async (_name, signature) => {
    for (const settings of [{}, ...(signature.startsWith('a') ? [] : [{ passphrase: undefined }])]) {
      await payfast.register(settings);
      const answer = await post('/eng/process', `${CHECKOUT}&signature=${signature}`);
      expect(answer).toMatchObject({ status: 400, location: null });
      expect(answer.text).toContain('Generated signature does not match submitted signature');
    }
  });

  test('refuses fields in another order, even where they are signed so', async () => {
    const turned = CHECKOUT.replace(/(amount=[^&]*)&(item_name=[^&]*)/, '$2&$1');
    expect((await post('/eng/process', signed(turned))).text).toContain('does not match');
    expect((await post('/eng/process', signed(`${CHECKOUT}&unheard_of=1`))).text).toContain('does not match');
  });

  test('skips blank fields and setup when it signs', async () => {
    const [, signature] = signed(CHECKOUT).split('&signature=');
    const answer = await post('/eng/process', `cell_number=&${CHECKOUT}&setup=%7B%7D&signature=${signature}`);
    expect(answer.status).toBe(302);
  });

  test.each([
    ['another merchant', 'merchant_id=10000100', 'merchant_id=10000199', 'Merchant ID'],
    ['another key', 'merchant_key=46f0cd694581a', 'merchant_key=46f0cd694581b', 'Merchant key'],
    ['R4.99', 'amount=249.90', 'amount=4.99', 'minimum'],
    ['one decimal', 'amount=249.90', 'amount=249.9', 'amount format'],
    ['no item', '&item_name=Order+%231001+%282+items%29', '', 'item_name'],
    [
      'an address that is none',
      'notify_url=https%3A%2F%2Fshop.example.com%2Fhooks%2Fpayfast%2Ft1',
      'notify_url=here',
      'notify_url',
    ],
    ['a long reference', 'm_payment_id=ord_1001', `m_payment_id=${'x'.repeat(101)}`, 'm_payment_id'],
  ])('refuses %s', async (_name, from, to, text) => {
    const answer = await post('/eng/process', signed(CHECKOUT.replace(from, to)));
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(text);
  });
});

describe('the hosted page', () => {
  test('shows the amount and the buttons, escapes what it was given, and sends a browser back', async () => {
    const text = CHECKOUT.replace('O%27Neill', '%3Cscript%3E').replace(/notify_url=[^&]*&/, '');
    const { location } = await post('/eng/process', signed(text));
    const address = payfast.here(location ?? '');
    const html = await (await fetch(address)).text();
    for (const part of ['R 249.90', 'value="pay"', 'value="fail"', 'value="cancel"']) expect(html).toContain(part);
    expect(html).not.toContain('<script>');
    const press = async (action: string) => {
      const body = new URLSearchParams({ action });
      const answer = await fetch(address, {
        method: 'POST',
        redirect: 'manual',
        headers: { accept: 'text/html' },
        body,
      });
      return [answer.status, answer.headers.get('location')];
    };
    expect(await press('fail')).toEqual([200, null]);
    expect(await press('cancel')).toEqual([303, 'https://shop.example.com/pay/cancel']);
    expect(await press('pay')).toEqual([303, 'https://shop.example.com/pay/return']);
    expect(await press('pay')).toEqual([200, null]);
  });

  test('is paid once: a second time is a conflict', async () => {
    const page = await opened();
    expect(await payfast.act(page, 'pay')).toMatchObject({ status: 'complete', outcome: 'complete' });
    expect(await payfast.act(page, 'pay')).not.toHaveProperty('outcome');
  });

  test('that nobody opened is not found', async () => {
    expect((await fetch(`${payfast.baseUrl}/eng/process/payment/none`)).status).toBe(404);
  });
});

describe('the notification', () => {
  const textOf = (delivery: Received | undefined): string => Buffer.from(delivery?.body ?? []).toString();

  test('is a form with blanks and all, in order, the signature last, signed over what is posted', async () => {
    await payfast.act(await opened(), 'pay');
    const [delivery] = await receiver.count(1);
    expect(delivery!.headers['content-type']).toBe('application/x-www-form-urlencoded');
    const [text = '', signature] = textOf(delivery).split('&signature=');
    expect(signature).toBe(md5(`${text}&passphrase=${SANDBOX.passphrase}`));
    expect(text).toMatch(
      /^m_payment_id=ord_1001&pf_payment_id=\d+&payment_status=COMPLETE&item_name=Tea&item_description=&amount_gross=249.90&amount_fee=-10.00&amount_net=239.90&custom_str1=&.*&merchant_id=10000100$/,
    );
  });

  test('is confirmed with and without its signature, and nothing else is', async () => {
    await payfast.act(await opened(), 'pay');
    const body = textOf((await receiver.count(1))[0]);
    const [text = ''] = body.split('&signature=');
    const asked = async (string: string) => (await post('/eng/query/validate', string)).text.trim();
    for (const string of [text, body, `${text}&signature=`]) expect(await asked(string)).toBe('VALID');
    const others = [text.replace('249.90', '250.90'), `${text}&passphrase=x`, text.replace('custom_str1=&', ''), ''];
    for (const string of others) expect(await asked(string)).toBe('INVALID');
  });

  test.each([
    ['duplicated', 'duplicateWebhook', 'pay', 3],
    ['forged', 'forgedWebhook', 'pay', 2],
    ['late', 'lateWebhook', 'pay', 1],
  ] as const)('%s', async (_name, fault, action, count) => {
    await payfast.scenario([{ operation: action, fault, ms: 20 }]);
    await payfast.act(await opened(), action);
    const signatures = (await receiver.count(count)).map((delivery) => textOf(delivery).split('&signature=')[1]);
    expect(new Set(signatures).size).toBe(fault === 'forgedWebhook' ? 2 : 1);
  });

  test('reordered: the failure arrives after the payment that followed it', async () => {
    await payfast.scenario([{ operation: 'fail', fault: 'reorderedWebhooks' }]);
    const page = await opened();
    await payfast.act(page, 'fail');
    await payfast.act(page, 'pay');
    const statuses = (await receiver.count(2)).map((delivery) => /payment_status=(\w+)/.exec(textOf(delivery))?.[1]);
    expect(statuses).toEqual(['COMPLETE', 'FAILED']);
  });

  test('of anything but COMPLETE is left out where the account says so', async () => {
    await payfast.register({ notifies: 'complete' });
    const page = await opened();
    await payfast.act(page, 'fail');
    await payfast.act(page, 'pay');
    await receiver.count(1);
    expect((await payfast.book()).deliveries).toMatchObject([{ hook: 'complete' }]);
  });

  test('goes to this machine only', async () => {
    const { location } = await post('/eng/process', signed(CHECKOUT));
    await payfast.act(location ?? '', 'pay');
    expect((await payfast.book()).deliveries).toMatchObject([{ state: 'refused', tries: 0 }]);
    await expect(payfast.register({ notifyUrl: 'https://shop.example.com/itn' })).rejects.toThrow('this machine only');
  });

  test('is sent again until it is taken; the sandbox sends it once', async () => {
    const answers = [500, 404];
    const choosy = await startReceiver(() => answers.shift() ?? 200);
    const text = (name: string) =>
      `merchant_id=10000100&merchant_key=46f0cd694581a&notify_url=${encodeURIComponent(choosy.url)}&m_payment_id=${name}&amount=249.90&item_name=Tea`;
    const mine = async (name: string) => (await payfast.book()).deliveries.find((one) => one.about === name);
    try {
      await payfast.act((await post('/eng/process', signed(text('again')))).location ?? '', 'pay');
      await expect.poll(() => mine('again'), { interval: 10 }).toMatchObject({ state: 'delivered', tries: 3 });
      answers.push(500);
      await payfast.register({ sandbox: true });
      await payfast.act((await post('/eng/process', signed(text('once')))).location ?? '', 'pay');
      await expect.poll(() => mine('once'), { interval: 10 }).toMatchObject({ state: 'givenUp', tries: 1 });
    } finally {
      await choosy.close();
    }
  });
});

describe('the API', () => {
  const HEADERS: Record<string, string> = {
    'merchant-id': '10000100',
    version: 'v1',
    timestamp: '2026-05-04T10:15:30+02:00',
  };
  const PING = 'fc1e8be219eaef9387fc120135e9760e';

  async function get(path: string, headers: Record<string, string>) {
    const answer = await fetch(`${payfast.baseUrl}${path}`, { headers });
    return { status: answer.status, text: await answer.text() };
  }

  test('answers a ping under the signature of the specification, with testing outside of it', async () => {
    const headers = { ...HEADERS, signature: PING };
    expect(await get('/ping', headers)).toEqual({ status: 200, text: '"Payfast API"' });
    expect(await get('/ping?testing=true', headers)).toEqual({ status: 200, text: '"API V1"' });
    expect((await get('/ping?other=1', headers)).status).toBe(401);
  });

  test.each([
    ['no version', { version: '' }, 400, 'Required variables'],
    ['no signature', { signature: '' }, 400, 'Signature not present'],
    ['a signature that is no MD5', { signature: 'abc' }, 400, 'not in the expected format'],
    ['another version', { version: 'v2' }, 400, 'version is not valid'],
    ['an unknown merchant', { 'merchant-id': '10000199' }, 401, 'Merchant not found'],
    ['a wrong signature', { signature: '0'.repeat(32) }, 401, 'Merchant authorisation failed'],
    ['another time', { timestamp: '2026-05-04T10:15:31+02:00' }, 401, 'Merchant authorisation failed'],
  ])('refuses %s', async (_name, change, status, text) => {
    const headers = Object.entries({ ...HEADERS, signature: PING, ...change }).filter(([, value]) => value !== '');
    const answer = await get('/ping', Object.fromEntries(headers));
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual({
      code: status,
      status: 'failed',
      data: { response: false, message: expect.stringContaining(text) },
    });
  });

  test('refuses an account without a passphrase, an old timestamp when asked to, and what it does not have', async () => {
    await payfast.register({ checkTimestamp: true });
    expect((await get('/ping', { ...HEADERS, signature: PING })).status).toBe(400);
    await payfast.register({ passphrase: undefined });
    expect((await get('/ping', { ...HEADERS, signature: PING })).status).toBe(401);
    expect((await get('/nothing', HEADERS)).status).toBe(404);
    expect((await post('/ping', '', HEADERS)).status).toBe(405);
  });

  test('refunds under the signature of the specification, in JSON and as a form, with its own rules', async () => {
    const { paymentId } = await payfast.act(await opened(), 'pay');
    const refund = async (body: Record<string, string | number | boolean>, form = false) => {
      const variables: Record<string, string> = { ...HEADERS, passphrase: SANDBOX.passphrase };
      for (const [name, value] of Object.entries(body)) variables[name] = value === true ? '1' : String(value);
      const names = Object.keys(variables).toSorted();
      const text = new URLSearchParams(names.map((name) => [name, variables[name] ?? ''])).toString();
      const headers = {
        ...HEADERS,
        signature: md5(text),
        'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json',
      };
      const sent = form
        ? new URLSearchParams(Object.entries(body).map(([name, value]) => [name, String(value)])).toString()
        : JSON.stringify(body);
      return (await post(`/refunds/${paymentId}`, sent, headers)).status;
    };
    const body = { amount: 10_000, notify_buyer: 1, reason: 'Product out of stock' };
    expect(await refund(body)).toBe(200);
    expect(await refund(body, true)).toBe(200);
    expect(await refund({ ...body, notify_buyer: true, amount: '100' })).toBe(200);
    for (const wrong of [{ amount: 10_000 }, { amount: 1.5 }, { amount: 0 }, { reason: 'no' }, { notify_buyer: 2 }]) {
      expect(await refund({ ...body, ...wrong })).toBe(400);
    }
    expect((await payfast.book()).payments[0]).toMatchObject({ refunded: '201.00' });
    expect(
      (
        await post('/refunds/1089250', JSON.stringify(body), {
          ...HEADERS,
          signature: '8fa1603cd774a126a56655d063375c8a',
          'content-type': 'application/json',
        })
      ).status,
    ).toBe(404);
  });
});

describe('what it remembers', () => {
  test('pages, payments and unsent notifications outlive the process', async () => {
    const closed = await startReceiver();
    await closed.close();
    const first = await startPayfast();
    const fields = { ...Object.fromEntries(new URLSearchParams(CHECKOUT)), notify_url: closed.url };
    const text = new URLSearchParams(fields).toString();
    const form = (simulator: typeof first) => ({
      action: `${simulator.baseUrl}/eng/process`,
      fields: Object.fromEntries(new URLSearchParams(signed(text))),
    });
    await first.register({ retryDelaysMs: Array.from({ length: 12 }, () => 50) });
    const paid = await first.submit(form(first));
    const open = await first.submit(form(first));
    await first.act(paid.page ?? '', 'pay');
    await first.stop(true);

    const again = await startReceiver(() => 200, closed.url);
    const second = await startPayfast({ directory: first.directory });
    try {
      const [delivery] = await again.count(1);
      const body = Buffer.from(delivery!.body).toString();
      const answer = await fetch(`${second.baseUrl}/eng/query/validate`, { method: 'POST', body });
      expect((await answer.text()).trim()).toBe('VALID');
      expect(await second.act(open.page ?? '', 'pay')).toMatchObject({ outcome: 'complete' });
      expect((await second.book()).payments.map((one) => one.state)).toEqual(['complete', 'complete']);
    } finally {
      await second.stop();
      await again.close();
    }
  });

  test('the same seed and the same calls get the same bytes, another seed others', async () => {
    const run = async (seed: string): Promise<string> => {
      await payfast.scenario([{ operation: '*', fault: 'status5xx', probability: 0.3 }], seed);
      const answers = [];
      for (const index of [1, 2, 3, 4, 5, 6, 7, 8]) {
        const { status, location, text } = await post(
          '/eng/process',
          signed(CHECKOUT.replace('ord_1001', `ord_${index}`)),
        );
        answers.push({ status, location, text });
        if (location) answers.push(await payfast.act(location, 'pay'));
      }
      return JSON.stringify([answers, (await payfast.book()).payments]);
    };
    const one = await run('42');
    expect(await run('42')).toBe(one);
    expect(await run('43')).not.toBe(one);
    expect(one).toContain('500');
    expect(one).toContain('complete');
  });

  test('shows no key and no passphrase, and two accounts never share a merchant', async () => {
    await payfast.act(await opened(), 'pay');
    const books = JSON.stringify(await payfast.book());
    for (const secret of [SANDBOX.merchantKey, SANDBOX.passphrase]) expect(books).not.toContain(secret);
    await expect(payfast.register({}, 'other')).rejects.toThrow('Another account has this merchant id');
    await expect(payfast.register({ merchantId: 'x' })).rejects.toThrow('merchantId');
  });
});
