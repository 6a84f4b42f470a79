import { resolve } from 'node:path';
import { LaunchFault } from './fault.ts';
import { keepSecretKey } from './secrets.ts';

/** What the launcher itself needs of the environment; the application reads its own part (src/config.ts). */
export interface LaunchSettings {
  environment: 'development' | 'test' | 'production';
  port: number;
  /** Always the next one, so that a pay page's address stays right over restarts. */
  simulatorsPort: number;
  host: string;
  /** Where the outside reaches us, without a slash at the end. */
  baseUrl: string;
  dataDir: string;
  databaseUrl: string | null;
  migrationUrl: string | null;
}

const ENVIRONMENTS = ['development', 'test', 'production'] as const;

/** An empty variable counts as unset. @throws LaunchFault naming the variable that is wrong. */
export function readSettings(env: NodeJS.ProcessEnv): LaunchSettings {
  const environment = ENVIRONMENTS.find((name) => name === (env['ENVIRONMENT'] || 'development'));
  if (!environment) throw new LaunchFault(`ENVIRONMENT must be one of ${ENVIRONMENTS.join(', ')}.`);
  const port = Number(env['PORT'] || 4000);
  if (!Number.isInteger(port) || port < 1 || port > 65_534)
    throw new LaunchFault('PORT must be a number from 1 to 65534 (the next one is used for the simulators).');
  return {
    environment,
    port,
    simulatorsPort: port + 1,
    host: env['HOST'] || '127.0.0.1',
    baseUrl: (env['APP_BASE_URL'] || `http://localhost:${port}`).replace(/\/+$/, ''),
    dataDir: resolve(env['DATA_DIR'] || '.data'),
    databaseUrl: env['DATABASE_URL'] || null,
    migrationUrl: env['DATABASE_MIGRATION_URL'] || null,
  };
}

/** The master key: given, or made once for the demo. @throws LaunchFault in production without one. */
export function readSecretKey(env: NodeJS.ProcessEnv, settings: LaunchSettings): string {
  if (env['SECRET_KEY']) return env['SECRET_KEY'];
  if (settings.environment === 'production')
    throw new LaunchFault(
      'SECRET_KEY is required when ENVIRONMENT is production (32 characters or more, kept somewhere safe).',
    );
  return keepSecretKey(settings.dataDir);
}
