import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { REFUSALS } from '../../src/domain/routing-decision.ts';
import { eventually } from '../helpers/app.ts';
import { RoutingWorld } from '../helpers/routing-world.ts';
import { STAY } from '../helpers/travel-world.ts';

/** Every reason why somebody is asked or is not, brought about and seen through the graph (PRV-7). */
let routing: RoutingWorld;
const seen = new Set<string>();
const reasons = async (input: Record<string, unknown> = {}, as = routing.operator) => {
  const found = await routing.reasons(input, as);
  for (const reason of Object.values(found)) seen.add(reason);
  return found;
};

beforeAll(async () => {
  routing = await RoutingWorld.open();
});
afterAll(() => routing.world.stop());
afterEach(() => routing.restore());

const RULES: readonly [reason: string, rules: object, input: Record<string, unknown>][] = [
  ['CURRENCY_NOT_ALLOWED', { currencyDeny: ['USD'] }, { currencyCode: 'USD' }],
  ['COUNTRY_NOT_ALLOWED', { countryAllow: ['EG'] }, { countryCode: 'US' }],
  ['LANGUAGE_NOT_ALLOWED', { languageAllow: ['ar'] }, { locale: 'en' }],
  ['AMOUNT_OUT_OF_RANGE', { amountMax: '150.50' }, { amount: '150.51', currencyCode: 'USD' }],
  ['TRAVEL_DATE_OUT_OF_WINDOW', { travelTo: '2027-01-31' }, { travelDate: '2027-02-01' }],
  ['TRAFFIC_SHARE', { trafficShare: 0 }, { requestKey: 'anybody' }],
];

test.each(RULES)('%s: by a rule, where the request says what the rule is about', async (reason, rules, input) => {
  await routing.upsert({ providerSlug: 'booking', priority: 1, routingRules: rules });
  await routing.upsert({ providerSlug: 'expedia', priority: 2 });
  expect(await reasons(input)).toEqual({ booking: reason, expedia: 'ACCEPTED' });
  const { candidates } = await routing.explain();
  expect(candidates[0]).toMatchObject({
    accepted: true,
    provider: { slug: 'booking' },
    detail: expect.stringContaining('does not say enough'),
  });
});

describe('by configuration', () => {
  test('a slot or a provider that is off', async () => {
    const { world } = routing;
    await routing.upsert({ providerSlug: 'booking', enabled: false });
    await routing.upsert({ providerSlug: 'expedia' });
    expect(await reasons()).toEqual({ booking: 'SLOT_DISABLED', expedia: 'ACCEPTED' });
    await world.owner("update providers set enabled = false where slug = 'expedia'");
    world.app.providers.refresh();
    expect(await reasons()).toEqual({ booking: 'SLOT_DISABLED', expedia: 'PROVIDER_DISABLED' });
  });

  test('credentials that are missing, or do not open, which is that provider’s trouble alone', async () => {
    const { world } = routing;
    const change = async (set: string, value: unknown) => {
      await world.owner(`update credentials set ${set} = $2 where id = $1`, [credential!.id, value]);
      world.app.providers.refresh();
    };
    const [credential] = await world.owner<{ id: string; owner: string; sealed: Buffer }>(
      "select id, owner, sealed from credentials where owner = 'provider:expedia:SANDBOX'",
    );
    await change('owner', 'provider:nobody:SANDBOX');
    expect(await reasons()).toEqual({ expedia: 'NO_CREDENTIALS', booking: 'ACCEPTED' });
    await change('owner', credential!.owner);
    await change('sealed', Buffer.from('broken'));
    expect(await reasons()).toEqual({ expedia: 'DECRYPTION_FAILED', booking: 'ACCEPTED' });
    await change('sealed', credential!.sealed);
    expect(await reasons()).toEqual({ expedia: 'ACCEPTED', booking: 'ACCEPTED' });
  });

  test('a provider in a vertical that it does not serve, which can only be supposed', async () => {
    const slots = [{ vertical: 'LODGING', providerSlug: 'kiwi', enabled: true, priority: 1 }];
    expect(await reasons({ hypothetical: { slots } })).toEqual({
      kiwi: 'NOT_FOR_VERTICAL',
      expedia: 'ACCEPTED',
      booking: 'ACCEPTED',
    });
  });
});

describe('by the moment', () => {
  test('a provider that fails, one that asked us to wait, and the last usable one, which is never out', async () => {
    const { all } = routing;
    all.expedia.mood = 'failing';
    for (let count = 0; count < 3; count += 1) await routing.search(STAY);
    expect(await reasons()).toEqual({ booking: 'ACCEPTED', expedia: 'UNHEALTHY' });
    all.booking.mood = 'limiting';
    await routing.search(STAY);
    const { candidates } = await routing.explain();
    expect(candidates).toMatchObject([
      { accepted: true, provider: { slug: 'expedia' }, detail: expect.stringContaining('last usable') },
      { accepted: false, provider: { slug: 'booking' }, reason: 'RATE_LIMITED' },
    ]);
    await reasons();
  });

  test('a provider of which nothing is known any more, while all its trials are taken', async () => {
    const { world, all } = routing;
    routing.advance(1_000_000);
    world.forgetSessions();
    const operator = { token: (await world.session('operator')).accessToken };
    // Our own checks say neither, so that nothing is heard while the trials hang.
    all.expedia.mood = ({ operation }) => (operation === 'probe' ? 'rejecting' : 'hanging');
    const about = { slug: 'expedia', tenantId: null, operation: 'search', safe: false };
    const trials: Promise<unknown>[] = [];
    const trial = () =>
      world.app.providers.call(
        'LODGING',
        { ...about, deadlineAtMs: routing.nowMs + 4_500 },
        (client, connection, call) => client.searchStays(connection, {} as never, call),
      );
    await eventually(
      () => {
        trials.push(trial());
        return world.app.providers.health('expedia');
      },
      ({ status, circuit, permitAvailable }) => status === 'UNKNOWN' && circuit === 'HALF_OPEN' && !permitAvailable,
    );
    expect(await reasons({}, operator)).toEqual({ booking: 'ACCEPTED', expedia: 'CIRCUIT_OPEN' });
    await Promise.all(trials);
  });
});

test('all of them were seen', () => {
  expect([...seen].toSorted()).toEqual(['ACCEPTED', ...REFUSALS].toSorted());
});
