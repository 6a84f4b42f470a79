import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  GatewayClaim,
  GatewayConnection,
  InitiateInput,
  WebhookReading,
} from '../../src/integrations/contract.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import { createIntegrations } from '../../src/integrations/registry.ts';
import { startSimulators, type Simulators } from '../helpers/simulators.ts';

const CALL = { timeoutMs: 2_000 };
const outbound = createOutbound();
const { gateway } = createIntegrations({ send: outbound.send, clock: { now: () => new Date() }, random: Math.random });
const client = gateway('fawaterk');

let simulators: Simulators;
let connection: GatewayConnection;
let receiver: Receiver;

beforeAll(async () => {
  simulators = await startSimulators();
  connection = {
    baseUrl: simulators.fawaterkUrl,
    testMode: true,
    credentials: { API_KEY: 'fwk_api_journey', VENDOR_KEY: 'fwk_vendor_journey' },
  };
  receiver = await startReceiver();
});

afterAll(async () => {
  await simulators.stop();
  await receiver.close();
  outbound.close();
});

async function account(webhookUrl = `${receiver.url}/hook?_json`, more = {}): Promise<void> {
  await simulators.registerFawaterk({
    account: 'shop',
    apiKey: 'fwk_api_journey',
    vendorKey: 'fwk_vendor_journey',
    webhookUrl,
    retryDelaysMs: [20, 20],
    ...more,
  });
  receiver.received.length = 0;
}

function order(changes: Partial<InitiateInput> = {}): InitiateInput {
  return {
    paymentId: '0197c0de-0000-7000-8000-000000000001',
    orderNumber: 'ORD-000001',
    methodId: '2',
    methodName: 'Visa-Mastercard',
    amountMinor: 15_000n,
    currencyCode: 'EGP',
    customer: { firstName: 'Mona', lastName: 'Adel', email: 'mona@example.com', phone: '01012345678' },
    items: [{ name: 'Tea', quantity: 2, unitPriceMinor: 7_500n }],
    returnUrls: { success: 'http://localhost/ok', failure: 'http://localhost/no', pending: 'http://localhost/wait' },
    webhookUrl: `${receiver.url}/hook?_json`,
    locale: 'en',
    ...changes,
  };
}

async function initiated(changes: Partial<InitiateInput> = {}) {
  const outcome = await client.initiate(connection, order(changes), CALL);
  if (outcome.kind !== 'done') throw new Error(`not initiated: ${outcome.detail}`);
  return outcome.value;
}

async function state(reference: string) {
  const outcome = await client.lookUp(connection, reference, CALL);
  if (outcome.kind !== 'done') throw new Error(`not looked up: ${outcome.detail}`);
  return outcome.value;
}

function claimOf(reading: WebhookReading): GatewayClaim {
  if (reading.verdict !== 'OK') throw new Error(`${reading.verdict}: ${reading.detail}`);
  return reading.claim;
}

describe('a payment through the simulated Fawaterk, over real sockets', () => {
  test('lists the methods with their kinds and both names', async () => {
    await account();
    const outcome = await client.listMethods(connection, CALL);
    expect(outcome).toMatchObject({
      kind: 'done',
      value: [
        { id: '2', nameEn: 'Visa-Mastercard', kind: 'REDIRECT' },
        { id: '3', nameEn: 'Fawry', nameAr: 'فوري', kind: 'REFERENCE_CODE' },
        { id: '4', nameEn: 'Meeza', kind: 'REFERENCE_CODE' },
      ],
    });
  });

  test('a card payment is pending until the page is paid, then paid with its amount, and the webhook verifies', async () => {
    await account();
    const payment = await initiated();
    expect(payment).toMatchObject({ paymentUrl: expect.stringContaining('/fawaterk/pay/'), referenceCode: null });
    expect(await state(payment.gatewayReference)).toMatchObject({
      status: 'PENDING',
      amountMinor: 15_000n,
      currencyCode: 'EGP',
    });
    expect(await simulators.act(payment.paymentUrl!, 'pay')).toMatchObject({ status: 'paid' });
    expect(await state(payment.gatewayReference)).toMatchObject({
      status: 'PAID',
      amountMinor: 15_000n,
      currencyCode: 'EGP',
      paymentId: '0197c0de-0000-7000-8000-000000000001',
      paidAt: expect.any(Date),
    });
    const [delivery] = await receiver.count(1);
    expect(claimOf(client.readWebhook(connection, delivery!))).toMatchObject({
      kind: 'PAID',
      gatewayReference: payment.gatewayReference,
      paymentId: '0197c0de-0000-7000-8000-000000000001',
      amountMinor: 15_000n,
    });
  });

  test('a form webhook says the same as a JSON one', async () => {
    await account(`${receiver.url}/plain`);
    const payment = await initiated({ webhookUrl: `${receiver.url}/plain` });
    await simulators.act(payment.paymentUrl!, 'pay');
    const [delivery] = await receiver.count(1);
    expect(delivery!.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(claimOf(client.readWebhook(connection, delivery!))).toMatchObject({
      kind: 'PAID',
      gatewayReference: payment.gatewayReference,
      paymentId: '0197c0de-0000-7000-8000-000000000001',
    });
  });

  test('a declined card leaves the invoice payable', async () => {
    await account();
    const payment = await initiated();
    expect(await simulators.act(payment.paymentUrl!, 'fail')).toMatchObject({ status: 'unpaid', outcome: 'failed' });
    const [failed] = await receiver.count(1);
    expect(claimOf(client.readWebhook(connection, failed!))).toMatchObject({
      kind: 'FAILED',
      failureReason: 'Declined by the issuer',
    });
    expect(await simulators.act(payment.paymentUrl!, 'pay')).toMatchObject({ status: 'paid' });
    expect(await simulators.act(payment.paymentUrl!, 'pay')).not.toHaveProperty('outcome');
  });

  test('a Fawry code expires with a cancel hook that names the code, and can still be paid late', async () => {
    await account();
    const payment = await initiated({ methodId: '3', methodName: 'Fawry' });
    expect(payment).toMatchObject({
      paymentUrl: null,
      referenceCode: expect.stringMatching(/^\d{9}$/),
      expiresAt: expect.any(Date),
    });
    await simulators.kiosk(payment.referenceCode!, 'expire');
    const [cancelled] = await receiver.count(1);
    expect(claimOf(client.readWebhook(connection, cancelled!))).toMatchObject({
      kind: 'EXPIRED',
      referenceCode: payment.referenceCode,
    });
    expect(await state(payment.gatewayReference)).toMatchObject({ status: 'EXPIRED' });
    await simulators.kiosk(payment.referenceCode!, 'pay', { late: true });
    expect(await state(payment.gatewayReference)).toMatchObject({ status: 'PAID' });
  });

  test('riyals are SR there and SAR here', async () => {
    await account();
    const payment = await initiated({ currencyCode: 'SAR' });
    expect((await simulators.book('shop')).invoices[0]).toMatchObject({ currency: 'SR' });
    expect(await state(payment.gatewayReference)).toMatchObject({ currencyCode: 'SAR', amountMinor: 15_000n });
  });

  test('a forged "paid" under the valid hash of a failure verifies, and only asking back unmasks it', async () => {
    await account();
    const payment = await initiated();
    await simulators.scenario({ account: 'shop', rules: [{ operation: 'fail', fault: 'forgedWebhook' }] });
    await simulators.act(payment.paymentUrl!, 'fail');
    await receiver.count(2);
    const kinds = receiver.received.map((delivery) => claimOf(client.readWebhook(connection, delivery)).kind);
    expect(kinds.toSorted()).toEqual(['FAILED', 'PAID']);
    expect(await state(payment.gatewayReference)).toMatchObject({ status: 'PENDING' });
    await simulators.scenario({ account: 'shop', rules: [] });
  });

  test('the hosted page shows the amount, offers the three buttons and sends a browser back', async () => {
    await account();
    const payment = await initiated();
    const address = `${simulators.url}${new URL(payment.paymentUrl!).pathname}`;
    const html = await (await fetch(address, { headers: { accept: 'text/html' } })).text();
    for (const text of ['150.00 EGP', 'value="pay"', 'value="fail"', 'value="expire"']) expect(html).toContain(text);
    const paid = await fetch(address, {
      method: 'POST',
      redirect: 'manual',
      headers: { accept: 'text/html' },
      body: new URLSearchParams({ action: 'pay' }),
    });
    expect([paid.status, paid.headers.get('location')]).toEqual([303, 'http://localhost/ok']);
  });

  test('a webhook goes to this machine only', async () => {
    await expect(account('https://shop.example.com/hook')).rejects.toThrow('this machine only');
    await account();
    const payment = await initiated({ webhookUrl: 'https://shop.example.com/hook' });
    await simulators.act(payment.paymentUrl!, 'pay');
    expect((await simulators.book('shop')).deliveries[0]).toMatchObject({ state: 'refused', tries: 0 });
  });
});

interface Receiver {
  readonly url: string;
  readonly received: { headers: Record<string, string>; body: Uint8Array }[];
  count(wanted: number): Promise<Receiver['received']>;
  close(): Promise<void>;
}

async function startReceiver(): Promise<Receiver> {
  const received: Receiver['received'] = [];
  const server = http.createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      received.push({ headers: incoming.headers as Record<string, string>, body: Buffer.concat(chunks) });
      response.end('{"status":"ok"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    count: async (wanted) => {
      await expect.poll(() => received.length, { interval: 5 }).toBeGreaterThanOrEqual(wanted);
      return received;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
