import DataLoader from 'dataloader';

import { childPages } from './child-pages.ts';
import { columns } from './columns.ts';
import type { Reader } from './db.ts';
import type { StoredTest, Mode } from './domain/provider-switch.ts';
import type {
  ProviderHealthModel,
  ProviderHealthRecordModel,
  ProviderModel,
  ProviderSlotModel,
} from './generated/prisma/models.ts';
import type { Paged } from './paging.ts';

type Json = 'baseUrls' | 'settings' | 'cacheSeconds' | 'tests';

/** A travel provider as it is configured: where something is not said here, its integration's description counts. */
export interface ProviderRow extends Omit<ProviderModel, Json> {
  readonly baseUrls: Readonly<Partial<Record<Mode, string>>>;
  readonly settings: Readonly<Record<string, string>>;
  readonly cacheSeconds: Readonly<Record<string, number>>;
  readonly tests: Readonly<Partial<Record<Mode, StoredTest>>>;
}

/** A deleted slot is still there for what was decided by it. */
export type ProviderSlotRow = ProviderSlotModel;
export type HealthRow = Pick<
  ProviderHealthModel,
  'slug' | 'status' | 'circuit' | 'errorRate' | 'p95LatencyMs' | 'reason' | 'checkedAt'
>;
export type HealthRecordRow = ProviderHealthRecordModel & Paged;

/** Any version of a credential, newest first; the value stays sealed. */
export interface SealedCredentialRow {
  readonly owner: string;
  readonly name: string;
  readonly version: number;
  readonly lastFour: string | null;
  readonly createdAt: Date;
  readonly graceUntil: Date | null;
  readonly sealed: Buffer;
}

// Lists of an enum of ours come as text otherwise.
export const PROVIDER_COLUMNS = `${columns('Provider', 'v', ['verticals'])}, v.verticals::text[] as verticals`;
export const SLOT_COLUMNS = columns('ProviderSlot', 's');
const HEALTH_COLUMNS = columns('ProviderHealth', 'h', ['state', 'nextCheckAt', 'updatedAt', 'version']);
const RECORD_COLUMNS = columns('ProviderHealthRecord', 'r');

export const SEALED_CREDENTIALS = `select c.owner, c.name, c.version, c.last_four as "lastFour", c.created_at as "createdAt",
    c.grace_until as "graceUntil", c.sealed
  from credentials c where c.tenant_id = current_tenant() and c.owner = any($1::text[])
    and (c.grace_until is not null or not exists (select from credentials n where n.tenant_id = c.tenant_id and n.owner = c.owner
      and n.name = c.name and n.version > c.version))
  order by c.owner, c.name, c.version desc`;

function byKey<T>(text: string, keyOf: (row: T) => string): (reads: Reader) => DataLoader<string, T | null> {
  return (reads) =>
    new DataLoader<string, T | null>(async (keys) => {
      const found = new Map((await reads.query<T>(text, [keys])).map((row) => [keyOf(row), row]));
      return keys.map((key) => found.get(key) ?? null);
    });
}

/** Row-level security shows everybody the catalogue, and of slots the global ones and one's own. */
export const PROVIDER_LOADERS = {
  provider: byKey<ProviderRow>(
    `select ${PROVIDER_COLUMNS} from providers v where v.slug = any($1::text[])`,
    ({ slug }) => slug,
  ),
  providerById: byKey<ProviderRow>(
    `select ${PROVIDER_COLUMNS} from providers v where v.id = any($1::uuid[])`,
    ({ id }) => id,
  ),
  providerSlot: byKey<ProviderSlotRow>(
    `select ${SLOT_COLUMNS} from provider_slots s where s.id = any($1::uuid[])`,
    ({ id }) => id,
  ),
  slotsOfProvider: childPages<ProviderSlotRow & Paged>({
    columns: SLOT_COLUMNS,
    table: 'provider_slots',
    alias: 's',
    parent: { column: 'provider_slug', type: 'text' },
    orderedBy: 'created_at',
    also: 'and s.deleted_at is null',
  }),
  slotsOfTenant: childPages<ProviderSlotRow & Paged>({
    columns: SLOT_COLUMNS,
    table: 'provider_slots',
    alias: 's',
    parent: { column: 'tenant_id', type: 'uuid' },
    orderedBy: 'created_at',
    also: 'and s.deleted_at is null',
  }),
  providerHealth: byKey<HealthRow>(
    `select ${HEALTH_COLUMNS} from provider_health h where h.slug = any($1::text[])`,
    ({ slug }) => slug,
  ),
  providerHealthHistory: childPages<HealthRecordRow>({
    columns: RECORD_COLUMNS,
    table: 'provider_health_records',
    alias: 'r',
    parent: { column: 'slug', type: 'text' },
    orderedBy: 'at',
  }),
  sealedCredentialsOfOwner: (reads: Reader) =>
    new DataLoader<string, SealedCredentialRow[]>(async (owners) => {
      const rows = Map.groupBy(
        await reads.query<SealedCredentialRow>(SEALED_CREDENTIALS, [owners]),
        ({ owner }) => owner,
      );
      return owners.map((owner) => rows.get(owner) ?? []);
    }),
};
