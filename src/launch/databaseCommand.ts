import { joinOwner } from './database.ts';
import { LaunchFault, reportFault } from './fault.ts';
import { checkDrift, migrate, resetDatabase, waitForDatabase } from './migrate.ts';
import { readSettings } from './settings.ts';

// npm run db:migrate | db:check | db:reset. Uses the database of DATABASE_MIGRATION_URL or DATABASE_URL (its owner), else the
// embedded one: the running one if `npm start` runs, or one started just for this.
const log = (line: string): void => console.log(line);

async function run(command: string | undefined): Promise<void> {
  const settings = readSettings(process.env);
  const database = await joinOwner(settings, log);
  console.log(`Database: ${database.description}`);
  try {
    if (command === 'migrate') await runMigrate(database.ownerUrl);
    else if (command === 'check') await runCheck(database.ownerUrl);
    else if (command === 'reset') await resetDatabase(database.ownerUrl, { log, environment: settings.environment });
    else throw new LaunchFault('Say what to do: migrate, check or reset.');
    if (command === 'reset') console.log('Emptied and migrated. `npm start` loads the demo data again.');
  } finally {
    await database.stop();
  }
}

async function runMigrate(ownerUrl: string): Promise<void> {
  const applied = await migrate(ownerUrl, { log });
  console.log(applied.length === 0 ? 'Nothing to do: every migration is applied.' : `Applied: ${applied.join(', ')}`);
}

async function runCheck(ownerUrl: string): Promise<void> {
  await waitForDatabase(ownerUrl, { log });
  const findings = await checkDrift(ownerUrl);
  console.log(
    findings.length === 0 ? 'No drift: database, migrations and prisma/schema.prisma agree.' : findings.join('\n\n'),
  );
  if (findings.length > 0) process.exitCode = 1;
}

await run(process.argv[2]).catch(reportFault);
