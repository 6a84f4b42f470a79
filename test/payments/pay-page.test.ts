import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { PayfastShop, readForm, type Begun } from '../helpers/payfast-shop.ts';
import { rawId } from '../helpers/shop.ts';

/** GET /pay/{token}, which hands the customer to a gateway, and /pay/return, by which they come back (decisions.md, "Money"). */
let world: TestApp;
let payfast: PayfastShop;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  payfast = await PayfastShop.open(world);
});
afterAll(() => world.stop());

const linkFor = (ticket: object, lastsMs = 60_000, purpose = 'pay') =>
  `${world.app.config.baseUrl}/pay/${world.app.vault.sign(purpose, ticket, new Date(world.app.clock.now().getTime() + lastsMs))}`;
const ticketOf = ({ id }: Begun) => ({ tenantId: payfast.shop.tenantId, paymentId: id });

/** The answer is a page that says something and leads nowhere else. */
async function refusal(link: string, method = 'GET') {
  const { status, headers, text } = await payfast.open(link, method);
  expect(text).not.toMatch(/<form|<input|<script/);
  expect(text).not.toContain(payfast.credentials['MERCHANT_KEY']);
  expect(headers['cache-control']).toBe('no-store');
  return { status, title: /<h1>([^<]*)<\/h1>/.exec(text)?.[1], text };
}

describe('the page', () => {
  test('posts to the gateway only, runs one script only, is kept nowhere and tells nobody where it was', async () => {
    const { paymentUrl } = await payfast.begun();
    const page = await payfast.open(paymentUrl);
    expect(page.status).toBe(200);
    const policy = String(page.headers['content-security-policy']);
    const nonce = /script-src 'nonce-([\w-]{20,})'/.exec(policy)?.[1];
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `style-src 'nonce-${nonce}'`,
      `script-src 'nonce-${nonce}'`,
      `form-action ${world.simulators.url}`,
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ]);
    expect([...page.text.matchAll(/<script\b[^>]*>/g)].map(([tag]) => tag)).toEqual([`<script nonce="${nonce}">`]);
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
    expect(page.text).toMatch(/<button>[^<]+<\/button>\n<\/form>/);
    expect(page.text).not.toMatch(/\son\w+=|javascript:/i);
    const again = String((await payfast.open(paymentUrl)).headers['content-security-policy']);
    expect(again, 'a nonce is used once').not.toBe(policy);
  });

  test('shows nothing unescaped, and the vendor gets every sign as it is', async () => {
    const [firstName, lastName] = [`O'Neill "><script>alert(1)</script>`, '&#39; <b>ü</b> 你 \u202e'];
    await world.owner('update users set first_name = $2, last_name = $3 where id = $1', [
      rawId(payfast.shop.customerId),
      firstName,
      lastName,
    ]);
    try {
      const begun = await payfast.begun();
      const { text } = await payfast.open(begun.paymentUrl);
      expect(text).not.toContain('<script>alert');
      expect(text).not.toContain('<b>');
      expect(readForm(text).fields).toMatchObject({ name_first: firstName, name_last: lastName });
      const checkout = await payfast.checkedOut(begun);
      await payfast.act(checkout, 'pay');
      await eventually(
        () => payfast.stateOf(begun),
        ({ order }) => order === 'PAID',
      );
    } finally {
      await world.owner("update users set first_name = 'Mona', last_name = 'Adel' where id = $1", [
        rawId(payfast.shop.customerId),
      ]);
    }
  });

  test('is made anew each time: no form and no link is stored anywhere', async () => {
    const { paymentUrl, id } = await payfast.begun();
    await payfast.open(paymentUrl);
    const row = JSON.stringify(await payfast.shop.paymentRow(id));
    expect(row).not.toContain(payfast.credentials['MERCHANT_KEY']);
    expect(row).not.toContain(paymentUrl.split('/').at(-1)!.split('.')[2]);
  });

  test('opening it changes nothing, however often', async () => {
    const { paymentUrl, id } = await payfast.begun();
    const before = await payfast.shop.paymentRow(id);
    await Promise.all(Array.from({ length: 10 }, () => payfast.open(paymentUrl)));
    expect((await payfast.open(paymentUrl, 'HEAD')).status).toBe(200);
    expect(await payfast.shop.paymentRow(id)).toEqual(before);
  });

  test('is for looking only: another method is refused', async () => {
    const { paymentUrl } = await payfast.begun();
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await payfast.open(paymentUrl, method)).status).toBe(405);
  });
});

describe('there is never a form', () => {
  test('for a link that was forged, cut, made for something else, or names nothing: 404', async () => {
    const begun = await payfast.begun();
    const token = begun.paymentUrl.split('/').at(-1)!;
    const [version, content, signature] = token.split('.');
    const other = Buffer.from(JSON.stringify({ p: ticketOf(begun), e: null })).toString('base64url');
    const links = [
      `${version}.${other}.${signature}`,
      `${version}.${content}.${signature!.slice(0, -2)}`,
      `${version}.${content}`,
      `9.${content}.${signature}`,
      'return',
      'x'.repeat(1024),
    ].map((forged) => `${world.app.config.baseUrl}/pay/${forged}`);
    const signedForElse = linkFor(ticketOf(begun), 60_000, 'return');
    const nobodys = linkFor({ ...ticketOf(begun), paymentId: '00000000-0000-4000-8000-00000000beef' });
    const nonsense = linkFor({ tenantId: "' or 1=1", paymentId: 7 });
    for (const link of [...links, signedForElse, nobodys, nonsense])
      expect(await refusal(link), link).toMatchObject({ status: 404, title: 'There is nothing here' });
    expect((await payfast.open(`${world.app.config.baseUrl}/pay/${'x'.repeat(1025)}`)).status).toBe(404);
  });

  test('for a payment of another tenant, or of a gateway that is paid elsewhere: 404, and nothing is begun there', async () => {
    const begun = await payfast.begun();
    const [other] = await world.owner('select id from tenants where slug = $1', [world.facts.otherTenantSlug]);
    expect(await refusal(linkFor({ ...ticketOf(begun), tenantId: other.id }))).toMatchObject({ status: 404 });
    const card = await payfast.shop.started();
    const invoices = (await world.simulators.book(payfast.account)).invoices.length;
    const link = linkFor({ tenantId: payfast.shop.tenantId, paymentId: card.id });
    expect(await refusal(link)).toMatchObject({ status: 404 });
    expect((await world.simulators.book(payfast.account)).invoices).toHaveLength(invoices);
  });

  test('for a link that is too old: 410, and the graph gives another', async () => {
    const begun = await payfast.begun();
    expect(await refusal(linkFor(ticketOf(begun), -1))).toMatchObject({ status: 410, title: 'This link is too old' });
    expect((await payfast.open((await payfast.linkOf(begun))!)).status).toBe(200);
    const { e: ends } = JSON.parse(Buffer.from(begun.paymentUrl.split('.').at(-2)!, 'base64url').toString());
    expect(ends - world.app.clock.now().getTime(), 'short-lived').toBeLessThanOrEqual(30 * 60_000);
  });

  test('for a payment that is paid, failed, expired or cancelled: 410', async () => {
    const paid = await payfast.checkedOut();
    await payfast.act(paid, 'pay');
    await eventually(
      () => payfast.stateOf(paid),
      ({ order }) => order === 'PAID',
    );
    expect(await refusal(paid.paymentUrl)).toMatchObject({ status: 410, title: 'This is paid' });
    for (const status of ['FAILED', 'EXPIRED', 'CANCELLED']) {
      const begun = await payfast.begun();
      await world.owner('update payments set status = $2 where id = $1', [begun.id, status]);
      expect(await refusal(begun.paymentUrl), status).toMatchObject({ status: 410, title: 'This payment is over' });
      expect(await payfast.linkOf(begun), status).toBe(null);
    }
    const late = await payfast.begun();
    await world.owner("update payments set expires_at = now() - interval '1 second' where id = $1", [late.id]);
    expect(await refusal(late.paymentUrl)).toMatchObject({ status: 410, title: 'This payment is over' });
  });

  test.each([
    ['is cancelled', "update orders set status = 'CANCELLED' where id = $1"],
    ['has expired a moment ago', "update orders set expires_at = now() - interval '1 second' where id = $1"],
    ['was paid in part meanwhile', 'update orders set paid_minor = 100 where id = $1'],
    [
      'has money under review',
      `insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method_kind, status, amount_minor, currency_code, created_at)
       select tenant_id, gen_random_uuid(), id, customer_id, 'PAYFAST', 'cc', 'REDIRECT', 'UNDER_REVIEW', total_minor, currency_code, now() from orders where id = $1`,
    ],
  ])('for an order that %s: 409', async (_what, change) => {
    const begun = await payfast.begun();
    await world.owner(change, [rawId(begun.orderId)]);
    expect(await refusal(begun.paymentUrl)).toMatchObject({ status: 409, title: 'This order takes no payment now' });
  });

  test('for a shop that is switched off: 409; whose gateway is off, or can not be opened: 503', async () => {
    const begun = await payfast.begun();
    const during = async (change: string, back: string) => {
      await world.owner(change, [payfast.shop.tenantId]);
      try {
        return (await refusal(begun.paymentUrl)).status;
      } finally {
        await world.owner(back, [payfast.shop.tenantId]);
      }
    };
    const tenant = (on: boolean) => `update tenants set active = ${on} where id = $1`;
    expect(await during(tenant(false), tenant(true))).toBe(409);
    const gateway = (on: boolean) =>
      `update payment_gateway_configs set enabled = ${on} where tenant_id = $1 and gateway = 'PAYFAST'`;
    expect(await during(gateway(false), gateway(true))).toBe(503);
    const damaged = `insert into credentials (tenant_id, id, owner, name, version, sealed, master_key_version, created_at)
      values ($1, gen_random_uuid(), 'gateway:PAYFAST', 'MERCHANT_KEY', 99, 'x', 1, now())`;
    expect(await during(damaged, 'delete from credentials where tenant_id = $1 and version = 99')).toBe(503);
    expect((await payfast.open(begun.paymentUrl)).status).toBe(200);
  });

  test('and a page without one leads back to the shop, where the shop said so', async () => {
    const returnUrl = 'https://demo.example/orders?a=1&b="2"';
    const begun = await payfast.begun(undefined, { returnUrl });
    await world.owner("update payments set status = 'FAILED' where id = $1", [begun.id]);
    const { text } = await refusal(begun.paymentUrl);
    const href = /<a href="([^"]*)"/
      .exec(text)?.[1]
      ?.replace(/&#(\d+);/g, (_all, code: string) => String.fromCharCode(+code));
    expect(href && new URL(href).href).toBe(new URL(returnUrl).href);
  });
});

describe('coming back', () => {
  const RETURN_URL = 'https://demo.example/thanks?order=7';
  async function ways(): Promise<{ begun: Begun; success: URL; failure: URL }> {
    const begun = await payfast.begun(undefined, { returnUrl: RETURN_URL });
    const { fields } = await payfast.formAt(begun.paymentUrl);
    return { begun, success: new URL(fields['return_url']!), failure: new URL(fields['cancel_url']!) };
  }
  /** As PayU posts a customer's browser back (payment-gateways.md 3.4). */
  const RESULT = new URLSearchParams({
    status: 'success',
    txnid: 'x',
    amount: '249.90',
    hash: '0'.repeat(128),
  }).toString();

  test('by a link or by a form with a whole result in it: to the shop’s own page, and nothing is believed', async () => {
    const { begun, success, failure } = await ways();
    for (const [way, outcome] of [
      [success, 'success'],
      [failure, 'failure'],
    ] as const) {
      for (const method of ['GET', 'POST']) {
        const answer = await world.request(method, `${way.pathname}${way.search}`, {
          ...(method === 'POST' && { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: RESULT }),
        });
        expect([answer.status, answer.headers.location]).toEqual([303, `${RETURN_URL}&payment=${outcome}`]);
        expect(answer.headers['cache-control']).toBe('no-store');
      }
    }
    expect(await payfast.stateOf(begun)).toEqual({ order: 'ISSUED', shown: 'PENDING', payment: 'PENDING' });
    expect(await payfast.shop.verdicts(begun.id)).toEqual([]);
  });

  test('a body beyond 64 KiB is refused, a way that is not ours is not there', async () => {
    const { success } = await ways();
    const path = `${success.pathname}${success.search}`;
    expect((await world.request('POST', path, { body: 'x'.repeat(64 * 1024) })).status).toBe(303);
    expect((await world.request('POST', path, { body: 'x'.repeat(64 * 1024 + 1) })).status).toBe(413);
    expect((await world.request('POST', success.pathname, { body: RESULT })).status).toBe(404);
    expect((await world.request('PUT', path, { body: RESULT })).status).toBe(405);
  });

  test('a return address that is not the shop’s, or longer than can be signed, is refused at the beginning', async () => {
    const orderId = await payfast.issued();
    for (const returnUrl of ['https://evil.example/', `https://demo.example/${'x'.repeat(2_000)}`]) {
      const { payment, userErrors } = await payfast.pay(orderId, { returnUrl });
      expect([payment, userErrors[0].code, userErrors[0].field]).toEqual([
        null,
        'INVALID_INPUT',
        ['input', 'returnUrl'],
      ]);
    }
    const longest = `https://demo.example/${'x'.repeat(1_979)}`;
    const begun = await payfast.begun(orderId, { returnUrl: longest });
    const way = new URL((await payfast.formAt(begun.paymentUrl)).fields['return_url']!);
    const answer = await world.request('GET', `${way.pathname}${way.search}`);
    expect([answer.status, answer.headers.location]).toEqual([303, `${longest}?payment=success`]);
  });
});
