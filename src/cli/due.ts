import { CREDENTIAL_DUE_DAYS, dueAtOf, dueBefore } from '../domain/credential-state.ts';
import type { Database } from '../db.ts';
import { PLATFORM } from '../resolvers/catalogue-change.ts';
import { table, type Command } from './command.ts';
import { clock, withDatabase } from './open.ts';
import { listTenants } from './tenants.ts';

const WITHIN_DAYS_MAX = 3_650;
const PAGE = 1_000;

/** A credential that is to be rotated: whose it is, never what it is. */
interface Due {
  readonly tenant: string;
  /** gateway:FAWATERK, provider:expedia:SANDBOX ... */
  readonly owner: string;
  readonly name: string;
  readonly version: number;
  readonly rotatedAt: Date;
  readonly dueAt: Date;
}

interface DueRow {
  readonly tenant_id: string;
  readonly owner: string;
  readonly credential: string;
  readonly version: number;
  readonly created_at: Date;
}

export const DUE: Command = {
  name: 'providers due',
  usage: '[--within 14] [--json]',
  help: [
    `Every credential that was not rotated for ${CREDENTIAL_DUE_DAYS} days, of the providers and of all tenants' payment gateways (PRV-4, OPS-7);`,
    'with --within also those that will be due in so many days. No value is read.',
  ],
  options: { within: { type: 'string' }, json: { type: 'boolean' } },
  async run(given, around) {
    const within = given.number('within', { min: 0, max: WITHIN_DAYS_MAX }) ?? 0;
    const due = await withDatabase(around, (db) => listDue(db, clock.now(), within));
    if (given.flag('json')) await around.result(JSON.stringify(due));
    else if (due.length === 0) await around.result('No credential is due.');
    else
      for (const line of table(
        HEAD,
        due.map((each) => asCells(each)),
      ))
        await around.result(line);
    return true;
  },
};

const HEAD = ['DUE', 'TENANT', 'OF', 'NAME', 'VERSION', 'ROTATED'];

function asCells({ tenant, owner, name, version, rotatedAt, dueAt }: Due): string[] {
  return [dayOf(dueAt), tenant, owner, name, String(version), dayOf(rotatedAt)];
}

function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

/** Longest due first. */
async function listDue(db: Database, now: Date, withinDays: number): Promise<Due[]> {
  const slugs = new Map((await listTenants(db, null)).map(({ id, slug }) => [id, slug]));
  const rows: DueRow[] = [];
  for (;;) {
    const last = rows.at(-1);
    const page = await db.read(PLATFORM, (tx) =>
      tx.query<DueRow>('select * from credentials_due($1, $2, $3, $4, $5)', [
        dueBefore(now, withinDays),
        last?.tenant_id ?? '00000000-0000-0000-0000-000000000000',
        last?.owner ?? '',
        last?.credential ?? '',
        PAGE,
      ]),
    );
    rows.push(...page);
    if (page.length < PAGE) break;
  }
  return rows
    .map((row) => ({
      tenant: slugs.get(row.tenant_id) ?? row.tenant_id,
      owner: row.owner,
      name: row.credential,
      version: row.version,
      rotatedAt: row.created_at,
      dueAt: dueAtOf(row.created_at),
    }))
    .toSorted((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
}
