import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { joinOwner, openDatabase } from './database.ts';
import { prepareDataDir } from './dataDirectory.ts';
import { LaunchFault, reportFault } from './fault.ts';
import { readSecretKey, readSettings } from './settings.ts';

// npm run cli -- ...: runs src/cli/main.ts with the same database, key and addresses as `npm start`, whether that runs or not.
const program = resolve(import.meta.dirname, '../cli/main.ts');

async function run(): Promise<void> {
  if (!existsSync(program)) throw new LaunchFault(`There is no ${program}.`);
  const settings = readSettings(process.env);
  settings.dataDir = prepareDataDir(settings.dataDir);
  const secretKey = readSecretKey(process.env, settings);
  const log = (line: string): void => console.error(line);
  const database = await openDatabase(settings, log, () => joinOwner(settings, log));
  try {
    const { DATABASE_MIGRATION_URL: _owner, ...env } = process.env;
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', program, ...process.argv.slice(2)],
      {
        stdio: 'inherit',
        env: {
          ...env,
          DATABASE_URL: database.appUrl,
          SECRET_KEY: secretKey,
          PORT: String(settings.port),
          APP_BASE_URL: settings.baseUrl,
          DATA_DIR: settings.dataDir,
          // The same vendors as the demo's, wherever it runs.
          ...(settings.environment !== 'production' && {
            SIMULATORS_URL: env['SIMULATORS_URL'] || `http://localhost:${settings.simulatorsPort}`,
          }),
        },
      },
    );
    const [code] = (await once(child, 'exit')) as [number | null];
    process.exitCode = code ?? 1;
  } finally {
    await database.stop();
  }
}

await run().catch(reportFault);
