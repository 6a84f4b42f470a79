import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { runCli, startCli, type CliAnswer, type CliOptions } from '../helpers/cli.ts';

/** The four providers of PRV-2 as they are delivered, from nothing to a connection test at their sandboxes. */
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  const account = (slug: string, settings: object) => world.simulators.register(slug, 'seeded', { ...settings });
  await account('expedia', { apiKey: 'seeded-expedia-key-01', sharedSecret: 'seeded-expedia-secret-01' });
  await account('booking', { apiKey: 'seeded-booking-key-01', affiliateId: '7654321' });
  await account('kiwi', { apiKey: 'seeded-kiwi-key-00001' });
  await account('travelpayouts', { token: 'fedcba9876543210fedcba9876543210', marker: '654321' });
});
afterAll(() => world.stop());

const VARIABLES = {
  EXPEDIA_API_KEY: 'seeded-expedia-key-01',
  EXPEDIA_SECRET: 'seeded-expedia-secret-01',
  BOOKING_API_KEY: 'seeded-booking-key-01',
  BOOKING_AFFILIATE_ID: '7654321',
  KIWI_API_KEY: 'seeded-kiwi-key-00001',
  TRAVELPAYOUTS_TOKEN: 'fedcba9876543210fedcba9876543210',
  TRAVELPAYOUTS_MARKER: '654321',
};
const options = (environment: Record<string, string> = {}): CliOptions => ({
  real: true,
  environment: { ENVIRONMENT: 'test', SIMULATORS_URL: world.simulators.url, ...environment },
});
const cli = (args: string, environment: Record<string, string> = {}): Promise<CliAnswer> =>
  runCli(world.database, args.split(' '), options(environment));

test('four providers, off, in the sandbox, with the priorities of PRV-2; twice is once', async () => {
  const seeded = await startCli(world.database, ['providers', 'seed'], options(VARIABLES)).answer;
  expect(seeded).toMatchObject({ code: 0, err: '' });
  const rows = () =>
    world.owner(
      `select v.slug, v.verticals::text[] as verticals, v.mode, v.enabled, s.priority, s.tenant_id
       from providers v join provider_slots s on s.provider_slug = v.slug order by v.slug`,
    );
  const off = { mode: 'SANDBOX', enabled: false, tenant_id: null };
  const four = [
    { slug: 'booking', verticals: ['LODGING'], priority: 20, ...off },
    { slug: 'expedia', verticals: ['LODGING'], priority: 10, ...off },
    { slug: 'kiwi', verticals: ['FLIGHTS_BOOKING'], priority: 10, ...off },
    { slug: 'travelpayouts', verticals: ['FLIGHTS_DISCOVERY'], priority: 10, ...off },
  ];
  expect(await rows()).toEqual(four);
  const credentials = () => world.owner("select owner, name, version from credentials where owner like 'provider:%'");
  expect(await credentials()).toHaveLength(Object.keys(VARIABLES).length);
  const again = await cli('providers seed', VARIABLES);
  expect(again.out).not.toMatch(/: (made|imported)$/m);
  expect(await rows()).toEqual(four);
  expect(await credentials()).toHaveLength(Object.keys(VARIABLES).length);
});

test.each(['expedia', 'booking', 'kiwi', 'travelpayouts'])(
  '%s answers its connection test with what was imported, refuses what was not, and is switched on by it',
  async (slug) => {
    const passed = await cli(`providers test ${slug}`);
    expect(passed, passed.out).toMatchObject({ code: 0 });
    expect(passed.out).toMatch(new RegExp(`^${slug} SANDBOX: ok in \\d+ ms\\n$`));
    const name = slug === 'travelpayouts' ? 'TOKEN' : 'API_KEY';
    const refused = await runCli(world.database, ['providers', 'rotate-credential', slug, name], {
      ...options(),
      input: 'canary-of-nobody-000000000000000\n',
    });
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('nothing was changed');
    expect(refused.err).not.toContain('canary');
    expect(await cli(`providers enable ${slug}`)).toMatchObject({ code: 0, out: `${slug} is on.\n` });
  },
);
