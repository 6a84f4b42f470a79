import { createHmac } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { Shop, type Started } from '../helpers/shop.ts';

/** How a delivery is taken in: by which credentials it is read, and when it is safe on disk (decisions.md, "Webhooks"). */
let world: TestApp;
let other: TestApp;
let shop: Shop;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  other = await startTestApp({ database: world.database, simulators: world.simulators, worker: false });
  shop = await Shop.open(world);
});
afterAll(async () => {
  await other.stop();
  await world.stop();
});

describe('a changed credential', () => {
  const CONFIGURE =
    'mutation ($input: ConfigurePaymentGatewayInput!) { configurePaymentGateway(input: $input) { userErrors { code } } }';
  const configure = async (name: string, value: string) => {
    const { accessToken } = await world.session('tenantAdmin');
    const input = { gateway: 'FAWATERK', credentials: [{ name, value }] };
    const { configurePaymentGateway } = await world.data({ token: accessToken }, CONFIGURE, { input });
    expect(configurePaymentGateway.userErrors).toEqual([]);
  };
  const paidHook = async (started: Started, key: string) => {
    const { invoiceId, invoiceKey, method } = started.invoice;
    const text = `InvoiceId=${invoiceId}&InvoiceKey=${invoiceKey}&PaymentMethod=${method}`;
    return shop.hook('paid', started.invoice, { hashKey: createHmac('sha256', key).update(text).digest('hex') });
  };
  const deliver = async (process: TestApp, started: Started, key: string) => {
    const path = `/webhooks/payments/fawaterk/${shop.account}?_json`;
    const { status, text } = await process.request('POST', path, await paidHook(started, key));
    return { status, verdict: JSON.parse(text).verdict };
  };
  const paidAtGateway = async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    return started;
  };

  test('counts for the very next delivery in every process, and so does the one before it no longer', async () => {
    const processes = [world, other];
    let key = world.vendorKey;
    for (const round of [1, 2]) {
      for (const process of processes)
        expect(await deliver(process, await paidAtGateway(), key)).toEqual({ status: 200, verdict: 'ACCEPTED' });
      const next = `vendor-key-number-${round}`;
      await configure('VENDOR_KEY', next);
      for (const process of processes) {
        const started = await paidAtGateway();
        expect(await deliver(process, started, key)).toEqual({ status: 401, verdict: 'BAD_SIGNATURE' });
        expect((await shop.paymentRow(started.id)).status).toBe('PENDING');
        expect(await shop.verdicts(started.id)).toEqual([]);
        expect(await deliver(process, started, next)).toEqual({ status: 200, verdict: 'ACCEPTED' });
        expect(await shop.verdicts(started.id)).toEqual(['ACCEPTED']);
      }
      key = next;
    }
    await configure('VENDOR_KEY', world.vendorKey);
  });

  test('is what the gateway is asked with, too', async () => {
    const right = (await world.app.gateways.connect(shop.tenantId, 'FAWATERK'))!.credentials['API_KEY']!;
    const started = await paidAtGateway();
    await configure('API_KEY', 'no-key-of-this-gateway');
    expect((await deliver(other, started, world.vendorKey)).verdict).toBe('UNCONFIRMED');
    await configure('API_KEY', right);
    expect((await deliver(other, started, world.vendorKey)).verdict).toBe('ACCEPTED');
  });
});

test('whatever is answered waits for the disk: only the storing of a delivery that is settled before the answer does not', async () => {
  await world.owner(`
    create table waited (number serial, about text, waits text);
    grant insert on waited to portolan_app;
    grant usage on sequence waited_number_seq to portolan_app;
    create function note_wait() returns trigger language plpgsql as $$
    begin
      insert into waited (about, waits) select tg_op || ' ' || new.verdict,
        case when s.source = 'session' then s.setting else 'as the server does' end from pg_settings s where s.name = 'synchronous_commit';
      return null;
    end
    $$;
    create constraint trigger note_wait after insert or update on webhook_deliveries deferrable initially deferred
      for each row execute function note_wait();`);
  const started = await shop.started();
  expect((await shop.paid(started)).verdict).toBe('ACCEPTED');
  expect((await shop.deliver(shop.hook('paid', started.invoice))).verdict).toBe('ALREADY_PROCESSED');
  const unknown = shop.hook('paid', { ...started.invoice, invoiceId: 987_654_321, payLoad: null });
  expect((await shop.deliver(unknown)).verdict).toBe('UNKNOWN_PAYMENT');
  const { hashKey: _, ...forged } = JSON.parse(shop.hook('paid', started.invoice).body);
  await shop.deliver({ ...unknown, body: JSON.stringify({ ...forged, hashKey: '0'.repeat(64) }) });
  expect(await world.owner('select about, waits from waited order by number')).toEqual([
    { about: 'INSERT RECEIVED', waits: 'off' },
    { about: 'UPDATE ACCEPTED', waits: 'as the server does' },
    { about: 'INSERT ALREADY_PROCESSED', waits: 'as the server does' },
    { about: 'INSERT UNKNOWN_PAYMENT', waits: 'as the server does' },
    { about: 'INSERT BAD_SIGNATURE', waits: 'as the server does' },
  ]);
});
