import type { Config } from '../config.ts';
import type { Database } from '../db.ts';
import { lifeOf } from '../domain/health-checks.ts';
import { exponentOf, parseAmount } from '../domain/money.ts';
import {
  VERTICALS,
  type RoutingContext,
  type RoutingDecision,
  type RoutingSnapshot,
  type Vertical,
} from '../domain/routing-decision.ts';
import { isDate } from '../domain/routing-rules.ts';
import { compileSnapshot, suppose } from '../domain/routing-snapshot.ts';
import { decide } from '../domain/routing.ts';
import { loadCatalogue } from '../providers/catalogue.ts';
import { readHealthRows } from '../providers/health-rows.ts';
import { PLATFORM } from '../resolvers/catalogue-change.ts';
import { table, UsageError, type Command, type Given, type Surroundings } from './command.ts';
import { catalogueTools, clock, withDatabase } from './open.ts';
import { listTenants, type Tenant } from './tenants.ts';

const TEXTS = ['vertical', 'tenant', 'currency', 'country', 'locale', 'amount', 'date', 'key', 'without'] as const;
const OPTIONS = Object.fromEntries(TEXTS.map((name) => [name, { type: 'string' } as const]));

export const ROUTE: Command = {
  name: 'route',
  usage:
    '--vertical lodging [--tenant slug] [--currency EGP] [--country EG] [--locale ar] [--amount 150.50] [--date 2026-12-31] [--key text] [--without slug,slug] [--explain] [--json]',
  help: [
    'Who would serve such a request now (PRV-7, PRV-8): by the slots, rules, credentials and health that every process goes by; with',
    '--without as if these providers were down. Without --tenant by the global slots. --explain shows every candidate with its reason.',
    'Nobody is asked and nothing is written down. Rate limits are known to the processes that call, and are not looked at here.',
    'Ends with 1 where nobody would.',
  ],
  options: { ...OPTIONS, explain: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(given, around) {
    const asked = askedOf(given);
    return withDatabase(around, async (db, config) => {
      const tenant = await tenantOf(db, given.text('tenant'));
      const snapshot = await snapshotOfNow({ db, config, around }, given.text('without')?.split(',') ?? []);
      const decision = decide(compileSnapshot(snapshot), { ...asked, tenantId: tenant?.id ?? null });
      for (const line of linesOf(given, snapshot, tenant, decision)) await around.result(line);
      return decision.selected !== null;
    });
  },
};

/** @throws UsageError, INVALID_INPUT */
function askedOf(given: Given): RoutingContext {
  const [currencyCode, countryCode] = [given.text('currency')?.toUpperCase(), given.text('country')?.toUpperCase()];
  const [amount, travelDate] = [given.text('amount'), given.text('date')];
  if (currencyCode !== undefined) exponentOf(currencyCode);
  if (countryCode !== undefined && !/^[A-Z]{2}$/.test(countryCode))
    throw new UsageError('--country is two letters, such as EG.');
  if (amount !== null && currencyCode === undefined) throw new UsageError('--amount needs --currency.');
  if (travelDate !== null && !isDate(travelDate)) throw new UsageError('--date is a day such as 2026-12-31.');
  return {
    vertical: verticalOf(given),
    tenantId: null,
    currencyCode: currencyCode ?? null,
    countryCode: countryCode ?? null,
    language: given.text('locale'),
    amountMinor: amount === null ? null : parseAmount(amount, currencyCode!),
    travelDate,
    requestKey: given.text('key'),
  };
}

function verticalOf(given: Given): Vertical {
  const written = given.text('vertical')?.toUpperCase().replaceAll('-', '_');
  const vertical = VERTICALS.find((known) => known === written);
  if (!vertical) throw new UsageError(`--vertical is one of ${VERTICALS.join(', ')}.`);
  return vertical;
}

async function tenantOf(db: Database, slug: string | null): Promise<Tenant | null> {
  if (slug === null) return null;
  const [tenant] = await listTenants(db, slug);
  if (!tenant) throw new UsageError(`There is no tenant "${slug}".`);
  return tenant;
}

/** What is configured, and how everybody does, as the database has it. @param down taken for down */
async function snapshotOfNow(
  { db, config, around }: { db: Database; config: Config; around: Surroundings },
  down: readonly string[],
): Promise<RoutingSnapshot> {
  const { vault, descriptions } = catalogueTools(config, around);
  const { simulatorsUrl } = config;
  const { slots, providers } = await loadCatalogue({ db, vault, clock, descriptions, simulatorsUrl });
  const stranger = down.find((slug) => !providers.has(slug));
  if (stranger !== undefined) throw new UsageError(`There is no provider "${stranger}".`);
  const rows = await db.read(PLATFORM, (tx) => readHealthRows(tx, null));
  const health = rows.map(({ slug, state, settings }) => [slug, lifeOf(state, +clock.now(), settings)] as const);
  const now = { slots, providers: Object.fromEntries(providers), health: Object.fromEntries(health), budgets: {} };
  return suppose(now, { unavailableProviders: down });
}

function linesOf(
  given: Given,
  { slots }: RoutingSnapshot,
  tenant: Tenant | null,
  { vertical, scope, selected, candidates }: RoutingDecision,
): string[] {
  const priorities = new Map(slots.map(({ id, priority }) => [id, priority]));
  const explained = candidates.map((candidate) => ({ ...candidate, priority: priorities.get(candidate.slotId)! }));
  const provider = selected?.providerSlug ?? null;
  if (given.flag('json')) {
    const facts = { vertical, tenant: tenant?.slug ?? null, scope, selected: provider };
    return [JSON.stringify(given.flag('explain') ? { ...facts, candidates: explained } : facts)];
  }
  if (!given.flag('explain')) return [provider ?? 'Nobody would serve it.'];
  const whose = scope === 'TENANT' ? `the slots of ${tenant!.slug}` : 'the global slots';
  const rows = explained.map(({ providerSlug, priority, reason, detail }) => [
    providerSlug,
    String(priority),
    reason,
    detail ?? '',
  ]);
  return [
    `${vertical} by ${whose}: ${provider ?? 'nobody would serve it'}`,
    ...table(['PROVIDER', 'PRIORITY', 'REASON', 'DETAIL'], rows),
  ];
}
