import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { BODY, bookLink, booked, callerOf, shopPath, signed, typesOf } from '../helpers/expedia-by-hand.ts';
import { KEYS, day, startExpedia, type Expedia } from '../helpers/expedia.ts';
import { startReceiver } from '../helpers/sandbox.ts';

/**
 * The sandbox itself, spoken to by hand: what it checks is the vendor's, so nothing here comes from our client. Paths,
 * headers and answers are those of travel-providers.md section 1.
 */
let expedia: Expedia;
let receiver: Awaited<ReturnType<typeof startReceiver>>;

beforeAll(async () => {
  expedia = await startExpedia({ baseUrl: 'http://localhost:4001' });
  receiver = await startReceiver();
});
afterAll(async () => {
  await expedia.stop();
  await receiver.close();
});
beforeEach(async () => {
  await expedia.register();
  await expedia.scenario([], `simulator ${expect.getState().currentTestName}`.slice(0, 200));
});
afterEach(() => void (receiver.received.length = 0));

const call = callerOf(() => expedia.apiUrl);

describe('booking', () => {
  test.each([
    ['no e-mail', { email: 'ana' }, 'email.invalid'],
    ['no phone', { phone: { country_code: '+1', number: '1' } }, 'phone.invalid'],
    ['a reference with brackets', { affiliate_reference_id: 'a(b)' }, 'affiliate_reference_id.invalid'],
    ['a reference that is too long', { affiliate_reference_id: 'x'.repeat(29) }, 'affiliate_reference_id.invalid'],
    ['too many rooms', { rooms: [BODY.rooms[0], BODY.rooms[0]] }, 'number_of_rooms.invalid'],
    ['a guest without a name', { rooms: [{ given_name: 'Ana' }] }, 'room.name.invalid'],
    ['no payment', { payments: [] }, 'payments.required'],
    ['a card without one', { payments: [{ ...BODY.payments[0], type: 'customer_card' }] }, 'payments.card.required'],
    [
      'an American address without its state',
      {
        payments: [
          {
            type: 'affiliate_collect',
            billing_contact: { ...BODY.payments[0]!.billing_contact, address: { country_code: 'US' } },
          },
        ],
      },
      'address.state_province_code.required',
    ],
  ])('refuses %s', async (_name, change, type) => {
    const answer = await call('POST', await bookLink(call), { body: { ...BODY, ...change } });
    expect(answer.status).toBe(400);
    expect(typesOf(answer)).toContain(type);
    expect((await expedia.bookings()).bookings).toEqual([]);
  });

  test('refuses what is no JSON, and a body that does not say what it is', async () => {
    const link = await bookLink(call);
    expect(typesOf(await call('POST', link, { body: '{' }))).toContain('request_body.invalid');
    const plain = { body: BODY, headers: { 'content-type': 'text/plain' } };
    expect(typesOf(await call('POST', link, plain))).toContain('content_type.required');
  });

  test('books once under a reference, and does not repeat its answer', async () => {
    const { itinerary_id: id, links } = await booked(call);
    expect(id).toMatch(/^8\d{12}$/);
    expect(links).toMatchObject({ retrieve: { method: 'GET' } });
    const again = await call('POST', await bookLink(call), { body: BODY });
    expect([again.status, ...typesOf(again)]).toEqual([400, 'invalid_input', 'duplicate_itinerary']);
  });

  test.each([
    ['priceChanged', 409, 'price_mismatch'],
    ['soldOut', 410, 'rooms_unavailable'],
  ])('%s answers %d and books nothing', async (fault, status, type) => {
    const link = await bookLink(call);
    await expedia.scenario([{ operation: 'book', fault }]);
    const answer = await call('POST', link, { body: BODY });
    expect([answer.status, answer.json.type]).toEqual([status, type]);
    expect((await expedia.bookings()).bookings).toEqual([]);
  });

  test('a hold has links to confirm and to drop it; resumed twice it says so', async () => {
    const { itinerary_id: id, links } = await booked(call, { ...BODY, hold: true });
    expect(links).toMatchObject({ resume: { method: 'PUT' }, cancel: { method: 'DELETE' } });
    expect((await call('PUT', links.resume.href)).status).toBe(204);
    expect((await call('PUT', links.resume.href)).status).toBe(400);
    expect((await call('DELETE', links.cancel.href)).status).toBe(404);
    const { json } = await call('GET', `/itineraries/${id}?email=ana@example.com`);
    expect(json.links).toEqual({});
    expect(json.rooms[0].status).toBe('booked');
  });

  test('a room is cancelled once, by its link', async () => {
    const { links } = await booked(call);
    const { json } = await call('GET', links.retrieve.href);
    const { href } = json.rooms[0].links.cancel;
    expect(json.rooms[0].rate.cancel_refund).toMatchObject({
      currency: 'USD',
      amount: expect.stringMatching(/^\d+\.\d\d$/),
    });
    expect((await call('DELETE', href)).status).toBe(204);
    const again = await call('DELETE', href);
    expect([again.status, again.json.type]).toEqual([400, 'room_already_cancelled']);
    expect((await call('GET', links.retrieve.href)).json.rooms[0]).toMatchObject({ status: 'canceled', links: {} });
  });

  test('is found by reference and address, and by nobody else', async () => {
    const { itinerary_id: id } = await booked(call);
    const found = async (reference: string, email: string) =>
      (await call('GET', `/itineraries?${new URLSearchParams({ affiliate_reference_id: reference, email })}`)).json;
    expect(await found('GW-01J4ZK8Q0T', 'ANA@example.com')).toMatchObject([{ itinerary_id: id }]);
    expect(await found('GW-01J4ZK8Q0T', 'bo@example.com')).toEqual([]);
    expect(await found('GW-OTHER', 'ana@example.com')).toEqual([]);
    expect((await call('GET', `/itineraries/${id}?email=bo@example.com`)).status).toBe(404);
    expect(typesOf(await call('GET', `/itineraries/${id}`))).toContain('email.required');
    const other = { ...KEYS, apiKey: 'another-account-1' };
    await expedia.register(other, 'other');
    const headers = { authorization: signed(undefined, undefined, other.apiKey) };
    expect((await call('GET', `/itineraries/${id}?email=ana@example.com`, { headers })).status).toBe(404);
  });

  test.each([
    ['empty', []],
    ['stub', [{ itinerary_id: expect.any(String), creation_date_time: expect.any(String) }]],
  ])('is shown late: first %s', async (hiddenAs, shown) => {
    await expedia.register({ visibleAfterMs: 3_000, hiddenAs });
    await booked(call);
    const path = '/itineraries?affiliate_reference_id=GW-01J4ZK8Q0T&email=ana@example.com';
    expect((await call('GET', path)).json).toEqual(shown);
    await call('GET', shopPath());
    expect((await call('GET', path)).json).toMatchObject([{ rooms: [{ status: 'booked' }] }]);
  });

  test.each([
    ['unsure', 'canceled'],
    ['lost', 'booked'],
  ])('202 leaves it open: %s, then %s', async (cancels, status) => {
    await expedia.register({ cancels, unsureMs: 2_000 });
    const { links } = await booked(call);
    const retrieve = () => call('GET', links.retrieve.href);
    expect((await call('DELETE', (await retrieve()).json.rooms[0].links.cancel.href)).status).toBe(202);
    expect((await retrieve()).json.rooms[0].status).toBe('booked');
    expect((await retrieve()).json.rooms[0].status).toBe(status);
  });
});

describe('the Test header', () => {
  const stub = async (method: string, path: string, test: string, body?: unknown) =>
    call(method, path, { headers: { test }, ...(body !== undefined && { body }) });

  test('answers a price check of any numbers without a token, and a booking by its link takes no room', async () => {
    await expedia.register({ roomsEach: 1 });
    const check = await stub('GET', '/properties/1/rooms/2/rates/3', 'available');
    expect(check.json.status).toBe('available');
    const made = await stub('POST', check.json.links.book.href, 'standard', BODY);
    expect(made.status).toBe(201);
    expect((await expedia.bookings()).bookings).toMatchObject([{ isStub: true }]);
    expect((await stub('GET', '/properties/1/rooms/2/rates/3', 'sold_out')).json.status).toBe('sold_out');
  });

  test('with a value the call does not know is live', async () => {
    expect((await stub('GET', shopPath(), 'sold_out')).json).toHaveLength(1);
    const made = await stub('POST', await bookLink(call), 'no_such_stub', BODY);
    expect(made.status).toBe(201);
    expect((await expedia.bookings()).bookings).toMatchObject([{ isStub: false }]);
  });

  test.each([
    ['no_availability', 200],
    ['service_unavailable', 503],
    ['unknown_internal_error', 500],
  ])('shop %s: %d', async (value, status) => {
    const answer = await stub('GET', shopPath(), value);
    expect(answer.status).toBe(status);
    if (status === 200) expect(answer.json).toEqual([]);
  });
});

describe('notifications', () => {
  test('one is sent on demand, and each kind has its shape', async () => {
    await expedia.register({ notificationUrl: receiver.url });
    const { itinerary_id: id } = await booked(call);
    const body = { event_type: 'itinerary.agent.change' };
    expect((await call('POST', '/notifications', { body })).status).toBe(204);
    const [delivery] = await receiver.count(1);
    expect(JSON.parse(Buffer.from(delivery!.body).toString())).toEqual({
      event_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      event_type: 'itinerary.agent.change',
      event_time: expect.stringMatching(/Z$/),
      itinerary_id: id,
      email: 'ana@example.com',
      message: expect.any(String),
      affiliate_reference_id: 'GW-01J4ZK8Q0T',
    });
    const unknown = await call('POST', '/notifications', { body: { event_type: 'moon.rise' } });
    expect(typesOf(unknown)).toContain('event_type.invalid');
  });

  test('are sent again until they are taken, and to this machine only', async () => {
    const answers = [500, 404];
    const choosy = await startReceiver(() => answers.shift() ?? 200);
    onTestFinished(() => choosy.close());
    await expedia.register({ notificationUrl: choosy.url });
    const { itinerary_id: id } = await booked(call);
    await expedia.desk(id, 'supplierCancel');
    const state = async () => (await expedia.bookings()).deliveries.find((one) => one.about === id);
    await expect.poll(state, { interval: 10 }).toMatchObject({ state: 'delivered', tries: 3 });
    await expect(expedia.register({ notificationUrl: 'https://shop.example.com/n' })).rejects.toThrow(
      'this machine only',
    );
  });

  test('the desk has a page with its buttons, and changes nothing it does not know', async () => {
    const { itinerary_id: id } = await booked(call);
    const html = await (await fetch(expedia.here(`${expedia.baseUrl}/desk/${id}`))).text();
    for (const part of [id, 'value="supplierCancel"', 'booked']) expect(html).toContain(part);
    expect(await expedia.desk(id, 'burn')).toHaveProperty('error');
    expect(await expedia.desk(id, 'agentCancel')).toMatchObject({ status: 'canceled' });
    expect((await fetch(`${expedia.baseUrl}/desk/1`)).status).toBe(404);
  });

  test('a property that takes its time tells when it has confirmed', async () => {
    await expedia.register({ notificationUrl: receiver.url, confirmAfterMs: 30 });
    await booked(call);
    expect(Buffer.from((await receiver.count(1))[0]!.body).toString()).toContain('itinerary.supplier.confirm');
  });
});

describe('what it remembers', () => {
  test('bookings outlive the process, and their links do, too', async () => {
    const first = await startExpedia({ baseUrl: 'http://localhost:4001' });
    await first.register();
    const at = (simulator: Expedia) => ({ base: simulator.apiUrl });
    const shop = await call('GET', shopPath(), at(first));
    const check = await call(
      'GET',
      shop.json[0].rooms[0].rates[0].bed_groups['37321'].links.price_check.href,
      at(first),
    );
    const { json } = await call('POST', check.json.links.book.href, { ...at(first), body: BODY });
    await first.stop(true);
    const second = await startExpedia({ directory: first.directory, baseUrl: 'http://localhost:4001' });
    onTestFinished(() => second.stop());
    const shown = await call('GET', json.links.retrieve.href, at(second));
    expect(shown.json).toMatchObject({ itinerary_id: json.itinerary_id, rooms: [{ status: 'booked' }] });
  });

  test('the same seed and the same calls get the same bytes, another seed others', async () => {
    const run = async (seed: string): Promise<string> => {
      await expedia.scenario([{ operation: '*', fault: 'status5xx', probability: 0.2 }], seed);
      const answers: string[] = [];
      for (const index of [1, 2, 3, 4, 5, 6]) {
        const shop = await call('GET', shopPath({ checkin: day(40 + index), checkout: day(42 + index) }));
        answers.push(shop.text);
        const href = shop.json?.[0]?.rooms[0].rates[0].bed_groups['37321'].links.price_check.href;
        const check = href && (await call('GET', href));
        answers.push(check?.text ?? '');
        const link = check?.json?.links?.book?.href;
        if (link)
          answers.push((await call('POST', link, { body: { ...BODY, affiliate_reference_id: `GW-${index}00` } })).text);
      }
      return JSON.stringify([answers, (await expedia.bookings()).bookings]);
    };
    const one = await run('42');
    expect(await run('42')).toBe(one);
    expect(await run('43')).not.toBe(one);
    expect(one).toContain('unknown_internal_error');
    expect(one).toContain('itinerary_id');
  });

  test("shows no key, no token and nobody's name, and two accounts never share a key", async () => {
    await booked(call);
    const books = JSON.stringify(await expedia.bookings());
    for (const secret of [KEYS.apiKey, KEYS.sharedSecret, 'token', 'Silva', 'ana@'])
      expect(books).not.toContain(secret);
    await expect(expedia.register({}, 'other-one')).rejects.toThrow('Another account has this API key');
    await expect(expedia.register({ apiKey: 'a,b' })).rejects.toThrow('apiKey');
  });
});
