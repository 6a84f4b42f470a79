import type pg from 'pg';
import { PgBoss } from 'pg-boss';
import { GROUP_ROLE } from './roles.ts';

export const JOB_SCHEMA = 'jobs';

/**
 * Installs or updates the job queue's tables as their owner, so that the application's login, which may create nothing, only
 * uses them (pg-boss with `migrate: false`). Call it under the migration lock.
 */
export async function installJobQueue(ownerUrl: string, client: pg.Client): Promise<void> {
  const boss = new PgBoss({
    connectionString: ownerUrl,
    schema: JOB_SCHEMA,
    max: 1,
    supervise: false,
    schedule: false,
    migrate: true,
  });
  boss.on('error', () => undefined);
  await boss.start();
  await boss.stop({ graceful: false });
  await client.query(`
    revoke all on schema ${JOB_SCHEMA} from public;
    grant usage on schema ${JOB_SCHEMA} to ${GROUP_ROLE};
    grant select, insert, update, delete on all tables in schema ${JOB_SCHEMA} to ${GROUP_ROLE};
    grant usage, select on all sequences in schema ${JOB_SCHEMA} to ${GROUP_ROLE};
    grant execute on all functions in schema ${JOB_SCHEMA} to ${GROUP_ROLE};
    alter default privileges in schema ${JOB_SCHEMA} grant select, insert, update, delete on tables to ${GROUP_ROLE};
    alter default privileges in schema ${JOB_SCHEMA} grant usage, select on sequences to ${GROUP_ROLE};
  `);
}
