import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { runCli, startCli, type CliAnswer, type CliOptions } from '../helpers/cli.ts';
import { DEMO_TENANT } from '../helpers/wallet.ts';

/** Providers by command (PRV-2, PRV-4, PRV-5, PRV-18, OPS-7): for whoever has a shell and no token. */
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
});
afterAll(() => world.stop());

const KEYS = {
  EXPEDIA_API_KEY: 'canary-expedia-key-abcd',
  EXPEDIA_SECRET: 'canary-expedia-secret-efgh',
  KIWI_API_KEY: 'canary-kiwi-key-ijkl',
};

const cli = (args: string, options: CliOptions = {}): Promise<CliAnswer> =>
  runCli(world.database, args.split(' '), options);
const cliProcess = (args: string, options: CliOptions = {}): Promise<CliAnswer> =>
  startCli(world.database, args.split(' '), options).answer;
const seed = (environment: Record<string, string> = KEYS) => cli('providers seed', { environment });

interface Kept {
  readonly providers: unknown[];
  readonly slots: unknown[];
  readonly credentials: unknown[];
  readonly written: unknown[];
}
/** Everything that configuring leaves behind. */
const kept = async (): Promise<Kept> => ({
  providers: await world.owner(
    'select slug, mode, enabled, verticals::text[] as verticals, version from providers order by slug',
  ),
  slots: await world.owner(
    'select provider_slug, tenant_id, vertical, enabled, priority from provider_slots order by provider_slug',
  ),
  credentials: await world.owner(
    "select owner, name, version, last_four from credentials where owner like 'provider:%' order by owner, name, version",
  ),
  written: await world.owner(
    "select (select count(*) from events where type in ('provider.changed', 'slot.changed')) as events, (select count(*) from audit_entries where tenant_id = $1) as entries",
    [PLATFORM_TENANT_ID],
  ),
});

beforeEach(async () => {
  await world.owner('delete from provider_slots');
  await world.owner('delete from providers');
  await world.owner("delete from credentials where owner like 'provider:%'");
});

describe('providers seed', () => {
  test('makes the four, off and in the sandbox, each with its global slot, and imports what is set', async () => {
    const { code, out, err } = await seed();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n')).toEqual([
      'expedia: provider: made',
      'expedia: slot: made',
      'expedia: credential API_KEY (EXPEDIA_API_KEY): imported',
      'expedia: credential SECRET (EXPEDIA_SECRET): imported',
      'booking: provider: made',
      'booking: slot: made',
      'booking: credential API_KEY (BOOKING_API_KEY): not set in the environment',
      'booking: credential AFFILIATE (BOOKING_AFFILIATE): not set in the environment',
      'kiwi: provider: made',
      'kiwi: slot: made',
      'kiwi: credential API_KEY (KIWI_API_KEY): imported',
      'travelpayouts: provider: made',
      'travelpayouts: slot: made',
      'travelpayouts: credential TOKEN (TRAVELPAYOUTS_TOKEN): not set in the environment',
      'travelpayouts: credential MARKER (TRAVELPAYOUTS_MARKER): not set in the environment',
      '',
    ]);
    const { providers, slots, credentials } = await kept();
    const off = { mode: 'SANDBOX', enabled: false };
    expect(providers).toEqual([
      { slug: 'booking', ...off, verticals: ['LODGING'], version: 1 },
      { slug: 'expedia', ...off, verticals: ['LODGING'], version: 3 },
      { slug: 'kiwi', ...off, verticals: ['FLIGHTS_BOOKING'], version: 2 },
      { slug: 'travelpayouts', ...off, verticals: ['FLIGHTS_DISCOVERY'], version: 1 },
    ]);
    const global = { tenant_id: null, enabled: true };
    expect(slots).toEqual([
      { provider_slug: 'booking', ...global, vertical: 'LODGING', priority: 20 },
      { provider_slug: 'expedia', ...global, vertical: 'LODGING', priority: 10 },
      { provider_slug: 'kiwi', ...global, vertical: 'FLIGHTS_BOOKING', priority: 10 },
      { provider_slug: 'travelpayouts', ...global, vertical: 'FLIGHTS_DISCOVERY', priority: 10 },
    ]);
    expect(credentials).toEqual([
      { owner: 'provider:expedia:SANDBOX', name: 'API_KEY', version: 1, last_four: 'abcd' },
      { owner: 'provider:expedia:SANDBOX', name: 'SECRET', version: 1, last_four: 'efgh' },
      { owner: 'provider:kiwi:SANDBOX', name: 'API_KEY', version: 1, last_four: 'ijkl' },
    ]);
    const actors = await world.owner("select distinct actor from audit_entries where action like 'provider.%'");
    expect(actors).toEqual([{ actor: 'cli' }]);
  });

  test('twice is once, also at the same moment; what was changed or deleted since stays so', async () => {
    const both = await Promise.all([1, 2].map(() => cliProcess('providers seed', { environment: KEYS })));
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    await world.owner("update providers set name = 'Rapid', mode = 'PRODUCTION' where slug = 'expedia'");
    await world.owner("update provider_slots set deleted_at = now() where provider_slug = 'kiwi'");
    const before = await kept();
    expect(before.providers).toHaveLength(4);
    expect(before.slots).toHaveLength(4);
    expect(before.credentials).toHaveLength(3);
    const again = await seed();
    expect(again.code).toBe(0);
    expect(again.out).not.toMatch(/: (made|imported)/);
    expect(again.out).toContain('expedia: credential API_KEY (EXPEDIA_API_KEY): there already');
    expect(await kept()).toEqual(before);
  });

  test('leaves a stored value where the environment has another, or where it does not open, and says so', async () => {
    await seed();
    await world.owner("update credentials set sealed = '\\x00' where owner = 'provider:kiwi:SANDBOX'");
    const before = await kept();
    const { out } = await seed({ ...KEYS, EXPEDIA_SECRET: 'canary-another' });
    expect(out).toContain(
      'expedia: credential SECRET (EXPEDIA_SECRET): another value is stored and stays: rotate-credential changes it',
    );
    expect(out).toContain(
      'kiwi: credential API_KEY (KIWI_API_KEY): what is stored does not open: set-credential replaces it',
    );
    expect(await kept()).toEqual(before);
  });

  test('names the variable that can be no credential, and makes nothing of its provider', async () => {
    const { code, err } = await seed({ EXPEDIA_API_KEY: 'two\nlines' });
    expect(code).toBe(1);
    expect(err).toBe('EXPEDIA_API_KEY: A credential has no line breaks, and no blanks around it.\n');
    expect((await kept()).providers).toEqual([]);
  });

  test('tells programs what it did, and nobody a value', async () => {
    const { out } = await cli('providers seed --json', { environment: KEYS });
    const steps = JSON.parse(out) as object[];
    expect(steps).toHaveLength(15);
    expect(steps[2]).toEqual({ slug: 'expedia', part: 'credential', name: 'API_KEY', outcome: 'IMPORTED' });
    expect(out).not.toContain('canary');
  });
});

describe('with the providers there', () => {
  beforeEach(async () => {
    await seed();
  });

  test('list shows how each does, for people and for programs, and no value', async () => {
    const { code, out } = await cli('providers list');
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
      'SLUG | VERTICAL | MODE | ON | TESTED | CREDENTIALS',
      'booking | LODGING | SANDBOX | off | never | API_KEY MISSING',
      'expedia | LODGING | SANDBOX | off | never | API_KEY v1 ACTIVE, SECRET v1 ACTIVE',
      'kiwi | FLIGHTS_BOOKING | SANDBOX | off | never | API_KEY v1 ACTIVE',
      'travelpayouts | FLIGHTS_DISCOVERY | SANDBOX | off | never | MARKER MISSING, TOKEN MISSING',
      '',
    ]);
    const json = await cli('providers list --json');
    expect(JSON.parse(json.out)[2]).toMatchObject({
      slug: 'kiwi',
      mode: 'SANDBOX',
      enabled: false,
      test: null,
      credentials: [{ name: 'API_KEY', version: 1, lastFour: 'ijkl', state: 'ACTIVE' }],
    });
    expect(out + json.out).not.toContain('canary');
  });

  test('a connection test asks the provider, keeps its answer and ends with 1 where it would not serve', async () => {
    const passed = await cliProcess('providers test kiwi');
    expect(passed).toMatchObject({ code: 0, err: '' });
    expect(passed.out).toMatch(/^kiwi SANDBOX: ok in \d+ ms\n$/);
    const failed = await cli('providers test kiwi --mode production --json');
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.out)).toEqual({
      slug: 'kiwi',
      mode: 'PRODUCTION',
      ok: false,
      latencyMs: 0,
      reason: 'Credentials are missing: API_KEY.',
    });
    const [{ tests }] = await world.owner("select tests from providers where slug = 'kiwi'");
    expect(tests).toMatchObject({ SANDBOX: { ok: true, versions: { API_KEY: 1 } }, PRODUCTION: { ok: false } });
    const entries = await world.owner("select actor from audit_entries where action = 'provider.test'");
    expect(entries).toEqual([{ actor: 'cli' }, { actor: 'cli' }]);
  });

  test('enable and disable keep to the rules of the graph', async () => {
    expect(await cli('providers enable booking')).toEqual({
      code: 1,
      out: '',
      err: 'Set these credentials for SANDBOX first: API_KEY.\n',
    });
    expect(await cli('providers enable kiwi')).toEqual({ code: 0, out: 'kiwi is on.\n', err: '' });
    expect(await cli('providers disable kiwi')).toEqual({ code: 0, out: 'kiwi is off.\n', err: '' });
    await world.owner("update providers set mode = 'PRODUCTION' where slug = 'kiwi'");
    expect(await cli('providers enable kiwi')).toMatchObject({
      code: 1,
      err: expect.stringContaining('The connection to production was never tested.'),
    });
    expect(await cli('providers enable kiwi --override')).toMatchObject({ code: 0 });
    expect(
      await world.owner(
        "select actor, after from audit_entries where action = 'provider.enable' order by position desc limit 1",
      ),
    ).toEqual([{ actor: 'cli', after: { enabled: true, mode: 'PRODUCTION', override: true } }]);
    expect(await cli('providers enable amadeus')).toEqual({ code: 1, out: '', err: 'No such provider.\n' });
  });

  test('rotate-credential takes its value from standard input or from the environment, tries it, and keeps the old one a while', async () => {
    expect(await cli('providers rotate-credential kiwi API_KEY', { input: 'canary-second-value\n' })).toEqual({
      code: 0,
      out: 'kiwi: API_KEY works and has a new value; the one before goes on for 24 hours.\n',
      err: '',
    });
    expect(
      await cli('providers rotate-credential kiwi API_KEY --from-environment --grace-hours 0', {
        environment: { KIWI_API_KEY: 'canary-third-value' },
      }),
    ).toMatchObject({ code: 0 });
    const versions = await world.owner(
      "select version, last_four, grace_until > now() as grace from credentials where owner = 'provider:kiwi:SANDBOX' order by version",
    );
    expect(versions).toEqual([
      { version: 1, last_four: 'ijkl', grace: true },
      { version: 2, last_four: 'alue', grace: false },
      { version: 3, last_four: 'alue', grace: null },
    ]);
  });

  test('rotate-credential with a value that the provider does not take changes nothing and repeats it nowhere', async () => {
    const before = await kept();
    const { code, out, err } = await cliProcess('providers rotate-credential kiwi API_KEY', {
      input: 'refused-canary-value\n',
    });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/nothing was changed.*\[masked\] is unknown/);
    expect(err).not.toContain('canary');
    expect(await kept()).toEqual(before);
  });

  test('set-credential needs no provider that answers, and belongs to a mode', async () => {
    expect(
      await cli('providers set-credential kiwi API_KEY --mode production', { input: 'refused-for-now\n' }),
    ).toEqual({ code: 0, out: 'kiwi: API_KEY has a new value.\n', err: '' });
    expect((await kept()).credentials).toContainEqual({
      owner: 'provider:kiwi:PRODUCTION',
      name: 'API_KEY',
      version: 1,
      last_four: '-now',
    });
  });

  test('a secret is never an argument, and what was typed wrongly is one line', async () => {
    const before = await kept();
    for (const [args, options, line] of [
      [
        'providers rotate-credential kiwi API_KEY a-value',
        {},
        /^npm run cli -- providers rotate-credential <slug> <NAME>/,
      ],
      ['providers set-credential kiwi API_KEY', { input: '' }, /^No value came by standard input\.$/],
      ['providers set-credential kiwi PASSWORD', { input: 'x' }, /^The credentials of kiwi are: API_KEY\.$/],
      ['providers set-credential kiwi API_KEY --from-environment', {}, /^KIWI_API_KEY is not set\.$/],
      ['providers set-credential kiwi API_KEY --value x', {}, /Unknown option '--value'/],
      ['providers test kiwi --mode real', {}, /^--mode is sandbox or production\.$/],
      [
        'providers rotate-credential kiwi API_KEY --grace-hours 721',
        {},
        /^--grace-hours is a whole number from 0 to 720\.$/,
      ],
      ['providers enable', {}, /^npm run cli -- providers enable <slug>/],
      ['providers dance', {}, /^There is no command "providers dance"\.$/m],
    ] as const) {
      const { code, out, err } = await cli(args, options);
      expect({ code, out }, args).toEqual({ code: 1, out: '' });
      expect(err.trim(), args).toMatch(line);
    }
    expect(await kept()).toEqual(before);
  });

  test('--help tells of one command, of a group, or of all', async () => {
    const helps = await Promise.all(['providers due --help', 'providers --help', '--help'].map((args) => cli(args)));
    const named = helps.map(({ out }) =>
      out.match(/^ {2}\w.*$/gm)?.map((line) => line.trim().split(' ').slice(0, 2).join(' ')),
    );
    expect(named[0]).toEqual(['providers due']);
    expect(named[1]).toHaveLength(8);
    expect(named[2]).toEqual(
      expect.arrayContaining([...named[1]!, 'admin create', 'audit export', 'secrets rotate-master']),
    );
  });
});

describe('providers due', () => {
  beforeEach(async () => {
    await seed();
    await world.owner('update credentials set created_at = now()');
  });

  test('lists what was not rotated for 90 days: of the providers, and of the gateways of every tenant', async () => {
    expect(await cli('providers due')).toEqual({ code: 0, out: 'No credential is due.\n', err: '' });
    const age = (where: string, days: number) =>
      world.owner(`update credentials set created_at = now() - $1 * interval '1 day' where ${where}`, [days]);
    await age("owner = 'provider:expedia:SANDBOX' and name = 'SECRET'", 91);
    await age(`tenant_id = '${DEMO_TENANT}' and owner = 'gateway:FAWATERK' and name = 'API_KEY'`, 120);
    await age("owner = 'gateway:PAYU' and tenant_id <> $2".replace('$2', `'${DEMO_TENANT}'`), 89);
    const listed = async (args: string) =>
      (JSON.parse((await cli(`${args} --json`)).out) as { tenant: string; owner: string; name: string }[]).map(
        ({ tenant, owner, name }) => `${tenant} ${owner} ${name}`,
      );
    expect(await listed('providers due')).toEqual([
      'demo gateway:FAWATERK API_KEY',
      'platform provider:expedia:SANDBOX SECRET',
    ]);
    const soon = await listed('providers due --within 1');
    expect(soon.slice(0, 2)).toEqual(await listed('providers due'));
    expect(soon.slice(2).length).toBeGreaterThan(0);
    expect(soon.slice(2).every((line) => line.startsWith('other gateway:PAYU '))).toBe(true);
    const [head, first] = (await cli('providers due')).out.split('\n');
    expect(head).toMatch(/^DUE +TENANT +OF +NAME +VERSION +ROTATED$/);
    expect(first).toMatch(/^20\d\d-\d\d-\d\d +demo +gateway:FAWATERK +API_KEY +1 +20\d\d-\d\d-\d\d$/);
  });

  test('counts the newest version only, and finds every page of many', async () => {
    await world.owner(
      `insert into credentials (tenant_id, id, owner, name, version, sealed, master_key_version, created_at)
       select $1, gen_random_uuid(), 'gateway:FAWATERK', 'MANY-' || n, v, '\\x00', 1, now() - (case v when 1 then 400 else 100 end) * interval '1 day'
       from generate_series(1, 1500) n, generate_series(1, 2) v`,
      [DEMO_TENANT],
    );
    const due = JSON.parse((await cli('providers due --json')).out) as { version: number; name: string }[];
    expect(due).toHaveLength(1500);
    expect(new Set(due.map(({ name }) => name)).size).toBe(1500);
    expect(new Set(due.map(({ version }) => version))).toEqual(new Set([2]));
    await world.owner("delete from credentials where name like 'MANY-%'");
  });

  test('is asked of the database by the platform only', async () => {
    await world.owner("update credentials set created_at = now() - interval '1 year'");
    const ask = (tenantId: string) =>
      world.app.db.read({ tenantId, customerId: null }, (tx) =>
        tx.query("select * from credentials_due(now(), '00000000-0000-0000-0000-000000000000', '', '', 1000)"),
      );
    expect((await ask(PLATFORM_TENANT_ID)).length).toBeGreaterThan(3);
    expect(await ask(DEMO_TENANT)).toEqual([]);
    expect(Object.keys((await ask(PLATFORM_TENANT_ID))[0]!)).toEqual([
      'tenant_id',
      'owner',
      'credential',
      'version',
      'created_at',
    ]);
  });
});
