import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { BOOKING } from '../../src/integrations/booking/description.ts';
import type { ProviderConnection } from '../../src/integrations/travel.ts';
import { CALL, CREDENTIALS, answered, clientOf, connectionTo, scripted } from '../helpers/booking.ts';

/** The vendor signs nothing: two headers are all there is (travel-providers.md 2.3), and the address is the only guard (2.2). */

const CARDS = answered({ request_id: '01fr9ez700exycb98w90w5r9sh', data: [{ id: 1, name: 'American Express' }] });
const { PRODUCTION, SANDBOX } = BOOKING.baseUrls;

async function probed(connection: Partial<ProviderConnection>) {
  const send = scripted(CARDS);
  const outcome = await clientOf(send).probe(connectionTo(SANDBOX, connection), CALL);
  return { outcome, asked: send.asked };
}

describe('every request', () => {
  test('bears the headers of the test vector, exactly', async () => {
    const { outcome, asked } = await probed({});
    expect(outcome).toEqual({ kind: 'done', value: null });
    expect(asked).toEqual([
      {
        url: 'https://demandapi-sandbox.booking.com/3.2/common/payments/cards',
        headers: {
          authorization: 'Bearer bk_test_8f1c2d3e4a5b',
          'x-affiliate-id': '1234567',
          'content-type': 'application/json',
          accept: 'application/json',
        },
        body: {},
        timeoutMs: 5_000,
      },
    ]);
  });

  test.each([
    ['https://demandapi-sandbox.booking.com', 'https://demandapi-sandbox.booking.com/3.2/'],
    ['https://demandapi-sandbox.booking.com/', 'https://demandapi-sandbox.booking.com/3.2/'],
    ['https://demandapi-sandbox.booking.com/3.2//', 'https://demandapi-sandbox.booking.com/3.2/'],
    ['http://127.0.0.1:4001/booking/3.2', 'http://127.0.0.1:4001/booking/3.2/'],
  ])('from %s goes below %s', async (baseUrl, below) => {
    const { asked } = await probed({ baseUrl });
    expect(asked[0]!.url).toBe(`${below}common/payments/cards`);
  });
});

describe('is not sent', () => {
  test.each([
    ['from a sandbox connection to the live host', { baseUrl: PRODUCTION, mode: 'SANDBOX' }],
    [
      'from a sandbox connection to the live host, however it is written',
      { baseUrl: 'https://DemandAPI.booking.com.:443/3.2/', mode: 'SANDBOX' },
    ],
    ['from a live connection to the sandbox host', { baseUrl: SANDBOX, mode: 'PRODUCTION' }],
    ['to another version', { baseUrl: 'https://demandapi-sandbox.booking.com/3.1' }],
    ['without a key', { credentials: { AFFILIATE_ID: '1234567' } }],
    ['with a key that breaks the header', { credentials: { ...CREDENTIALS, API_KEY: 'a\r\nx-evil: 1' } }],
    ['with a key that is no ASCII', { credentials: { ...CREDENTIALS, API_KEY: 'clé' } }],
    ['without an affiliate', { credentials: { API_KEY: CREDENTIALS.API_KEY } }],
    ['with an affiliate that is no number', { credentials: { ...CREDENTIALS, AFFILIATE_ID: '12 34' } }],
  ] as const)('%s', async (_what, connection) => {
    const { outcome, asked } = await probed(connection);
    expect(outcome).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
    expect(asked).toEqual([]);
    expect(inspect(outcome)).not.toContain(CREDENTIALS.API_KEY);
  });

  test('and each mode reaches its own host', async () => {
    for (const [mode, baseUrl] of Object.entries(BOOKING.baseUrls) as [ProviderConnection['mode'], string][]) {
      expect((await probed({ mode, baseUrl })).asked).toHaveLength(1);
    }
  });
});
