import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSimulatorServer, type SimulatorServer } from '../../src/integrations/simulator/server.ts';
import { SIMULATORS } from '../../src/integrations/simulators.ts';

/** Drills at the simulators themselves: whoever names one meets it, and nobody else. */
const KEY = 'fwk_api_simulator';
const HOUR = 3_600;
let directory: string;
let server: SimulatorServer;
let shiftMs = 0;

const start = () =>
  startSimulatorServer({
    simulators: { fawaterk: SIMULATORS['fawaterk']! },
    port: 0,
    directory,
    baseUrl: 'http://sandbox.example',
    now: () => new Date(Date.now() + shiftMs),
  });
beforeEach(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'drills-'));
  server = await start();
  shiftMs = 0;
  await control('PUT', 'fawaterk/accounts/shop', { apiKey: KEY });
});
afterEach(async () => {
  await server.close();
  fs.rmSync(directory, { recursive: true });
});

async function control(method: string, address: string, body?: unknown): Promise<{ status: number; value: any }> {
  const answer = await fetch(`http://127.0.0.1:${server.port}/_control/${address}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, value: await answer.json() };
}
const drill = (name: string, more: object = {}) =>
  control('PUT', `fawaterk/drills/${name}`, { rules: [], seconds: HOUR, ...more });
const stop = (name: string) => control('DELETE', `fawaterk/drills/${name}`);

const BODY = {
  payment_method_id: 2,
  cartTotal: '10.00',
  currency: 'EGP',
  customer: { first_name: 'Mona', last_name: 'Adel' },
  cartItems: [{ name: 'Tea', price: '10.00', quantity: '1' }],
};
/** A page is asked for, the same way each time. @param below the drill's path, where it is named so */
async function begin(below = '', headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${below}/fawaterk/api/v2/invoiceInitPay`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(BODY),
  });
  return { status: answer.status, text: await answer.text() };
}
const pageOf = ({ text }: { text: string }): string => JSON.parse(text).data.payment_data.redirectTo;
const pageStatus = async (page: string) =>
  (await fetch(`http://127.0.0.1:${server.port}${new URL(page).pathname}`)).status;
const invoices = async (query = '') => (await control('GET', `fawaterk/book?${query}`)).value.book.invoices.length;

const DOWN = { rules: [{ operation: '*', fault: 'status5xx', status: 503 }] };

describe('without a seed', () => {
  test('its rules are for those who name it, by the path or the header, and for nobody else with the same account', async () => {
    await drill('one', DOWN);
    const answers = await Promise.all([
      begin('/_drill/one'),
      begin('', { 'x-sandbox-drill': 'one' }),
      begin(),
      begin('/_drill/two'),
      begin('', { 'x-sandbox-drill': 'two' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 200, 200, 200]);
    await stop('one');
    expect((await begin('/_drill/one')).status).toBe(200);
  });

  test('its calls are counted for themselves', async () => {
    await drill('one', { rules: [{ operation: 'invoiceInitPay', fault: 'status5xx', nth: 2 }] });
    const statuses = [];
    for (const below of ['/_drill/one', '', '/_drill/one', '']) statuses.push((await begin(below)).status);
    expect(statuses).toEqual([200, 200, 500, 200]);
  });

  test('books are those of everybody, and its pages lead back into it, also when it is over', async () => {
    await drill('one');
    const page = pageOf(await begin('/_drill/one'));
    expect(page).toContain('http://sandbox.example/_drill/one/fawaterk/pay/');
    expect(pageOf(await begin())).toContain('http://sandbox.example/fawaterk/pay/');
    expect(await invoices()).toBe(2);
    await stop('one');
    expect(await pageStatus(page)).toBe(200);
  });
});

describe('with a seed', () => {
  const SEED = { seed: 'monday' };

  test('answers are the same to the byte, when it is begun again, and of another process', async () => {
    const run = async () => {
      await drill('one', SEED);
      return [await begin('/_drill/one'), await begin('/_drill/one')];
    };
    const first = await run();
    expect(first[0]).not.toEqual(first[1]);
    await begin();
    expect(await run()).toEqual(first);
    await server.close();
    fs.rmSync(directory, { recursive: true });
    server = await start();
    await control('PUT', 'fawaterk/accounts/shop', { apiKey: KEY });
    expect(await run()).toEqual(first);
    await drill('one', { seed: 'tuesday' });
    expect(await begin('/_drill/one')).not.toEqual(first[0]);
  });

  test('two of one seed never give one number twice, because a vendor does not', async () => {
    await drill('one', SEED);
    await drill('two', SEED);
    const pages = [await begin('/_drill/one'), await begin('/_drill/two')].map((answer) => pageOf(answer));
    expect(new Set(pages.map((page) => page.split('/').at(-1))).size).toBe(2);
  });

  test('books are its own: they begin empty, outlive the process, and everybody’s are as they were', async () => {
    await begin();
    await drill('one', SEED);
    expect(await invoices('drill=one')).toBe(0);
    const page = pageOf(await begin('/_drill/one'));
    await server.close();
    server = await start();
    expect([await invoices('drill=one'), await invoices()]).toEqual([1, 1]);
    expect(await pageStatus(page)).toBe(200);
    await control('PUT', 'fawaterk/accounts/later', { apiKey: 'fwk_api_later' });
    expect((await begin('/_drill/one', { authorization: 'Bearer fwk_api_later' })).status).toBe(200);
    expect([await invoices('drill=one'), await invoices()]).toEqual([2, 1]);
  });

  test('other rules change neither books nor numbers', async () => {
    await drill('one', SEED);
    await begin('/_drill/one');
    await drill('one', DOWN);
    expect((await begin('/_drill/one')).status).toBe(503);
    expect(await invoices('drill=one')).toBe(1);
  });

  test('all of it is forgotten when its time is over', async () => {
    await drill('one', { ...SEED, ...DOWN, seconds: 60 });
    expect((await begin('/_drill/one')).status).toBe(503);
    shiftMs = 61_000;
    expect((await begin('/_drill/one')).status).toBe(200);
    expect([await invoices('drill=one'), await invoices()]).toEqual([1, 1]);
    expect(fs.readdirSync(path.join(directory, 'drills'), { recursive: true })).toEqual([]);
  });
});

test.each([
  ['a name that is no name', 'One!', {}],
  ['no end', 'one', { seconds: undefined }],
  ['an end too far', 'one', { seconds: HOUR + 1 }],
  ['a fault that there is not', 'one', { rules: [{ operation: '*', fault: 'burn' }] }],
])('%s is refused', async (_what, name, more) => {
  expect((await drill(encodeURIComponent(name), more)).status).toBe(400);
  expect((await begin('/_drill/one')).status).toBe(200);
});
