import { createHash } from 'node:crypto';
import http from 'node:http';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromBufferPromise } from 'yauzl';

import { assertNoOpenTransaction } from '../../src/db.ts';
import { createInvoiceArchive } from '../../src/invoice-archive.ts';
import type { Logger } from '../../src/log.ts';
import { issueInvoice } from '../../src/resolvers/invoice.ts';
import { TENANT_A, TENANT_B } from '../isolation/population.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { Shop, rawId } from '../helpers/shop.ts';
import { logoPicture } from '../typesetting/documents.ts';

/** The archive of a month: everything of it and nothing else, streamed, for an operator (COM-11). */
let world: TestApp;
let shop: Shop;
let orderId: string;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  shop = await Shop.open(world);
  const started = await shop.started({ text: 'Nile cruise', unitPrice: '75.00', taxRate: '14', quantity: 2 });
  await shop.paid(started);
  orderId = rawId(started.orderId);
});
afterAll(() => world.stop());

/** Another invoice of the one order, issued at that moment by the product's own code. */
async function issueAt(instant: string): Promise<void> {
  const clock = { ...world.app.clock, now: () => new Date(instant) };
  await world.app.db.write({ tenantId: TENANT_A, customerId: null }, (tx) =>
    issueInvoice(tx, { ...world.app, clock }, orderId),
  );
}

async function updateTenant(input: Record<string, unknown>): Promise<void> {
  const { updateTenant: payload } = await world.data(
    { token: (await world.session('tenantAdmin')).accessToken },
    'mutation ($input: UpdateTenantInput!) { updateTenant(input: $input) { userErrors { code } } }',
    { input },
  );
  expect(payload.userErrors).toEqual([]);
}

const QUERY = 'query ($month: String!) { invoiceArchive(month: $month) { month invoices url } }';
const linkOf = async (month: string) => (await world.data(shop.operator, QUERY, { month })).invoiceArchive;
const open = async (url: string) => {
  const { pathname, search } = new URL(url);
  return world.request('GET', pathname + search);
};

interface Unpacked {
  readonly name: string;
  readonly bytes: Buffer;
}

async function unpack(zip: Buffer): Promise<Unpacked[]> {
  const file = await fromBufferPromise(zip);
  const entries: Unpacked[] = [];
  for await (const entry of file.eachEntry()) {
    const chunks: Buffer[] = [];
    for await (const chunk of await file.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
    entries.push({ name: entry.fileName, bytes: Buffer.concat(chunks) });
  }
  return entries;
}

const archiveOf = async (month: string) => {
  const answer = await open((await linkOf(month)).url);
  expect(answer.status).toBe(200);
  return { ...answer, entries: await unpack(answer.body) };
};

describe('an archive', () => {
  test('has every page of the month as its own link gives it, in the order of numbers, and the list of them last', async () => {
    await updateTenant({ logo: logoPicture().toString('base64') });
    for (let day = 10; day < 35; day += 1)
      await issueAt(`2027-03-${String(1 + (day % 28)).padStart(2, '0')}T12:00:00Z`);
    await updateTenant({ logo: null });
    await issueAt('2027-03-15T12:00:00Z');
    const link = await linkOf('2027-03');
    expect(link).toMatchObject({ month: '2027-03', invoices: 26 });
    const { headers, entries } = await archiveOf('2027-03');
    expect(headers).toMatchObject({
      'content-type': 'application/zip',
      'content-disposition': 'attachment; filename="invoices-2027-03.zip"',
      'cache-control': 'private, no-store',
      'x-invoice-count': '26',
    });
    const names = entries.map(({ name }) => name);
    expect(names.at(-1)).toBe('manifest.csv');
    expect(names).toHaveLength(27);
    expect(names.slice(0, -1)).toEqual(names.slice(0, -1).toSorted());
    const [head, ...lines] = entries.at(-1)!.bytes.toString().trimEnd().split('\r\n');
    expect(head).toBe('number,kind,date,total,currency,sha256');
    for (const [index, { name, bytes }] of entries.slice(0, -1).entries()) {
      const number = name.replace('.pdf', '');
      const { invoice } = await world.data(
        shop.operator,
        'query ($number: String!) { invoice(number: $number) { pdfUrl data } }',
        { number },
      );
      expect((await open(invoice.pdfUrl)).body.equals(bytes), name).toBe(true);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      expect(lines[index]).toBe(`${number},INVOICE,${invoice.data.issuedAt},171.00,EGP,${sha256}`);
    }
  });

  test('of the same month has the same bytes', async () => {
    await issueAt('2027-04-15T12:00:00Z');
    const [one, other] = [await archiveOf('2027-04'), await archiveOf('2027-04')];
    expect(one.body.equals(other.body)).toBe(true);
  });

  test('has credit notes among the invoices', async () => {
    await issueAt('2027-05-15T12:00:00Z');
    await world.owner(
      `insert into invoices (tenant_id, id, number, kind, order_id, customer_id, total_minor, currency_code, document, issued_at)
       select tenant_id, gen_random_uuid(), 'CN-000901', 'CREDIT_NOTE', order_id, customer_id, 1050, currency_code,
         document || '{"kind":"CREDIT_NOTE","number":"CN-000901","mark":"REFUNDED"}', issued_at
       from invoices where tenant_id = $1 and issued_month = '2027-05'`,
      [TENANT_A],
    );
    const { entries } = await archiveOf('2027-05');
    expect(entries.map(({ name }) => name)).toEqual(['CN-000901.pdf', expect.stringMatching(/^INV-/), 'manifest.csv']);
    expect(entries.at(-1)!.bytes.toString()).toContain('CN-000901,CREDIT_NOTE,2027-05-15,10.50,EGP,');
  });

  test.each([
    ['Asia/Taipei', '2027-06-30T15:59:59Z', '2027-06-30T16:00:00Z'],
    ['Africa/Cairo', '2027-06-30T20:59:59Z', '2027-06-30T21:00:00Z'],
    ['America/New_York', '2027-07-01T03:59:59Z', '2027-07-01T04:00:00Z'],
  ])('ends where the month ends in %s', async (timeZone, last, first) => {
    await updateTenant({ timeZone });
    const months = ['2027-06', '2027-07'];
    const counts = async () => Promise.all(months.map(async (month) => (await linkOf(month)).invoices as number));
    const before = await counts();
    await issueAt(last);
    expect(await counts()).toEqual([before[0]! + 1, before[1]]);
    await issueAt(first);
    expect(await counts()).toEqual([before[0]! + 1, before[1]! + 1]);
    // Whoever moves keeps the months that stand on the pages.
    await updateTenant({ timeZone: 'UTC' });
    expect(await counts()).toEqual([before[0]! + 1, before[1]! + 1]);
  });

  test('of a month without invoices has the list alone', async () => {
    expect(await linkOf('2031-01')).toMatchObject({ invoices: 0 });
    const { headers, entries } = await archiveOf('2031-01');
    expect(headers['x-invoice-count']).toBe('0');
    expect(entries).toEqual([
      { name: 'manifest.csv', bytes: Buffer.from('number,kind,date,total,currency,sha256\r\n') },
    ]);
  });

  test('of what is no month is refused', async () => {
    for (const month of ['', '2027', '2027-13', '2027-3', "2027-03' or 1=1", '../2027-03']) {
      const answer = await world.ask(shop.operator, QUERY, { month });
      expect(
        answer.errors?.map(({ extensions }) => extensions.code),
        month,
      ).toEqual(['INVALID_INPUT']);
    }
    for (const path of ['2027-3', '202703', '2027-03.zip', '..%2f2027-03'])
      expect((await world.request('GET', `/invoices/archive/${path}.zip?token=x`)).status, path).toBe(404);
  });

  test('is not for customers', async () => {
    const answer = await world.ask(shop.customer, QUERY, { month: '2027-03' });
    expect(answer.errors?.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN']);
  });
});

describe('the link to an archive', () => {
  test('opens one month of one tenant for fifteen minutes, and nothing without its token', async () => {
    await issueAt('2027-08-15T12:00:00Z');
    const link = new URL((await linkOf('2027-08')).url);
    const token = link.searchParams.get('token')!;
    const { vault } = world.app;
    const ticket = { tenantId: TENANT_A, month: '2027-08' };
    const later = new Date(Date.now() + 60_000);
    const bad = [
      '',
      token.slice(0, -2),
      vault.sign('invoice-archive', ticket, new Date(Date.now() - 1)),
      vault.sign('invoice', ticket, later),
      vault.sign('return', ticket, later),
      vault.sign('invoice-archive', { ...ticket, month: '2027-03' }, later),
      vault.sign('invoice-archive', { ...ticket, tenantId: "' or 1=1" }, later),
    ];
    for (const each of bad) {
      const altered = new URL(link);
      altered.searchParams.set('token', each);
      expect((await open(altered.href)).status, each).toBe(404);
    }
    const other = vault.sign('invoice-archive', { ...ticket, tenantId: TENANT_B }, later);
    const answer = await world.request('GET', `${link.pathname}?token=${other}`);
    expect(answer.headers['x-invoice-count'], "another tenant's token opens that tenant's month").toBe('0');
    const { status } = await world.request('HEAD', link.pathname + link.search);
    expect(status).toBe(405);
  });
});

describe('a download', () => {
  const PAGE_BYTES = 1024 * 1024;
  const INVOICES = 45;
  beforeAll(async () => {
    for (let count = 0; count < INVOICES; count += 1) await issueAt('2027-09-15T12:00:00Z');
  });

  /** The archive of September with pages of a megabyte each, which say how many were asked for and how many at once. */
  async function watched() {
    const counts = { rendered: 0, atOnce: 0, atOnceMost: 0 };
    const said: { readonly message: string; readonly done: number; readonly invoices: number }[] = [];
    const log = {
      info: (facts: { done: number; invoices: number }, message: string) => said.push({ message, ...facts }),
    };
    const handler = createInvoiceArchive({ ...world.app, log: log as unknown as Logger }, async () => {
      assertNoOpenTransaction();
      counts.atOnce += 1;
      counts.atOnceMost = Math.max(counts.atOnceMost, counts.atOnce);
      await setImmediate();
      counts.atOnce -= 1;
      counts.rendered += 1;
      return Buffer.alloc(PAGE_BYTES);
    });
    const token = world.app.vault.sign('invoice-archive', { tenantId: TENANT_A, month: '2027-09' }, null);
    const ask = () =>
      handler({
        method: 'GET',
        params: { month: '2027-09' },
        query: new URLSearchParams({ token }),
        headers: {},
        body: Buffer.alloc(0),
        sourceAddress: '',
      });
    return { counts, said, ask };
  }

  test('is rendered one page at a time, no faster than it is taken, with no transaction open', async () => {
    const { counts, said, ask } = await watched();
    let taken = 0;
    for await (const chunk of (await ask()).body as Readable) {
      taken += (chunk as Buffer).length;
      // Time enough for many pages, if nobody minded how fast they are taken.
      for (let turn = 0; turn < 50; turn += 1) await setImmediate();
      expect(counts.rendered * PAGE_BYTES - taken).toBeLessThan(4 * PAGE_BYTES);
    }
    expect(counts).toEqual({ rendered: INVOICES, atOnce: 0, atOnceMost: 1 });
    expect(said.at(-1)).toMatchObject({ message: 'An archive of invoices was made', done: INVOICES });
  });

  test('that is given up is not rendered to its end, and its place is free again', async () => {
    const { counts, said, ask } = await watched();
    for (let round = 0; round < 5; round += 1) {
      const { status, body } = await ask();
      expect(status).toBe(200);
      for await (const _chunk of body as Readable) break;
      const last = await eventually(
        () => said[round],
        (told) => told !== undefined,
      );
      expect(last).toMatchObject({ message: expect.stringContaining('given up'), invoices: INVOICES });
    }
    expect(counts.rendered).toBeLessThan(5 * 5);
  });

  test('more than three at once are told to come again', async () => {
    const { ask } = await watched();
    const bodies = [];
    for (let count = 0; count < 3; count += 1) bodies.push((await ask()).body as Readable);
    expect(await ask()).toMatchObject({ status: 503, body: expect.stringContaining('OVERLOADED') });
    for (const body of bodies) body.destroy();
    await eventually(
      async () => {
        const { status, body } = await ask();
        if (typeof body !== 'string') (body as Readable).destroy();
        return status;
      },
      (status) => status === 200,
    );
  });

  test('whose page cannot be made is cut off instead of being ended as if it were whole', async () => {
    const handler = createInvoiceArchive(world.app, () => Promise.reject(new Error('broken page')));
    const token = world.app.vault.sign('invoice-archive', { tenantId: TENANT_A, month: '2027-09' }, null);
    const { body } = await handler({
      method: 'GET',
      params: { month: '2027-09' },
      query: new URLSearchParams({ token }),
      headers: {},
      body: Buffer.alloc(0),
      sourceAddress: '',
    });
    await expect((body as Readable).toArray()).rejects.toThrow('broken page');
  });

  test('over a real socket that closes in the middle frees its place', async () => {
    const url = new URL((await linkOf('2027-09')).url);
    const openAndLeave = () =>
      new Promise<unknown>((resolve, reject) => {
        const sent = http.get({ host: '127.0.0.1', port: world.port, path: url.pathname + url.search }, (response) => {
          response.once('data', () => {
            response.destroy();
            resolve(response.headers['x-invoice-count']);
          });
        });
        sent.once('error', reject);
      });
    // More than there are places; one that is taken yet is told so and comes again.
    for (let round = 0; round < 5; round += 1) await eventually(openAndLeave, (count) => count === String(INVOICES));
    const { status } = await eventually(
      () => open(url.href),
      (answer) => answer.status !== 503,
    );
    expect(status).toBe(200);
  });
});
