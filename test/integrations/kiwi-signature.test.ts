import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { IncomingWebhook, OutboundRequest } from '../../src/integrations/contract.ts';
import { KIWI_SETTINGS } from '../../src/integrations/kiwi/settings.ts';
import type { NoticeReading } from '../../src/integrations/travel.ts';
import { API_KEY, WEBHOOK_SECRET, connectionTo, kiwiClient, kiwiQuery } from '../helpers/kiwi.ts';

/** Nothing is signed here: a key in a header one way, a secret in an address the other (travel-providers.md 3.3, 3.11). */
const CALL = { timeoutMs: 1_000 };
const connection = connectionTo('https://api.tequila.kiwi.com');

async function requestOf(
  changes: Parameters<typeof kiwiQuery>[0],
  credentials = { API_KEY },
): Promise<OutboundRequest[]> {
  const sent: OutboundRequest[] = [];
  const client = kiwiClient(async (request) => {
    sent.push(request);
    return { status: 200, headers: {}, body: '{"data":[]}' };
  });
  await client.searchFlights({ ...connection, credentials }, kiwiQuery(changes), CALL);
  return sent;
}

describe('the request', () => {
  test('of the specification: the key in its header, slashes of dates escaped', async () => {
    const [request] = await requestOf({ departure: '2026-10-14', offersMax: 5 });
    expect(request?.method).toBe('GET');
    expect(request?.headers).toEqual({ apikey: 'kw_test_0123456789abcdef', accept: 'application/json' });
    expect(request?.url).toMatch(/^https:\/\/api\.tequila\.kiwi\.com\/v2\/search\?fly_from=PRG&fly_to=LIS&/);
    expect(request?.url).toContain('&date_from=14%2F10%2F2026&date_to=14%2F10%2F2026&');
    expect(Object.fromEntries(new URL(request!.url).searchParams)).toEqual({
      fly_from: 'PRG',
      fly_to: 'LIS',
      date_from: '14/10/2026',
      date_to: '14/10/2026',
      adults: '1',
      children: '0',
      infants: '0',
      vehicle_type: 'aircraft',
      curr: 'EUR',
      partner_market: 'cz',
      sort: 'price',
      limit: '5',
    });
  });

  test('there and back names both days, and never asks for more than fifty', async () => {
    const [request] = await requestOf({ departure: '2026-10-14', return: '2026-10-21', offersMax: 1_000 });
    const query = new URL(request!.url).searchParams;
    expect([query.get('return_from'), query.get('return_to'), query.get('limit')]).toEqual([
      '21/10/2026',
      '21/10/2026',
      '50',
    ]);
  });

  test('spends the rate limit of its key', async () => {
    expect((await requestOf({}))[0]?.account).toBe(API_KEY);
  });

  test.each(['', 'with blank', 'line\r\nend', 'ключ'])(
    'a key that can be no header (%j) sends nothing',
    async (key) => {
      expect(await requestOf({}, { API_KEY: key })).toEqual([]);
    },
  );

  test.each([
    [{ from: 'prg' }],
    [{ to: 'LISBON' }],
    [{ from: 'P|G' }],
    [{ departure: '2026-02-30' }],
    [{ departure: '14/10/2026' }],
    [{ return: 'later' }],
    [{ currencyCode: 'XXX' }],
    [{ adults: 0 }],
    [{ adults: 5, children: 5 }],
    [{ children: -1 }],
    [{ adults: 1.5 }],
  ])('what can not be asked (%j) is not sent', async (changes) => {
    expect(await requestOf(changes)).toEqual([]);
  });
});

const readNotice = (
  incoming: Partial<IncomingWebhook>,
  credentials: Record<string, string> = { WEBHOOK_SECRET },
): NoticeReading =>
  kiwiClient(async () => ({ status: 500, headers: {}, body: '' })).readNotice!(
    { ...connection, credentials },
    {
      headers: {},
      body: bytes({ trigger: 'confirmed', booking_id: 257_967_413, data: {} }),
      query: SECRET_QUERY,
      ...incoming,
    },
  );

const SECRET_QUERY = new URLSearchParams({ secret: WEBHOOK_SECRET }).toString();

function bytes(value: unknown): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

describe('the secret of the address', () => {
  test('lets the webhook of the specification in', () => {
    expect(readNotice({})).toEqual({
      verdict: 'OK',
      notice: {
        eventId: '257967413:confirmed',
        eventType: 'confirmed',
        providerReference: '257967413',
        reference: null,
        claims: 'CONFIRMED',
      },
    });
  });

  test.each([
    ['none', ''],
    ['another', 'secret=other'],
    ['an empty one', 'secret='],
    ['it under another name', `key=${WEBHOOK_SECRET}`],
    ['it twice', `${SECRET_QUERY}&${SECRET_QUERY}`],
    ['it and another', `${SECRET_QUERY}&secret=x`],
    ['a beginning of it', SECRET_QUERY.slice(0, -1)],
  ])('%s keeps it out', (_name, query) => expect(readNotice({ query })).toMatchObject({ verdict: 'BAD_SIGNATURE' }));

  test('an address without a query keeps it out', () => {
    expect(readNotice({ query: undefined } as never)).toMatchObject({ verdict: 'BAD_SIGNATURE' });
  });

  test('that is not configured lets nobody in, not even without one', () => {
    for (const credentials of [{}, { WEBHOOK_SECRET: '' }]) {
      for (const query of ['', 'secret=', SECRET_QUERY]) {
        expect(readNotice({ query }, credentials as never)).toMatchObject({ verdict: 'BAD_SIGNATURE' });
      }
    }
  });

  test('is found by nobody who guesses', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (guess) => {
        fc.pre(guess !== WEBHOOK_SECRET);
        const query = new URLSearchParams({ secret: guess.toWellFormed() }).toString();
        expect(readNotice({ query }).verdict).toBe('BAD_SIGNATURE');
      }),
    );
  });

  test('was judged when a stored delivery came', () => {
    expect(readNotice({ query: '', replay: true })).toMatchObject({ verdict: 'OK' });
  });

  test('is in no detail', () => {
    for (const query of ['', 'secret=x', SECRET_QUERY]) {
      expect(JSON.stringify(readNotice({ query, body: bytes('nonsense') }))).not.toContain(WEBHOOK_SECRET);
    }
  });
});

describe('triggers', () => {
  const claim = (trigger: string, settings: Record<string, string> = {}) => {
    const client = kiwiClient(async () => ({ status: 500, headers: {}, body: '' }));
    const reading = client.readNotice!(
      { ...connection, settings },
      { headers: {}, body: bytes({ trigger, booking_id: 7, data: {} }), query: SECRET_QUERY },
    );
    return reading.verdict === 'OK' ? reading.notice.claims : reading.verdict;
  };

  test.each([
    ['received', 'PENDING'],
    ['confirmed', 'CONFIRMED'],
    ['bp_sent', 'CONFIRMED'],
    ['cancelled', 'CANCELLED'],
    ['sold_out', 'FAILED'],
    ['technical_issue', 'FAILED'],
    ['security_issue', 'FAILED'],
  ])('%s claims %s', (trigger, state) => expect(claim(trigger)).toBe(state));

  const silent =
    'delayed security_issue_first_appeal security_verification_passed refund proof_of_refund proof_of_void cancellation_declined ' +
    'additional_service additional_service_failed flight_change_pricing_ready travel_document_request ' +
    'online_checkin_not_available airport_checkin_document_missing passengers_detail_changed name_corrected ' +
    'something_new Confirmed toString __proto__ constructor';
  test.each(silent.split(' '))('%s claims nothing', (trigger) => expect(claim(trigger)).toBeNull());

  test('which ones end a booking is a setting', () => {
    expect(claim('security_issue', { FAILURE_TRIGGERS: 'sold_out, technical_issue' })).toBeNull();
    expect(claim('technical_issue', { FAILURE_TRIGGERS: 'sold_out, technical_issue' })).toBe('FAILED');
    const described = KIWI_SETTINGS.find((one) => one.name === 'FAILURE_TRIGGERS');
    expect(described?.default).toContain('security_issue');
  });
});

describe('a notice', () => {
  const noticed = (value: unknown) => {
    const reading = readNotice({ body: bytes(value) });
    return reading.verdict === 'OK' ? reading.notice : reading.verdict;
  };

  test('is the same event for the same booking and trigger, and no other', () => {
    const one = noticed({ trigger: 'confirmed', booking_id: 7, data: {} });
    expect(noticed({ data: { x: 1 }, booking_id: '7', trigger: 'confirmed' })).toEqual(one);
    for (const other of [
      { trigger: 'confirmed', booking_id: 8 },
      { trigger: 'bp_sent', booking_id: 7 },
    ]) {
      expect(noticed(other)).not.toMatchObject({ eventId: '7:confirmed' });
    }
  });

  test('names its booking in any of the places it may stand', () => {
    for (const place of [{ bid: 7 }, { data: { booking_id: '7' } }, { data: { bid: 7 } }]) {
      expect(noticed({ trigger: 'cancelled', ...place })).toMatchObject({
        providerReference: '7',
        claims: 'CANCELLED',
      });
    }
  });

  test('without a booking claims nothing, and is told apart by its bytes', () => {
    const [one, two] = [noticed({ trigger: 'confirmed' }), noticed({ trigger: 'confirmed', data: { x: 1 } })];
    expect(one).toMatchObject({ providerReference: null, claims: null });
    expect((one as { eventId: string }).eventId).not.toBe((two as { eventId: string }).eventId);
    expect(noticed({ trigger: 'confirmed', booking_id: 'drop table' })).toMatchObject({ providerReference: null });
  });

  test.each([
    ['nothing', ''],
    ['HTML', '<html>'],
    ['a list', '[]'],
    ['no trigger', '{"booking_id":7}'],
    ['an empty trigger', '{"trigger":" "}'],
    ['a trigger that is no text', '{"trigger":{}}'],
    ['too much', `{"trigger":"confirmed","data":"${'x'.repeat(70_000)}"}`],
    ['too deep', `{"trigger":"confirmed","data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
  ])('that is %s is malformed', (_name, body) => expect(readNotice({ body: bytes(body) }).verdict).toBe('MALFORMED'));

  test('that is no UTF-8 is malformed', () => {
    expect(readNotice({ body: Uint8Array.of(0x7b, 0xff, 0x7d) }).verdict).toBe('MALFORMED');
  });

  test('never throws, whatever comes', () => {
    const bodies = fc.oneof(fc.uint8Array(), fc.json().map(bytes), fc.object().map(bytes));
    fc.assert(
      fc.property(bodies, fc.option(fc.string()), (body, query) => {
        expect(readNotice({ body, ...(query !== null && { query }) }).verdict).toMatch(
          /^(OK|BAD_SIGNATURE|MALFORMED)$/,
        );
        const verdict = readNotice({ body }).verdict;
        expect(['OK', 'MALFORMED']).toContain(verdict);
      }),
    );
  });
});
