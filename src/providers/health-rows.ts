import type { Transaction } from '../db.ts';
import { nextCheckAt, viewOf } from '../domain/health-checks.ts';
import {
  HEALTH_SETTINGS,
  INITIAL_HEALTH,
  readHealth,
  type HealthChange,
  type HealthSettings,
  type HealthState,
} from '../domain/health-state.ts';
import { appendEvent } from '../events.ts';
import type { NewId } from '../ids.ts';

/** The rows behind health: what is known of a provider, its history, and the event of a change. */

/** A provider's row as it was read. */
export interface HealthEntry {
  readonly slug: string;
  /** Of the provider. */
  readonly id: string;
  readonly verticals: readonly string[];
  readonly state: HealthState;
  /** Rises with every write of the row. */
  readonly version: number;
  readonly nextCheckAt: Date;
  readonly settings: HealthSettings;
}

interface EntryRow extends Omit<HealthEntry, 'state' | 'settings'> {
  readonly state: unknown;
  readonly checkEverySeconds: number;
}

const SELECT = `select v.slug, v.id, v.verticals::text[] as verticals, v.check_every_seconds as "checkEverySeconds", h.state, h.version,
    h.next_check_at as "nextCheckAt"
  from provider_health h join providers v on v.slug = h.slug`;
const LOCK = `${SELECT} where h.slug = $1 for update of h`;

/** The row under its lock; made where this is the first that is heard of the provider, null where there is no provider. */
export async function lockHealth(tx: Transaction, slug: string, now: Date): Promise<HealthEntry | null> {
  const found = await tx.maybeOne<EntryRow>(LOCK, [slug]);
  if (found) return entryOf(found);
  await tx.query(
    `insert into provider_health (slug, state, status, circuit, error_rate, next_check_at, updated_at)
     select v.slug, $2, 'UNKNOWN', 'CLOSED', 0, $3, $3 from providers v where v.slug = $1 on conflict do nothing`,
    [slug, JSON.stringify(INITIAL_HEALTH), now],
  );
  const made = await tx.maybeOne<EntryRow>(LOCK, [slug]);
  return made ? entryOf(made) : null;
}

/** @param slug null: of all providers */
export async function readHealthRows(tx: Transaction, slug: string | null): Promise<HealthEntry[]> {
  const rows = await tx.query<EntryRow>(`${SELECT} where $1::text is null or h.slug = $1`, [slug]);
  return rows.map(entryOf);
}

function entryOf({ state, checkEverySeconds, ...row }: EntryRow): HealthEntry {
  return { ...row, state: readHealth(state), settings: settingsOf(checkEverySeconds) };
}

const MISSED_CHECKS_MAX = 3;

/**
 * Nothing is known any more of a provider that was not heard of for three checks, nor for longer than an open circuit leaves it alone.
 */
function settingsOf(checkEverySeconds: number): HealthSettings {
  const checkEveryMs = checkEverySeconds * 1000;
  const staleMs = Math.max(MISSED_CHECKS_MAX * checkEveryMs, 2 * HEALTH_SETTINGS.pauseMsMax);
  return { ...HEALTH_SETTINGS, checkEveryMs, staleMs };
}

/** Of a locked row. @returns the row as it is now */
export function writeHealth(tx: Transaction, entry: HealthEntry, state: HealthState, now: Date): HealthEntry {
  const { slug, settings } = entry;
  const { status, circuit, errorRate, p95LatencyMs, reason, checkedAt } = viewOf(state, now.getTime(), settings);
  const after = { ...entry, state, version: entry.version + 1, nextCheckAt: dueAt(state, now, settings) };
  tx.later(
    `update provider_health set state = $2, status = $3, circuit = $4, error_rate = $5, p95_latency_ms = $6, reason = $7, checked_at = $8,
       next_check_at = $9, updated_at = $10, version = $11 where slug = $1`,
    [
      slug,
      JSON.stringify(state),
      status,
      circuit,
      errorRate,
      p95LatencyMs,
      reason,
      checkedAt === null ? null : new Date(checkedAt),
      after.nextCheckAt,
      now,
      after.version,
    ],
  );
  return after;
}

export function dueAt(state: HealthState, now: Date, settings: HealthSettings): Date {
  return new Date(nextCheckAt(state, now.getTime(), settings));
}

const RECORD = `insert into provider_health_records (slug, id, at, status, previous_status, circuit, error_rate, p95_latency_ms, evidence)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;

/** A change with what it rests on: into the history, and to everybody who listens where the status is another. */
export function recordHealthChange(tx: Transaction, entry: HealthEntry, change: HealthChange, newId: NewId): void {
  const { slug, id, verticals, version } = entry;
  const at = new Date(change.at);
  const { to, from, circuitTo, errorRate, p95LatencyMs } = change;
  tx.later(RECORD, [slug, newId(), at, to, from, circuitTo, errorRate, p95LatencyMs, JSON.stringify(change)]);
  // A circuit that begins its trials is everybody's to find out; a status is told.
  if (from === to) return;
  appendEvent(tx, {
    id: newId(),
    type: 'provider.health',
    aggregateType: 'Provider',
    aggregateId: id,
    version: version + 1,
    occurredAt: at,
    payload: { v: 1, slug, verticals, previousStatus: from, status: to, evidence: { ...change } },
  });
}

/** How a provider does at a moment when nothing changed (PRV-11: history is kept). */
export function recordHealthSample(
  tx: Transaction,
  { slug, state, settings }: HealthEntry,
  at: Date,
  newId: NewId,
): void {
  const { status, circuit, errorRate, p95LatencyMs } = viewOf(state, at.getTime(), settings);
  tx.later(RECORD, [slug, newId(), at, status, null, circuit, errorRate, p95LatencyMs, null]);
}
