import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BODY, bookLink, callerOf, checkLink, shopPath, signed, typesOf } from '../helpers/expedia-by-hand.ts';
import { KEYS, day, startExpedia, type Expedia } from '../helpers/expedia.ts';

/**
 * The sandbox itself, spoken to by hand: what it checks is the vendor's, so nothing here comes from our client. Paths,
 * headers and answers are those of travel-providers.md section 1.
 */
let expedia: Expedia;

beforeAll(async () => {
  expedia = await startExpedia({ baseUrl: 'http://localhost:4001' });
});
afterAll(async () => {
  await expedia.stop();
});
beforeEach(async () => {
  await expedia.register();
  await expedia.scenario([], `simulator ${expect.getState().currentTestName}`.slice(0, 200));
});

const call = callerOf(() => expedia.apiUrl);

describe('the entrance', () => {
  test('packs every body, names its region, and tells of the rate limit in percent and milliseconds', async () => {
    const { status, headers } = await call('GET', shopPath());
    expect(status).toBe(200);
    expect(headers.get('content-encoding')).toBe('gzip');
    expect(headers.get('region')).toBe('us-west-2');
    expect(headers.get('rate-limit-minute-remaining')).toMatch(/^\d{1,3}$/);
    expect(headers.get('rate-limit-minute-reset')).toMatch(/^\d{13}$/);
    expect(headers.get('rate-limit-reduction-status')).toBe('inactive');
  });

  test.each([
    ['accept', undefined, 'accept.required'],
    ['accept-encoding', 'identity', 'accept_encoding.required'],
    ['user-agent', '', 'user_agent.required'],
    ['customer-ip', undefined, 'customer_ip.required'],
    ['customer-ip', 'here', 'customer_ip.invalid'],
  ])('wants %s (%s), before it looks at the key', async (name, value, type) => {
    const headers = { authorization: 'EAN nonsense', [name]: value };
    // fetch adds headers of its own, so a raw request leaves them out.
    const { status, text } = await raw('GET', '/itineraries?affiliate_reference_id=abc&email=a@b.c', headers);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ type: 'invalid_input', errors: [{ type }] });
  });

  test("wants the traveller's address for bookings only", async () => {
    expect((await call('GET', shopPath(), { headers: { 'customer-ip': undefined } })).status).toBe(200);
  });

  test.each([
    ['another secret', signed('another')],
    ['an unknown key', signed(KEYS.sharedSecret, undefined, 'nobody')],
    ['a signature of another time', signed().replace(/timestamp=\d+/, 'timestamp=1')],
    ['no scheme', signed().replace('EAN ', '')],
    ['another scheme', signed().replace('EAN', 'Basic')],
    ['nothing', undefined],
  ])('refuses %s, and tells its time', async (_name, authorization) => {
    const { status, headers, json } = await call('GET', shopPath(), { headers: { authorization } });
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('EAN');
    expect(json).toMatchObject({
      type: 'request_unauthenticated',
      fields: [
        { name: 'apikey', type: 'header' },
        { name: 'signature', type: 'header' },
        { name: 'timestamp', type: 'header' },
        { name: 'servertimestamp', type: 'server', value: expect.stringMatching(/^\d{10}$/) },
      ],
    });
  });

  test('takes five minutes either way, by its own clock', async () => {
    await expedia.register({ clockOffsetSeconds: 10_000 });
    const at = (seconds: number) => signed(undefined, Math.floor(Date.now() / 1_000) + 10_000 + seconds);
    const statuses = [];
    for (const seconds of [0, -290, 290, -330, 330]) {
      statuses.push((await call('GET', shopPath(), { headers: { authorization: at(seconds) } })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 401, 401]);
  });

  test('knows what a key is for', async () => {
    await expedia.register({ products: ['shopping'] });
    expect((await call('GET', shopPath())).status).toBe(200);
    const refused = await call('GET', '/regions?language=en-US&include=standard');
    expect([refused.status, refused.json.type]).toEqual([403, 'request_unauthorized']);
  });

  test('counts the calls of a minute, and says when it ends', async () => {
    await expedia.register({ callsPerMinute: 1 });
    const answers = [await call('GET', shopPath()), await call('GET', shopPath()), await call('GET', shopPath())];
    const limited = answers.find(({ status }) => status === 429);
    expect(limited?.json.type).toBe('too_many_requests');
    expect(limited?.headers.get('rate-limit-minute-remaining')).toBe('0');
    expect(Number(limited?.headers.get('rate-limit-minute-reset')) % 60_000).toBe(0);
    expect(limited?.headers.has('retry-after')).toBe(false);
  });

  test('does not know other paths, other methods, or plain http where it wants TLS', async () => {
    expect((await call('GET', '/chains-of-gold')).json.type).toBe('resource_not_found');
    expect((await call('PUT', '/properties/content')).status).toBe(405);
    await expedia.register({ demandsTls: true });
    expect((await call('GET', shopPath())).json.type).toBe('upgrade_required');
  });
});

/** A request with exactly these headers besides the usual ones; undefined and empty leave one out. */
async function raw(method: string, path: string, change: Readonly<Record<string, string | undefined>>) {
  const http = await import('node:http');
  const { gunzipSync } = await import('node:zlib');
  const usual = {
    authorization: signed(),
    accept: 'application/json',
    'accept-encoding': 'gzip',
    'user-agent': 'Test/1.0',
    'customer-ip': '203.0.113.7',
  };
  const headers = Object.fromEntries(Object.entries({ ...usual, ...change }).filter(([, value]) => value));
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const request = http.request(`${expedia.apiUrl}${path}`, { method, headers: headers as never }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const text = response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes).toString() : bytes.toString();
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

describe('places and contents', () => {
  test('a code is its city and its airport; a region has its properties', async () => {
    const { json } = await call(
      'GET',
      '/regions?language=en-US&include=details&include=property_ids&iata_location_code=SEA',
    );
    expect(json.map((one: { type: string }) => one.type)).toEqual(['city', 'airport']);
    expect(json[0]).toMatchObject({ id: '178307', name: 'Seattle', country_code: 'US' });
    expect(json[0].property_ids).toHaveLength(12);
    const one = await call('GET', '/regions/178307?language=en-US&include=property_ids');
    expect(one.json.property_ids).toEqual(json[0].property_ids);
  });

  test('a list is cut where it is asked to be, and says how long it is', async () => {
    const { json, headers } = await call('GET', '/regions?language=en-US&include=standard&limit=3');
    expect(json).toHaveLength(3);
    expect(Number(headers.get('pagination-total-results'))).toBeGreaterThan(50);
  });

  test.each([
    ['/regions?include=standard', 'language.required'],
    ['/regions?language=en&include=standard', 'language.invalid'],
    ['/regions?language=en-US', 'include.required'],
    ['/regions?language=en-US&include=STANDARD', 'include.invalid'],
    ['/regions?language=en-US&include=standard&include=details', 'include.not_supported'],
    ['/regions/178307?language=en-US&include=standard', 'include.not_supported'],
    ['/properties/content?language=en-US&property_id=19248', 'supply_source.required'],
  ])('%s: %s', async (path, type) => {
    const answer = await call('GET', path);
    expect(answer.status).toBe(400);
    expect(typesOf(answer)).toContain(type);
  });

  test('a region nobody knows is not found', async () => {
    const answer = await call('GET', '/regions/1?language=en-US&include=property_ids');
    expect([answer.status, answer.json.type]).toEqual([404, 'region.not_found']);
  });

  test('contents are a map by property, with what was asked for', async () => {
    const path = '/properties/content?language=en-US&supply_source=expedia&property_id=19248&property_id=1';
    const { json } = await call('GET', path);
    expect(Object.keys(json)).toEqual(['19248']);
    expect(json['19248']).toMatchObject({ name: 'Harbour House Seattle', address: { city: 'Seattle' } });
    expect((await call('GET', `${path}&include=name`)).json).toEqual({
      19248: { property_id: '19248', name: 'Harbour House Seattle' },
    });
  });
});

describe('shopping', () => {
  test.each([
    [{ checkin: '2026-9-9' }, [], 'checkin.invalid_date_format'],
    [{ checkin: '2026-02-30' }, [], 'checkin.invalid_date_format'],
    [{ checkin: null }, [], 'checkin.required'],
    [{ checkin: day(-5) }, [], 'checkin.invalid_date_in_the_past'],
    [{ checkin: day(400), checkout: day(401) }, [], 'checkin.invalid_date_too_far_out'],
    [{ checkout: day(40) }, [], 'checkout.invalid_checkout_before_checkin'],
    [{ checkout: day(69) }, [], 'checkout.invalid_length_of_stay_too_long'],
    [{ language: null }, [], 'language.required'],
    [{ currency: 'XXX' }, [], 'currency.invalid'],
    [{ country_code: 'us' }, [], 'country_code.invalid'],
    [{ occupancy: '0' }, [], 'occupancy.invalid'],
    [{ occupancy: '2-18' }, [], 'occupancy.invalid'],
    [{}, Array.from({ length: 8 }, () => ['occupancy', '1'] as const), 'number_of_occupancies.invalid_above_maximum'],
    [
      {},
      Array.from({ length: 250 }, (_one, index) => ['property_id', String(index)] as const),
      'property_id.invalid_above_maximum',
    ],
    [{ property_id: null }, [], 'property_id.required'],
    [{ rate_plan_count: '251' }, [], 'rate_plan_count.invalid'],
    [{ sales_channel: 'tv' }, [], 'sales_channel.invalid'],
    [{ sales_environment: null }, [], 'sales_environment.required'],
    [{ filter: 'cheap' }, [], 'filter.invalid'],
  ] as const)('%j %.0j is refused: %s', async (change, more, type) => {
    const answer = await call(
      'GET',
      shopPath(change as Record<string, string | null>, more as unknown as [string, string][]),
    );
    expect(answer.status).toBe(400);
    expect(typesOf(answer)).toContain(type);
  });

  test('answers with the shape of the documents, and sums that are right', async () => {
    const { json } = await call('GET', shopPath({ occupancy: '2-9,4' }, [['occupancy', '2-9,4']]));
    const [property] = json;
    expect(property).toMatchObject({ property_id: '19248', status: 'available', score: 10_052 });
    const [rate] = property.rooms[0].rates;
    expect(rate).toMatchObject({ status: 'available', merchant_of_record: 'expedia' });
    expect(Object.keys(rate.occupancy_pricing)).toEqual(['2-9,4']);
    const { nightly, totals, fees } = rate.occupancy_pricing['2-9,4'];
    const cents = (value: string): number => Math.round(Number(value) * 100);
    const sum = nightly.flat().reduce((all: number, one: { value: string }) => all + cents(one.value), 0);
    expect(nightly).toHaveLength(2);
    expect(cents(totals.inclusive.request_currency.value)).toBe(sum);
    expect(cents(totals.property_inclusive.request_currency.value)).toBe(
      sum + cents(fees.resort_fee.request_currency.value),
    );
  });

  test('gives the best rates and no more, refundable ones alone where that is asked', async () => {
    const count = (json: any): number => json[0].rooms.flatMap((room: any) => room.rates).length;
    expect(count((await call('GET', shopPath({ rate_plan_count: '1' }))).json)).toBe(1);
    expect(count((await call('GET', shopPath())).json)).toBe(6);
    const { json } = await call('GET', shopPath({ filter: 'refundable' }));
    expect(json[0].rooms.flatMap((room: any) => room.rates).every((rate: any) => rate.refundable)).toBe(true);
  });

  test('leaves out what does not fit or is not free, with the reason where it is asked for', async () => {
    expect((await call('GET', shopPath({ occupancy: '7' }))).json).toEqual([]);
    const reason = await call('GET', shopPath({ occupancy: '7', include: 'unavailable_reason' }));
    expect(reason.json).toMatchObject([
      { status: 'partially_unavailable', unavailable_reason: { code: 'maximum_occupancy' } },
    ]);
    await expedia.register({ roomsEach: 0 });
    const full = await call('GET', shopPath({ include: 'unavailable_reason' }));
    expect(full.json).toMatchObject([{ unavailable_reason: { code: 'no_inventory_available' } }]);
    expect((await call('GET', shopPath({ property_id: '1' }))).json).toEqual([]);
  });

  test('more rates of a property by its link', async () => {
    const { json } = await call('GET', shopPath({ rate_plan_count: '1' }));
    const more = await call('GET', json[0].links.additional_rates.href);
    expect(more.json[0].rooms.flatMap((room: any) => room.rates)).toHaveLength(6);
  });

  test('prices a bill in another currency where the account has one', async () => {
    await expedia.register({ billableCurrency: 'EUR' });
    const { json } = await call('GET', shopPath());
    const { billable_currency: bill, request_currency: asked } =
      json[0].rooms[0].rates[0].occupancy_pricing['2'].totals.inclusive;
    expect([bill.currency, asked.currency]).toEqual(['EUR', 'USD']);
    expect(Number(bill.value)).toBeLessThan(Number(asked.value));
  });
});

describe('links', () => {
  test('are good for their step, their account and unchanged; everything else is an invalid link', async () => {
    const check = await checkLink(call);
    const book = await bookLink(call);
    const tokenOf = (href: string): string => new URL(href, 'http://x').searchParams.get('token') ?? '';
    const [path = ''] = check.split('?');
    for (const href of [
      path,
      `${path}?token=`,
      `${path}?token=${tokenOf(book)}`,
      `${check.slice(0, -2)}AA`,
      check.replace('/properties/19248/', '/properties/19249/'),
    ]) {
      expect(typesOf(await call('GET', href))).toContain('link.invalid');
    }
    expect(typesOf(await call('POST', `/itineraries?token=${tokenOf(check)}`, { body: BODY }))).toContain(
      'link.invalid',
    );
    const other = { ...KEYS, apiKey: 'another-account-1' };
    await expedia.register(other, 'other');
    const authorization = signed(undefined, undefined, other.apiKey);
    expect(typesOf(await call('GET', check, { headers: { authorization } }))).toContain('link.invalid');
  });

  test('say nothing to who reads them', async () => {
    const token = Buffer.from(new URL(await checkLink(call), 'http://x').searchParams.get('token') ?? '', 'base64url');
    for (const word of ['19248', 'check', 'USD']) expect(token.includes(word)).toBe(false);
  });

  test('that book end at the time they name', async () => {
    await expedia.register({ linkMs: 2_000 });
    const { json } = await call('GET', await checkLink(call));
    expect(json.links.book).toMatchObject({ method: 'POST', expires: expect.stringMatching(/^2030-.*Z$/) });
    await call('GET', shopPath());
    await call('GET', shopPath());
    expect(typesOf(await call('POST', json.links.book.href, { body: BODY }))).toContain('link.invalid');
  });

  test('may be whole, by the address that was called', async () => {
    await expedia.register({ links: 'absolute' });
    const { json } = await call('GET', shopPath());
    expect(json[0].links.additional_rates.href.startsWith(`${expedia.apiUrl}/properties/`)).toBe(true);
  });
});
