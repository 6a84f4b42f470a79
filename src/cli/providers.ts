import { providerOwner } from '../credentials.ts';
import type { Database } from '../db.ts';
import { GRACE_HOURS, GRACE_HOURS_MAX } from '../domain/credential-state.ts';
import type { Mode } from '../domain/provider-switch.ts';
import { PROVIDER_COLUMNS, SEALED_CREDENTIALS, type ProviderRow, type SealedCredentialRow } from '../provider-reads.ts';
import { PLATFORM, type CatalogueTools } from '../resolvers/catalogue-change.ts';
import { shownCredentials, type ProviderCredentialShown } from '../resolvers/provider-credential-read.ts';
import { rotation, setCredential } from '../resolvers/provider-credential.ts';
import { seedProvider, type SeedOutcome, type SeedStep } from '../resolvers/provider-seed.ts';
import { askProvider, keepTest, readAsked } from '../resolvers/provider-test.ts';
import { switchProvider } from '../resolvers/provider.ts';
import { table, UsageError, type Command, type Given, type Surroundings } from './command.ts';
import { catalogueTools, clock, withApp, withDatabase } from './open.ts';
import { readSecret } from './secret-input.ts';

const JSON_OPTION = { json: { type: 'boolean' } } as const;
const MODE_OPTION = { mode: { type: 'string' } } as const;

const SEED_WORDS: Readonly<Record<SeedOutcome, string>> = {
  MADE: 'made',
  IMPORTED: 'imported',
  THERE: 'there already',
  UNSET: 'not set in the environment',
  DIFFERS: 'another value is stored and stays: rotate-credential changes it',
  UNREADABLE: 'what is stored does not open: set-credential replaces it',
};

const SEED: Command = {
  name: 'providers seed',
  usage: '[--json]',
  help: [
    'Makes every provider there is an integration with, off and in the sandbox, each with one global slot (PRV-2), and imports',
    'the credentials whose environment variables are set. Twice is once: what is there stays as it is.',
  ],
  options: JSON_OPTION,
  run: (given, around) =>
    withDatabase(around, async (db, config) => {
      const tools = catalogueTools(config, around);
      const steps: SeedStep[] = [];
      for (const description of around.descriptions) {
        const done = await db.write(PLATFORM, (tx) => seedProvider(tools, tx, description, around.environment));
        steps.push(...done);
        if (!given.flag('json')) for (const step of done) await around.result(seedLine(tools, step));
      }
      if (given.flag('json')) await around.result(JSON.stringify(steps));
      return true;
    }),
};

function seedLine(tools: CatalogueTools, { slug, part, name, outcome }: SeedStep): string {
  const variable = tools.descriptions.get(slug)?.credentials.find((known) => known.name === name)?.environmentVariable;
  const what = part === 'credential' ? `credential ${name} (${variable})` : part;
  return `${slug}: ${what}: ${SEED_WORDS[outcome]}`;
}

const LIST: Command = {
  name: 'providers list',
  usage: '[--json]',
  help: [
    'The providers with their mode, whether they are on, their last connection test and the state of their credentials.',
  ],
  options: JSON_OPTION,
  run: (given, around) =>
    withDatabase(around, async (db, config) => {
      const listed = await listProviders(db, catalogueTools(config, around));
      if (given.flag('json')) await around.result(JSON.stringify(listed.map((each) => asJson(each))));
      else
        for (const line of table(
          LIST_HEAD,
          listed.map((each) => asCells(each)),
        ))
          await around.result(line);
      return true;
    }),
};

interface Listed {
  readonly provider: ProviderRow;
  readonly credentials: readonly ProviderCredentialShown[];
}

async function listProviders(db: Database, tools: CatalogueTools): Promise<Listed[]> {
  return db.read(PLATFORM, async (tx) => {
    const providers = await tx.query<ProviderRow>(`select ${PROVIDER_COLUMNS} from providers v order by v.slug`);
    const owners = providers.map(({ slug, mode }) => providerOwner(slug, mode));
    const rows = Map.groupBy(await tx.query<SealedCredentialRow>(SEALED_CREDENTIALS, [owners]), ({ owner }) => owner);
    return providers.map((provider, index) => ({
      provider,
      credentials: shownCredentials(
        { vault: tools.vault, clock },
        { description: tools.descriptions.get(provider.slug), mode: provider.mode },
        rows.get(owners[index]!) ?? [],
      ),
    }));
  });
}

const LIST_HEAD = ['SLUG', 'VERTICAL', 'MODE', 'ON', 'TESTED', 'CREDENTIALS'];

function asCells({ provider, credentials }: Listed): string[] {
  const test = provider.tests[provider.mode];
  const states = credentials.map(({ name, version, state }) =>
    version === 0 ? `${name} ${state}` : `${name} v${version} ${state}`,
  );
  return [
    provider.slug,
    provider.verticals.join(' '),
    provider.mode,
    provider.enabled ? 'on' : 'off',
    test ? `${test.ok ? 'ok' : 'FAILED'} ${test.at.slice(0, 10)}` : 'never',
    states.join(', '),
  ];
}

function asJson({ provider, credentials }: Listed): object {
  const { slug, name, verticals, mode, enabled, tests } = provider;
  const shown = credentials.map((credential) => ({
    name: credential.name,
    version: credential.version,
    lastFour: credential.lastFour,
    state: credential.state,
    lastRotatedAt: credential.lastRotatedAt,
    dueAt: credential.dueAt,
    problem: credential.problem,
  }));
  return { slug, name, verticals, mode, enabled, test: tests[mode] ?? null, credentials: shown };
}

const TEST: Command = {
  name: 'providers test',
  usage: '<slug> [--mode sandbox|production] [--json]',
  help: [
    'Asks a provider whether it would serve us, with a cheap real call (PRV-5), and ends with 1 where it would not.',
  ],
  options: { ...JSON_OPTION, ...MODE_OPTION },
  words: [1, 1],
  run: (given, around) =>
    withApp(around, async (app) => {
      const asked = await readAsked(app, given.words[0]!, modeOf(given));
      const test = await askProvider(app, asked);
      const tools = catalogueTools(app.config, around);
      await app.db.write(PLATFORM, (tx) => keepTest(tools, tx, asked, test));
      const { slug } = asked.provider;
      const told = test.ok ? `ok in ${test.latencyMs} ms` : `FAILED after ${test.latencyMs} ms: ${test.reason}`;
      await around.result(
        given.flag('json')
          ? JSON.stringify({ slug, mode: asked.mode, ok: test.ok, latencyMs: test.latencyMs, reason: test.reason })
          : `${slug} ${asked.mode}: ${told}`,
      );
      return test.ok;
    }),
};

const ENABLE: Command = {
  name: 'providers enable',
  usage: '<slug> [--override]',
  help: [
    'Switches a provider on. In production it must have passed a connection test with the credentials it has, unless you answer',
    'for it with --override, which the audit log keeps.',
  ],
  options: { override: { type: 'boolean' } },
  words: [1, 1],
  run: (given, around) => switchTo(true, given, around),
};

const DISABLE: Command = {
  name: 'providers disable',
  usage: '<slug>',
  help: ['Switches a provider off: nobody is routed there.'],
  words: [1, 1],
  run: (given, around) => switchTo(false, given, around),
};

async function switchTo(enabled: boolean, given: Given, around: Surroundings): Promise<boolean> {
  const slug = given.words[0]!;
  await withDatabase(around, async (db, config) => {
    const tools = catalogueTools(config, around);
    await db.write(PLATFORM, (tx) => switchProvider(tools, tx, { slug, enabled, override: given.flag('override') }));
  });
  await around.result(`${slug} is ${enabled ? 'on' : 'off'}.`);
  return true;
}

const CREDENTIAL_OPTIONS = { ...MODE_OPTION, 'from-environment': { type: 'boolean' } } as const;

const SET_CREDENTIAL: Command = {
  name: 'providers set-credential',
  usage: '<slug> <NAME> [--mode sandbox|production] [--from-environment]',
  help: [
    'Encrypts a credential as a new version, which counts at once. The value comes from standard input, or with --from-environment',
    'from the variable that `providers seed` reads; never from an argument.',
  ],
  options: CREDENTIAL_OPTIONS,
  words: [2, 2],
  async run(given, around) {
    const [slug, name] = given.words as [string, string];
    const value = credentialValue(given, around);
    await withDatabase(around, async (db, config) => {
      const tools = catalogueTools(config, around);
      await db.write(PLATFORM, (tx) => setCredential(tools, tx, { slug, name, value, mode: modeOf(given) }));
    });
    await around.result(`${slug}: ${name} has a new value.`);
    return true;
  },
};

const ROTATE_CREDENTIAL: Command = {
  name: 'providers rotate-credential',
  usage: '<slug> <NAME> [--mode sandbox|production] [--grace-hours 24] [--from-environment]',
  help: [
    'Tries a new value with the provider; only if that works it takes the place of the one before, which goes on for its grace',
    '(PRV-4). The value comes from standard input, or with --from-environment from the variable that `providers seed` reads.',
  ],
  options: { ...CREDENTIAL_OPTIONS, 'grace-hours': { type: 'string' } },
  words: [2, 2],
  async run(given, around) {
    const [slug, name] = given.words as [string, string];
    const graceHours = given.number('grace-hours', { min: 0, max: GRACE_HOURS_MAX }) ?? GRACE_HOURS;
    const value = credentialValue(given, around);
    await withApp(around, async (app) => {
      const tools = catalogueTools(app.config, around);
      const work = await rotation(tools, app, { slug, name, value, mode: modeOf(given), graceHours });
      await app.db.write(PLATFORM, (tx) => work(tools, tx));
    });
    await around.result(`${slug}: ${name} works and has a new value; the one before goes on for ${graceHours} hours.`);
    return true;
  },
};

function credentialValue(given: Given, around: Surroundings): string {
  const [slug, name] = given.words as [string, string];
  if (!given.flag('from-environment')) return readSecret('Value', undefined, around);
  const variable = around.descriptions
    .find((description) => description.slug === slug)
    ?.credentials.find((credential) => credential.name === name)?.environmentVariable;
  if (variable === undefined) throw new UsageError(`No environment variable is known for ${name} of ${slug}.`);
  const value = around.environment[variable];
  if (!value) throw new UsageError(`${variable} is not set.`);
  return value;
}

function modeOf(given: Given): Mode | null {
  const mode = given.text('mode')?.toUpperCase() ?? null;
  if (mode !== null && mode !== 'SANDBOX' && mode !== 'PRODUCTION')
    throw new UsageError('--mode is sandbox or production.');
  return mode;
}

export const PROVIDER_COMMANDS: readonly Command[] = [
  SEED,
  LIST,
  TEST,
  ENABLE,
  DISABLE,
  SET_CREDENTIAL,
  ROTATE_CREDENTIAL,
];
