import { runningEmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts';
import { migrate, waitForDatabase } from './migrate.ts';
import { admitLogin, ensureApplicationLogin, readRole } from './roles.ts';
import type { LaunchSettings } from './settings.ts';

type Log = (line: string) => void;

/** A database's owner, from whatever the settings name; `stop` ends only what was started for it. */
export interface OwnedDatabase {
  ownerUrl: string;
  description: string;
  stop: () => Promise<void>;
}

/** A migrated database and the application's login to it. */
export interface ReadyDatabase {
  appUrl: string;
  description: string;
  stop: () => Promise<void>;
}

/**
 * The database, given or embedded (`open` says how to come by it), migrated, with a login of the application's own.
 * Only an application's login given (DATABASE_URL, no owner): nothing is migrated.
 */
export async function openDatabase(
  settings: LaunchSettings,
  log: Log,
  open: () => Promise<OwnedDatabase>,
): Promise<ReadyDatabase> {
  const { databaseUrl, migrationUrl, dataDir } = settings;
  if (databaseUrl && !migrationUrl) {
    await waitForDatabase(databaseUrl, { log });
    if (!(await readRole(databaseUrl)).isOwner) {
      log('DATABASE_URL is a login without ownership, so nothing is migrated (set DATABASE_MIGRATION_URL for that).');
      return { appUrl: databaseUrl, description: describe(databaseUrl), stop: async () => undefined };
    }
  }
  const owned = await open();
  try {
    await migrate(owned.ownerUrl, { log });
    const appUrl =
      migrationUrl && databaseUrl
        ? await admit(migrationUrl, databaseUrl)
        : await ensureApplicationLogin(owned.ownerUrl, dataDir);
    return { appUrl, description: owned.description, stop: owned.stop };
  } catch (error) {
    await owned.stop();
    throw error;
  }
}

async function admit(ownerUrl: string, appUrl: string): Promise<string> {
  const { role, isOwner, isMember } = await readRole(appUrl);
  if (!isOwner && !isMember) await admitLogin(ownerUrl, role);
  // An owner in DATABASE_URL is the application's to refuse: it checks its login at start (architecture, invariant 5).
  return appUrl;
}

/** The owner's access: given, that of the server which already runs on the data directory, or of one started for this. */
export async function openOwner(
  settings: LaunchSettings,
  log: Log,
  onLost: (fault: Error) => void = () => undefined,
): Promise<OwnedDatabase> {
  const given = settings.migrationUrl ?? settings.databaseUrl;
  if (given) return { ownerUrl: given, description: describe(given), stop: async () => undefined };
  const embedded = await startEmbeddedPostgres({ dataDir: settings.dataDir, log, onLost });
  return {
    ownerUrl: embedded.ownerUrl,
    description: `embedded PostgreSQL ${embedded.major}, data in ${embedded.home}`,
    stop: embedded.stop,
  };
}

/** As openOwner, but joins a server that a living process already runs on this data directory. */
export async function joinOwner(settings: LaunchSettings, log: Log): Promise<OwnedDatabase> {
  const running = settings.migrationUrl || settings.databaseUrl ? null : runningEmbeddedPostgres(settings.dataDir);
  if (running === null) return openOwner(settings, log);
  return {
    ownerUrl: running.ownerUrl,
    description: `the embedded PostgreSQL of process ${running.pid}`,
    stop: async () => undefined,
  };
}

/** Without user and password: this is printed. */
function describe(url: string): string {
  const { host, pathname } = new URL(url);
  return `PostgreSQL at ${host}${pathname}`;
}
