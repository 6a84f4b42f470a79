import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Clock } from '../clock.ts';
import { credentialContext, providerOwner } from '../credentials.ts';
import type { Database, Transaction } from '../db.ts';
import type { ProviderDescription, ProviderMode, Vertical } from '../integrations/travel.ts';
import type { Vault } from '../vault.ts';
import type { Catalogue, CatalogueProvider, CatalogueSlot, CredentialState } from './contract.ts';

/** The catalogue with the opened credentials beside it: these never leave src/providers. */
export interface OpenedCatalogue extends Catalogue {
  readonly credentials: ReadonlyMap<string, Readonly<Record<ProviderMode, OpenedCredentials>>>;
}

export interface OpenedCredentials {
  readonly state: CredentialState;
  readonly values: Readonly<Record<string, string>>;
  /** The same with the versions before, while their grace lasts; null where there are none. */
  readonly previous: Readonly<Record<string, string>> | null;
  readonly previousUntil: Date | null;
}

export interface CatalogueSource {
  readonly db: Database;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly descriptions: ReadonlyMap<string, ProviderDescription>;
  /** Where the simulators serve all vendors; null: at their own hosts. */
  readonly simulatorsUrl: string | null;
}

const PLATFORM = { tenantId: PLATFORM_TENANT_ID, customerId: null };

interface ProviderRow {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly verticals: readonly Vertical[];
  readonly mode: ProviderMode;
  readonly enabled: boolean;
  readonly baseUrls: Partial<Record<ProviderMode, string>>;
  readonly settings: Record<string, string>;
  readonly cacheSeconds: Record<string, number>;
  readonly callsPerMinute: number;
  readonly concurrentMax: number;
  readonly checkEverySeconds: number;
  readonly version: number;
}

interface SealedRow {
  readonly owner: string;
  readonly name: string;
  readonly version: number;
  readonly sealed: Buffer;
  readonly graceUntil: Date | null;
}

/** Everything at once, as the platform sees it: three statements, whenever something changed. */
export async function loadCatalogue(source: CatalogueSource): Promise<OpenedCatalogue> {
  const [providers, slots, sealed] = await source.db.read(PLATFORM, (tx) => readAll(tx));
  const opened = new Map<string, Readonly<Record<ProviderMode, OpenedCredentials>>>();
  const known = new Map<string, CatalogueProvider>();
  for (const row of providers) {
    const description = source.descriptions.get(row.slug);
    // A row of an integration that this version does not have: nobody can be routed there.
    if (!description) continue;
    const credentials = {
      SANDBOX: openCredentials(source, description, 'SANDBOX', sealed),
      PRODUCTION: openCredentials(source, description, 'PRODUCTION', sealed),
    };
    opened.set(row.slug, credentials);
    known.set(row.slug, providerOf(source, description, row, credentials[row.mode].state));
  }
  return { providers: known, slots, credentials: opened };
}

function readAll(tx: Transaction): Promise<[ProviderRow[], CatalogueSlot[], SealedRow[]]> {
  return Promise.all([
    tx.query<ProviderRow>(
      `select v.id, v.slug, v.name, v.verticals::text[] as verticals, v.mode, v.enabled, v.base_urls as "baseUrls", v.settings,
         v.cache_seconds as "cacheSeconds", v.calls_per_minute as "callsPerMinute", v.concurrent_max as "concurrentMax",
         v.check_every_seconds as "checkEverySeconds", v.version
       from providers v order by v.slug`,
    ),
    tx.query<CatalogueSlot>(
      `select s.id, s.tenant_id as "tenantId", s.vertical, s.provider_slug as "providerSlug", s.enabled, s.priority, s.rules
       from provider_slots s where s.deleted_at is null order by s.id`,
    ),
    tx.query<SealedRow>(
      `select c.owner, c.name, c.version, c.sealed, c.grace_until as "graceUntil" from credentials c
       where c.tenant_id = current_tenant() and c.owner like 'provider:%' order by c.owner, c.name, c.version desc`,
    ),
  ]);
}

function providerOf(
  { simulatorsUrl }: CatalogueSource,
  description: ProviderDescription,
  row: ProviderRow,
  credentials: CredentialState,
): CatalogueProvider {
  const { baseUrls, ...rest } = row;
  const simulated = simulatorsUrl === null ? null : `${simulatorsUrl}${description.simulatorPath}`;
  const baseUrlOf = (mode: ProviderMode): string =>
    (baseUrls[mode] ?? simulated ?? description.baseUrls[mode]).replace(/\/+$/, '');
  const defaults = Object.fromEntries(description.settings.map((setting) => [setting.name, setting.default]));
  return {
    ...rest,
    baseUrls: { SANDBOX: baseUrlOf('SANDBOX'), PRODUCTION: baseUrlOf('PRODUCTION') },
    settings: { ...defaults, ...row.settings },
    cacheSeconds: { ...description.cacheSeconds, ...row.cacheSeconds },
    credentials,
  };
}

// Newest first, as they were read. A value that does not open is that provider's trouble alone (PRV-3).
function openCredentials(
  { vault, clock }: Pick<CatalogueSource, 'vault' | 'clock'>,
  description: ProviderDescription,
  mode: ProviderMode,
  sealed: readonly SealedRow[],
): OpenedCredentials {
  const { slug } = description;
  const owner = providerOwner(slug, mode);
  const now = clock.now();
  const values: Record<string, string> = {};
  const older: Record<string, string> = {};
  let previousUntil = null as Date | null;
  let broken = false;
  for (const { name, version, sealed: bytes, graceUntil } of sealed.filter((row) => row.owner === owner)) {
    const isNewest = !(name in values);
    if (!isNewest && (graceUntil === null || graceUntil <= now || name in older)) continue;
    let value: string;
    try {
      value = vault.open(bytes, credentialContext({ tenantId: PLATFORM_TENANT_ID, owner, name, version })).toString();
    } catch {
      broken ||= isNewest;
      if (isNewest) values[name] = '';
      continue;
    }
    if (isNewest) values[name] = value;
    else {
      older[name] = value;
      previousUntil = earlier(previousUntil, graceUntil!);
    }
  }
  const missing = description.credentials.some(({ name, required }) => required && !(name in values));
  const state = broken ? 'DECRYPTION_FAILED' : missing ? 'MISSING' : 'ACTIVE';
  const previous = previousUntil === null ? null : { ...values, ...older };
  return { state, values, previous, previousUntil };
}

function earlier(one: Date | null, other: Date): Date {
  return one !== null && one < other ? one : other;
}
