import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Shop, rawId, type Started } from '../helpers/shop.ts';
import { logoPicture } from '../typesetting/documents.ts';

/** Invoices: made when the order is paid, numbered without gaps, never changed, read by a signed link (COM-11). */
let world: TestApp;
let shop: Shop;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  shop = await Shop.open(world);
});
afterAll(() => world.stop());

async function paid(text = 'Tea'): Promise<Started> {
  const started = await shop.started({ text, unitPrice: '75.00', taxRate: '14', quantity: 2 });
  await shop.paid(started);
  return started;
}
const invoiceOf = async (orderId: string, as = shop.customer) =>
  (
    await world.data(
      as,
      'query ($id: ID!) { order(id: $id) { invoice { id number kind total { amount currencyCode } data pdfUrl issuedAt } } }',
      { id: orderId },
    )
  ).order.invoice;
const open = (link: URL) => world.request('GET', link.pathname + link.search);

describe('numbers', () => {
  test('twenty orders paid at once get twenty numbers without a gap', async () => {
    const started: Started[] = [];
    for (let count = 0; count < 20; count += 1) started.push(await shop.started());
    for (const each of started) await shop.atGateway(each, 'pay');
    await Promise.all(started.flatMap((each) => [1, 2].map(() => shop.deliver(shop.hook('paid', each.invoice)))));
    const rows = await world.owner<{ number: string }>(
      'select number from invoices where tenant_id = $1 order by number',
      [shop.tenantId],
    );
    expect(rows.map(({ number }) => number)).toEqual(
      Array.from({ length: 20 }, (_, index) => `INV-${String(index + 1).padStart(6, '0')}`),
    );
  });
});

describe('an invoice', () => {
  test('holds everything its page shows as it was when it was issued, whatever changes afterwards', async () => {
    const { orderId } = await paid('Nile cruise');
    const before = await invoiceOf(orderId);
    expect(before).toMatchObject({ kind: 'INVOICE', total: { amount: '171.00', currencyCode: 'EGP' } });
    expect(JSON.stringify(before.data)).toContain('Nile cruise');
    await world.owner("update users set first_name = 'Changed' where id = $1", [rawId(shop.customerId)]);
    await world.owner("update tenants set name = 'Changed' where id = $1", [shop.tenantId]);
    expect(await invoiceOf(orderId)).toMatchObject({ data: before.data, number: before.number });
  });

  test("says the seller's address, tax id and legal text as an administrator set them", async () => {
    const legal = {
      addressLines: ['14 Corniche', 'Cairo'],
      taxId: '498-221-773',
      legalText: 'Register 55812.\nCairo.',
    };
    const { updateTenant } = await world.data(
      { token: (await world.session('tenantAdmin')).accessToken },
      'mutation ($input: UpdateTenantInput!) { updateTenant(input: $input) { tenant { legal { addressLines taxId legalText } } userErrors { code } } }',
      { input: { legal } },
    );
    expect(updateTenant).toEqual({ tenant: { legal }, userErrors: [] });
    expect((await invoiceOf((await paid()).orderId)).data.tenant).toMatchObject(legal);
  });

  test('is never changed or deleted, not even by the owner of the tables', async () => {
    const { orderId } = await paid();
    const id = rawId((await invoiceOf(orderId)).id);
    for (const text of [
      "update invoices set number = 'INV-000000' where id = $1",
      "update invoices set document = '{}' where id = $1",
      'delete from invoices where id = $1',
    ]) {
      await expect(world.owner(text, [id]), text).rejects.toThrow('append-only');
    }
    await expect(world.owner('truncate invoices cascade')).rejects.toThrow('append-only');
  });

  test('is found by id and by number, by its customer and by staff', async () => {
    const { orderId } = await paid();
    const { id, number } = await invoiceOf(orderId);
    for (const as of [shop.customer, shop.operator]) {
      expect(
        await world.data(as, `{ a: invoice(id: "${id}") { number } b: invoice(number: "${number}") { id } }`),
      ).toEqual({ a: { number }, b: { id } });
    }
    expect(await world.data(shop.operator, '{ invoice(number: "INV-999999") { id } }')).toEqual({ invoice: null });
  });
});

describe("the seller's picture", () => {
  const picture = (width: number) => logoPicture('image/png', width, 100);
  const setLogo = async (logo: string | null) =>
    (
      await world.data(
        { token: (await world.session('tenantAdmin')).accessToken },
        'mutation ($input: UpdateTenantInput!) { updateTenant(input: $input) { tenant { logoSha256 } userErrors { code field } } }',
        { input: { logo } },
      )
    ).updateTenant;
  const pageOf = async (orderId: string) => (await open(new URL((await invoiceOf(orderId)).pdfUrl))).body;
  const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  test('stands on invoices from then on; an older invoice keeps the one it had, and its bytes', async () => {
    const before = await paid();
    const bare = await pageOf(before.orderId);
    const first = picture(300);
    expect(await setLogo(first.toString('base64'))).toMatchObject({ tenant: { logoSha256: hashOf(first) } });
    const withFirst = await paid();
    expect((await invoiceOf(withFirst.orderId)).data.tenant.logo).toEqual({
      sha256: hashOf(first),
      mediaType: 'image/png',
      width: 300,
      height: 100,
    });
    const page = await pageOf(withFirst.orderId);
    expect(page.toString('latin1')).toMatch(/\/Subtype\s*\/Image/);
    expect(await setLogo(picture(200).toString('base64'))).toMatchObject({ userErrors: [] });
    const withSecond = await paid();
    expect((await invoiceOf(withSecond.orderId)).data.tenant.logo).toMatchObject({ width: 200 });
    expect(await setLogo(null)).toMatchObject({ tenant: { logoSha256: null } });
    expect((await invoiceOf((await paid()).orderId)).data.tenant.logo).toBe(null);
    expect((await pageOf(withFirst.orderId)).equals(page)).toBe(true);
    expect((await pageOf(before.orderId)).equals(bare)).toBe(true);
    expect(bare.toString('latin1')).not.toMatch(/\/Subtype\s*\/Image/);
  });

  test('is named with its size in the audit log, and its bytes are nowhere in it', async () => {
    const given = picture(250);
    await setLogo(given.toString('base64'));
    await setLogo(null);
    const entries = await world.owner(
      "select before, after, (before::text || after::text) as whole from audit_entries where tenant_id = $1 and action = 'tenant.update' order by position desc limit 2",
      [shop.tenantId],
    );
    const mention = { sha256: hashOf(given), bytes: given.length };
    expect(entries.map(({ before, after }) => [before.logo, after.logo])).toEqual([
      [mention, null],
      [null, mention],
    ]);
    for (const { whole } of entries) expect(whole).not.toContain(given.toString('base64').slice(0, 40));
  });

  test.each([
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString('base64')],
    ['no base64', '<svg/>'],
    ['nothing', ''],
    ['more than 64 KiB', Buffer.alloc(70_000, 1).toString('base64')],
  ])('is refused where it is %s, and the one before stays', async (_what, logo) => {
    const given = picture(310);
    await setLogo(given.toString('base64'));
    expect(await setLogo(logo)).toMatchObject({
      tenant: null,
      userErrors: [{ code: 'INVALID_INPUT', field: ['input', 'logo'] }],
    });
    const { tenant } = await world.data(shop.operator, '{ tenant { logoSha256 } }');
    expect(tenant.logoSha256).toBe(hashOf(given));
    await setLogo(null);
  });

  test('is never changed or taken out of the store, not even by the owner of the tables', async () => {
    await setLogo(picture(320).toString('base64'));
    await setLogo(null);
    for (const text of [
      'update tenant_logos set width = 1',
      'delete from tenant_logos',
      'truncate tenant_logos cascade',
    ]) {
      await expect(world.owner(text), text).rejects.toThrow('append-only');
    }
    await expect(
      world.owner(
        "insert into tenant_logos (tenant_id, sha256, media_type, width, height, content, created_at) select tenant_id, repeat('0', 64), media_type, width, height, content, now() from tenant_logos limit 1",
      ),
    ).rejects.toThrow('tenant_logos_name');
  });

  test('is one of a hundred that a tenant may have over time; one it had before is none more', async () => {
    const given = picture(330).toString('base64');
    await setLogo(given);
    await world.owner(
      `insert into tenant_logos (tenant_id, sha256, media_type, width, height, content, created_at)
       select $1, encode(sha256(content), 'hex'), 'image/png', 1, 1, content, now()
       from (select int4send(n) as content from generate_series(1, 100 - (select count(*)::int from tenant_logos where tenant_id = $1)) n) t`,
      [shop.tenantId],
    );
    expect(await setLogo(picture(340).toString('base64'))).toMatchObject({ userErrors: [{ code: 'INVALID_STATE' }] });
    expect(await setLogo(given)).toMatchObject({ userErrors: [] });
    await setLogo(null);
  });
});

describe('the link to the page', () => {
  test('opens this invoice and no other; without its token, altered, or for another purpose it opens nothing', async () => {
    const [one, other] = [await invoiceOf((await paid()).orderId), await invoiceOf((await paid()).orderId)];
    const link = new URL(one.pdfUrl);
    const token = link.searchParams.get('token')!;
    const answer = await open(link);
    expect([answer.status, answer.headers['content-type'], answer.headers['cache-control']]).toEqual([
      200,
      'application/pdf',
      'private, no-store',
    ]);
    expect(answer.headers['content-disposition']).toContain(`${one.number}.pdf`);
    const otherId = rawId(other.id);
    const elsewhere = world.app.vault.sign('return', { tenantId: shop.tenantId, id: rawId(one.id) }, null);
    const over = world.app.vault.sign(
      'invoice',
      { tenantId: shop.tenantId, id: rawId(one.id) },
      new Date(Date.now() - 1),
    );
    const [{ id: otherTenant }] = await world.owner('select id from tenants where slug = $1', [
      world.facts.otherTenantSlug,
    ]);
    const foreign = world.app.vault.sign('invoice', { tenantId: otherTenant, id: rawId(one.id) }, null);
    const bad = ['', token.slice(0, -2), token.replace(/^1/, '2'), elsewhere, over, foreign, "' or 1=1 --"];
    for (const each of bad) {
      const altered = new URL(link);
      altered.searchParams.set('token', each);
      expect((await open(altered)).status, each).toBe(404);
    }
    expect((await open(new URL(link.href.replace(rawId(one.id), otherId)))).status).toBe(404);
  });

  test('gives the same bytes every time', async () => {
    const { orderId } = await paid();
    const [first, second] = await Promise.all(
      [invoiceOf(orderId), invoiceOf(orderId)].map(async (asked) => (await open(new URL((await asked).pdfUrl))).body),
    );
    expect(first!.equals(second!)).toBe(true);
  });

  test('brings a paying customer back only where the shop allowed it', async () => {
    const orderId = await shop.issued();
    const methodId = await shop.methodId(orderId);
    const pay = (returnUrl: string) =>
      world.data(
        shop.customer,
        'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id } userErrors { code field } } }',
        { input: { orderId, methodId, returnUrl } },
      );
    expect((await pay('https://evil.example/collect')).payOrder).toMatchObject({
      payment: null,
      userErrors: [{ code: 'INVALID_INPUT', field: ['input', 'returnUrl'] }],
    });
    const { payOrder } = await pay('https://demo.example/thanks?order=1');
    expect(payOrder.payment).not.toBe(null);
  });
});

test('after all of this the books still agree', async () => {
  expect(await brokenLaws(world)).toEqual({});
});
