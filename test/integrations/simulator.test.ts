import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../../src/integrations/simulator/store.ts';
import { startSimulators, type FaultRule, type Simulators } from '../helpers/simulators.ts';

const KEY = 'fwk_api_simulator';
let simulators: Simulators;
let server: http.Server;
let hookUrl: string;
let hooks: Record<string, unknown>[] = [];

beforeAll(async () => {
  simulators = await startSimulators();
  server = http.createServer((incoming, response) => {
    let text = '';
    incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    incoming.on('end', () => {
      hooks.push(JSON.parse(text) as Record<string, unknown>);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?_json`;
});
afterAll(async () => {
  await simulators.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(async () => {
  await simulators.registerFawaterk({ account: 'shop', apiKey: KEY, webhookUrl: hookUrl });
  await simulators.scenario({ account: 'shop', seed: 'fresh' });
  hooks = [];
});

const BODY = {
  payment_method_id: 2,
  cartTotal: '150.00',
  currency: 'EGP',
  customer: { first_name: 'Mona', last_name: 'Adel' },
  cartItems: [{ name: 'Tea', price: '75.00', quantity: '2' }],
};

async function api(
  method: string,
  name: string,
  body?: unknown,
): Promise<{ status: number; type: string; value: Record<string, unknown> }> {
  const answer = await fetch(`${simulators.fawaterkUrl}/${name}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const type = answer.headers.get('content-type') ?? '';
  return {
    status: answer.status,
    type,
    value: type.includes('json') ? (JSON.parse(text) as Record<string, unknown>) : { text },
  };
}

async function page(): Promise<{ id: number; url: string }> {
  const { value } = await api('POST', 'invoiceInitPay', BODY);
  const data = value['data'] as { invoice_id: number; payment_data: { redirectTo: string } };
  return { id: data.invoice_id, url: data.payment_data.redirectTo };
}

async function payUnder(rules: FaultRule[], ...actions: ('pay' | 'fail')[]): Promise<number> {
  const invoice = await page();
  await simulators.scenario({ account: 'shop', rules });
  for (const action of actions) await simulators.act(invoice.url, action);
  return invoice.id;
}

async function arrived(count: number): Promise<Record<string, unknown>[]> {
  await expect.poll(() => hooks.length, { interval: 5 }).toBe(count);
  return hooks;
}

describe('the simulated Fawaterk checks what the vendor checks', () => {
  test.each([
    [
      'a cart total that is not the sum',
      { cartTotal: '151.00' },
      'cartTotal',
      "Your cart total doesn't match the items total.",
    ],
    ['an unknown method', { payment_method_id: 99 }, 'payment_method_id', 'invalid'],
    ['SAR instead of SR', { currency: 'SAR' }, 'currency', 'invalid'],
    ['a customer without a last name', { customer: { first_name: 'Mona' } }, 'customer.last_name', 'required'],
    [
      'an e-mail that is none',
      { customer: { first_name: 'M', last_name: 'A', email: 'x' } },
      'customer.email',
      'valid email',
    ],
    ['a wallet without a phone', { payment_method_id: 4 }, 'customer.phone', 'required'],
    ['an empty cart', { cartItems: [] }, 'cartItems', 'required'],
    [
      'a quantity of nought',
      { cartItems: [{ name: 'T', price: 1, quantity: 0 }] },
      'cartItems.0.quantity',
      'at least 1',
    ],
    ['a due date in another form', { due_date: '01/02/2026' }, 'due_date', 'Y-m-d'],
    ['a broken return address', { redirectionUrls: { successUrl: 'here' } }, 'redirectionUrls.successUrl', 'format'],
  ])('%s is a 422 that names the field', async (_name, change, field, sentence) => {
    const { status, value } = await api('POST', 'invoiceInitPay', { ...BODY, ...change });
    expect(status).toBe(422);
    const message = value['message'] as Record<string, string[]>;
    expect(message[field]?.join()).toContain(sentence);
  });

  test("numbers and texts are taken alike, answers keep the vendor's spellings", async () => {
    const made = await api('POST', 'invoiceInitPay', {
      ...BODY,
      cartTotal: 150,
      cartItems: [{ name: 'Tea', price: 75, quantity: 2 }],
      payment_method_id: '3',
    });
    expect(made.value).toMatchObject({
      status: 'success',
      data: { invoice_id: expect.any(Number), payment_data: { fawryCode: expect.stringMatching(/^\d{9}$/) } },
    });
    const link = await api('POST', 'createInvoiceLink', BODY);
    expect(link.value).toMatchObject({
      data: { invoiceId: expect.any(Number), invoiceKey: expect.any(String), url: expect.any(String) },
    });
    const wallet = await api('POST', 'invoiceInitPay', {
      ...BODY,
      payment_method_id: 4,
      customer: { ...BODY.customer, phone: '010' },
    });
    expect(wallet.value).toMatchObject({
      data: { payment_data: { meezaReference: expect.any(Number), meezaQrCode: expect.stringMatching(/^000201/) } },
    });
  });

  test('a wrong method is a 405 in HTML, an unknown invoice an error in JSON', async () => {
    expect(await api('GET', 'invoiceInitPay')).toMatchObject({
      status: 405,
      type: expect.stringContaining('text/html'),
    });
    expect((await api('GET', 'getInvoiceData/1')).value).toMatchObject({ status: 'error' });
  });
});

describe('misbehaviour of webhooks', () => {
  test('duplicated: three times the same', async () => {
    await payUnder([{ operation: 'pay', fault: 'duplicateWebhook' }], 'pay');
    const [one, two, three] = await arrived(3);
    expect([two, three]).toEqual([one, one]);
  });

  test('reordered: the failure arrives after the payment that followed it', async () => {
    await payUnder([{ operation: 'fail', fault: 'reorderedWebhooks' }], 'fail', 'pay');
    const [first, second] = await arrived(2);
    expect(first).toMatchObject({ invoice_status: 'paid' });
    expect(second).toMatchObject({ errorMessage: 'Declined by the issuer' });
  });

  test('late: sent, after its delay', async () => {
    await payUnder([{ operation: 'pay', fault: 'lateWebhook', ms: 60 }], 'pay');
    expect((await simulators.book('shop')).deliveries[0]).toMatchObject({ state: 'waiting', tries: 0 });
    await arrived(1);
  });

  test('lost: the books say paid and nothing is sent', async () => {
    await payUnder([{ operation: 'pay', fault: 'lostWebhook' }], 'pay');
    expect(await simulators.book('shop')).toMatchObject({ invoices: [{ state: 'paid' }], deliveries: [] });
  });

  test('forged on a payment: a paid claim under a wrong hash beside the real one', async () => {
    await payUnder([{ operation: 'pay', fault: 'forgedWebhook' }], 'pay');
    const [one, two] = await arrived(2);
    expect(one?.['hashKey']).not.toBe(two?.['hashKey']);
  });

  test('wrong amount and currency: paid so in the books, in the webhook, and when asked back', async () => {
    for (const [fault, total, currency] of [
      ['wrongAmount', '151.00', 'EGP'],
      ['wrongCurrency', '150.00', 'USD'],
    ] as const) {
      hooks = [];
      const id = await payUnder([{ operation: 'pay', fault }], 'pay');
      expect((await arrived(1))[0]).toMatchObject({ paidAmount: total, paidCurrency: currency });
      expect((await api('GET', `getInvoiceData/${id}`)).value).toMatchObject({ data: { paid: 1, total, currency } });
    }
  });

  test('a commission on the customer makes the paid amount exceed the cart', async () => {
    await simulators.registerFawaterk({
      account: 'shop',
      apiKey: KEY,
      webhookUrl: hookUrl,
      commissionOnCustomer: '3.75',
    });
    await payUnder([], 'pay');
    expect((await arrived(1))[0]).toMatchObject({ paidAmount: '153.75' });
  });

  test('the old dialect carries the key in clear and no hash', async () => {
    await simulators.registerFawaterk({ account: 'shop', apiKey: KEY, webhookUrl: hookUrl, dialect: 'legacy' });
    await payUnder([], 'pay');
    const [hook] = await arrived(1);
    expect(hook).toMatchObject({ api_key: KEY });
    expect(hook).not.toHaveProperty('hashKey');
  });
});

describe('the control interface', () => {
  test('is refused to browsers of other sites', async () => {
    const answer = await fetch(`${simulators.url}/_control/fawaterk/book`, {
      headers: { origin: 'https://evil.example' },
    });
    expect(answer.status).toBe(403);
  });

  test('shows no key', async () => {
    await payUnder([], 'pay');
    expect(JSON.stringify(await simulators.book())).not.toContain(KEY);
  });

  test('says what is wrong with a scenario or an account', async () => {
    await expect(
      simulators.scenario({ account: 'shop', rules: [{ operation: '*', fault: 'meltdown' }] }),
    ).rejects.toThrow('fault');
    await expect(simulators.registerFawaterk({ account: 'other', apiKey: KEY })).rejects.toThrow(
      'Another account has this API key',
    );
  });
});

describe('the process', () => {
  test('knows the accounts of accounts.json beside its state', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'accounts-'));
    fs.mkdirSync(path.join(directory, 'simulators'));
    const accounts = { fawaterk: { demo: { apiKey: 'fwk_api_demo', webhookUrls: { paid: hookUrl } } } };
    fs.writeFileSync(path.join(directory, 'simulators', 'accounts.json'), JSON.stringify(accounts));
    const started = await startSimulators({ directory });
    const headers = { authorization: 'Bearer fwk_api_demo' };
    expect((await fetch(`${started.fawaterkUrl}/getPaymentmethods`, { headers })).status).toBe(200);
    await started.stop();
    fs.rmSync(directory, { recursive: true });
  });

  test('refuses to start in production', () => {
    const entry = fileURLToPath(new URL('../../src/integrations/simulators.ts', import.meta.url));
    const ended = spawnSync(process.execPath, [entry], {
      env: { PATH: process.env['PATH'], ENVIRONMENT: 'production' },
      encoding: 'utf8',
    });
    expect([ended.status, ended.stdout]).toEqual([1, '']);
    expect(ended.stderr).toContain('production');
  });
});

describe('what a simulator remembers', () => {
  test('survives a cut last line and a rewrite, and is bounded', () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'store-'));
    const store = openStore(directory, 'x', 3);
    for (const id of ['a', 'b', 'c', 'd']) store.put('things', id, { id });
    store.remove('things', 'b');
    store.close();
    fs.appendFileSync(path.join(directory, 'x.journal'), '{"c":"things","i":"z","v":{"id"');
    const again = openStore(directory, 'x', 3);
    expect([...again.entries('things')]).toEqual([
      ['c', { id: 'c' }],
      ['d', { id: 'd' }],
    ]);
    again.close();
    expect(fs.readFileSync(path.join(directory, 'x.journal'), 'utf8').trim().split('\n')).toHaveLength(2);
    fs.rmSync(directory, { recursive: true });
  });
});
