import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Config } from '../config.ts';
import type { Database } from '../db.ts';
import { viewOf, type HealthView } from '../domain/health-checks.ts';
import { HEALTH_SETTINGS, INITIAL_HEALTH, type HealthChange } from '../domain/health-state.ts';
import { createJournal, type Journal, type JournalEvent } from '../journal.ts';
import { readHealthRows } from '../providers/health-rows.ts';
import { PLATFORM } from '../resolvers/catalogue-change.ts';
import { UsageError, type Command, type Surroundings } from './command.ts';
import { clock, logOf, withDatabase } from './open.ts';

export const HEALTH_WATCH: Command = {
  name: 'health watch',
  usage: '[--provider slug] [--json]',
  help: [
    'How every travel provider does, or one, and from then on each change of status as it comes (PRV-11), with the evidence it rests on:',
    'from the event journal, so that none is missed and none comes twice. With --json each is a line. Ends with Ctrl-C.',
  ],
  options: { provider: { type: 'string' }, json: { type: 'boolean' } },
  run: (given, around) =>
    withDatabase(around, async (db, config) => {
      const journal = openJournal(db, config, around);
      await journal.start();
      try {
        await watch({ db, journal, slug: given.text('provider'), asJson: given.flag('json') }, around);
      } finally {
        await journal.close();
      }
      return true;
    }),
};

function openJournal(db: Database, config: Config, around: Surroundings): Journal {
  return createJournal({
    url: config.databaseUrl,
    applicationName: 'portolan-cli',
    clock,
    log: logOf(around),
    lookUp: (text, values) => db.lookUp(text, values),
  });
}

interface Watching {
  readonly db: Database;
  readonly journal: Journal;
  /** Null: all. */
  readonly slug: string | null;
  readonly asJson: boolean;
}

async function watch({ db, journal, slug, asJson }: Watching, around: Surroundings): Promise<void> {
  // In this order: what changes while the states are read is told afterwards.
  const { position } = await journal.head(PLATFORM_TENANT_ID);
  const changes = journal.subscribe({ tenantId: PLATFORM_TENANT_ID, after: position });
  const callOff = around.onEnd(() => void changes.return());
  try {
    await tell({ db, slug, asJson }, changes, around);
  } finally {
    callOff();
  }
}

async function tell(
  { db, slug, asJson }: Omit<Watching, 'journal'>,
  changes: AsyncIterable<JournalEvent>,
  around: Surroundings,
): Promise<void> {
  const states = await readStates(db, slug);
  if (states.length === 0)
    throw new UsageError(slug === null ? 'There are no providers.' : `There is no provider "${slug}".`);
  for (const state of states) await around.result(asJson ? JSON.stringify(state) : stateLine(state));
  for await (const event of changes) {
    const change = changeOf(event);
    if (change === null || (slug !== null && change.slug !== slug)) continue;
    await around.result(asJson ? JSON.stringify(change) : changeLine(change));
  }
}

interface State extends Pick<HealthView, 'status' | 'circuit' | 'errorRate' | 'p95LatencyMs' | 'reason'> {
  readonly slug: string;
  readonly enabled: boolean;
  readonly checkedAt: string | null;
}

function readStates(db: Database, slug: string | null): Promise<State[]> {
  return db.read(PLATFORM, async (tx) => {
    const providers = await tx.query<{ slug: string; enabled: boolean }>(
      'select v.slug, v.enabled from providers v where $1::text is null or v.slug = $1 order by v.slug',
      [slug],
    );
    const known = new Map((await readHealthRows(tx, slug)).map((row) => [row.slug, row]));
    return providers.map((provider) => {
      const { state, settings } = known.get(provider.slug) ?? { state: INITIAL_HEALTH, settings: HEALTH_SETTINGS };
      const { status, circuit, errorRate, p95LatencyMs, reason, checkedAt } = viewOf(state, +clock.now(), settings);
      const checked = checkedAt === null ? null : new Date(checkedAt).toISOString();
      return { ...provider, status, circuit, errorRate, p95LatencyMs, reason, checkedAt: checked };
    });
  });
}

function stateLine({ slug, enabled, status, circuit, errorRate, p95LatencyMs, checkedAt }: State): string {
  const parts = [
    enabled ? status : `${status}, switched off`,
    `circuit ${circuit}`,
    `errors ${(100 * errorRate).toFixed(1)} %`,
    p95LatencyMs === null ? null : `95 % within ${Math.round(p95LatencyMs)} ms`,
    checkedAt === null ? 'never checked' : `checked ${checkedAt}`,
  ];
  return `${slug}: ${parts.filter((part) => part !== null).join(', ')}`;
}

interface Change {
  readonly slug: string;
  readonly at: string;
  readonly previousStatus: string;
  readonly status: string;
  readonly evidence: HealthChange;
}

function changeOf({ type, payload, occurredAt }: JournalEvent): Change | null {
  if (type !== 'provider.health') return null;
  const { slug, previousStatus, status, evidence } = payload as unknown as Omit<Change, 'at'>;
  return { slug, at: occurredAt.toISOString(), previousStatus, status, evidence };
}

function changeLine({ slug, at, previousStatus, status, evidence }: Change): string {
  const { reason, failuresInRow, errorRate, circuitTo, lastError } = evidence;
  const parts = [
    reason,
    failuresInRow > 0 && `${failuresInRow} failures in a row`,
    `errors ${(100 * errorRate).toFixed(1)} %`,
    lastError !== null && `the last: ${lastError}`,
    `circuit ${circuitTo}`,
  ];
  return `${at} ${slug}: ${previousStatus} -> ${status} (${parts.filter(Boolean).join(', ')})`;
}
