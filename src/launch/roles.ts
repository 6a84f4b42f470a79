import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { LaunchFault } from './fault.ts';
import { shortHash, writePrivate } from './secrets.ts';

/** Holds every right of the application; nobody logs in as it. Logins are its members and have no rights of their own. */
export const GROUP_ROLE = 'portolan_app';

const ALREADY_THERE = ['42710', '23505'];
const NOT_ALLOWED = '42501';

/** Roles belong to the whole server, so another database may have made it, or be making it at this moment. */
export async function ensureGroupRole(client: pg.Client): Promise<void> {
  try {
    const { rowCount } = await client.query('select from pg_roles where rolname = $1', [GROUP_ROLE]);
    if (rowCount === 0) await client.query(`create role ${GROUP_ROLE} nologin`);
  } catch (error) {
    const { code } = error as pg.DatabaseError;
    if (code === NOT_ALLOWED) throw new LaunchFault(sqlToRun());
    if (!ALREADY_THERE.includes(code ?? '')) throw error;
  }
}

function sqlToRun(): string {
  return [
    'The owner of this database may not create roles. Let a superuser run:',
    `  create role ${GROUP_ROLE} nologin;`,
    `  create role portolan_login login password '<a password>' in role ${GROUP_ROLE};`,
    "and start again with the owner's address in DATABASE_MIGRATION_URL and portolan_login's in DATABASE_URL.",
  ].join('\n');
}

/**
 * The application's own login: no superuser, no bypass of row-level security, owner of nothing, member of the group role.
 * Made once per data directory and database and named after them, unless a name (a plain identifier) is given; its password
 * is kept in the data directory only.
 * @returns the application's address.
 * @throws LaunchFault with the SQL to run when the owner may not create roles.
 */
export async function ensureApplicationLogin(ownerUrl: string, dataDir: string, name?: string): Promise<string> {
  const { role, password } = keepLogin(ownerUrl, dataDir, name);
  const url = new URL(ownerUrl);
  url.username = role;
  url.password = password;
  // Asked first, because changing a role takes a lock that concurrent starts would stumble over.
  const isReady = await readRole(url.href).then(
    ({ isMember }) => isMember,
    () => false,
  );
  if (isReady) return url.href;
  await createLogin(ownerUrl, role, password);
  try {
    await readRole(url.href);
  } catch (error) {
    throw new LaunchFault(
      `The server does not let ${role} in (${(error as Error).message}): allow it in pg_hba.conf, or set DATABASE_URL to a login you made.`,
    );
  }
  return url.href;
}

async function createLogin(ownerUrl: string, role: string, password: string): Promise<void> {
  const secret = pg.escapeLiteral(password);
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
    // It exists when the data directory was deleted and made again: the new password must count then.
    const statement =
      rowCount === 0
        ? `create role ${role} login nosuperuser nobypassrls nocreatedb nocreaterole`
        : `alter role ${role} login`;
    await client.query(`${statement} password ${secret}`).catch(ignoreTwin);
    await client.query(`grant ${GROUP_ROLE} to ${role}`).catch(ignoreTwin);
  } catch (error) {
    if ((error as pg.DatabaseError).code === NOT_ALLOWED) throw new LaunchFault(sqlToRun());
    throw error;
  } finally {
    await client.end();
  }
}

function ignoreTwin(error: pg.DatabaseError): void {
  // Another process does the very same at this moment.
  if (!ALREADY_THERE.includes(error.code ?? '') && !/concurrently updated/.test(error.message)) throw error;
}

function keepLogin(ownerUrl: string, dataDir: string, name: string | undefined): { role: string; password: string } {
  mkdirSync(dataDir, { recursive: true });
  const { pathname } = new URL(ownerUrl);
  // The host's name belongs to it: two machines with a data directory of the same name must not change each other's password.
  const role = name ?? `portolan_${shortHash(`${hostname()} ${realpathSync(dataDir)} ${pathname}`)}`;
  const path = join(dataDir, `login-${role}`);
  if (!existsSync(path)) writePrivate(path, randomBytes(24).toString('base64url'));
  return { role, password: readFileSync(path, 'utf8').trim() };
}

/** What the database says about the role of an address. */
export interface RoleFacts {
  role: string;
  isOwner: boolean;
  isMember: boolean;
}

/** An owner is whoever could migrate: a superuser, who owns the public schema or the history of migrations, or who may begin one. */
export async function readRole(url: string): Promise<RoleFacts> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<RoleFacts>(
      `select current_user as role,
        rolsuper or exists (select from pg_namespace where nspname = 'public' and pg_has_role(nspowner, 'usage'))
          or exists (select from pg_class where oid = to_regclass('public._prisma_migrations') and pg_has_role(relowner, 'usage'))
          or (to_regclass('public._prisma_migrations') is null and has_schema_privilege('public', 'create')) as "isOwner",
        coalesce((select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = $1), false) as "isMember"
       from pg_roles where rolname = current_user`,
      [GROUP_ROLE],
    );
    const [facts] = rows;
    if (!facts) throw new LaunchFault('The database does not know the role it let in.');
    return facts;
  } finally {
    await client.end();
  }
}

/** Makes a login that somebody else created (DATABASE_URL) a member of the group role, if the owner may. */
export async function admitLogin(ownerUrl: string, role: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query(`grant ${GROUP_ROLE} to ${pg.escapeIdentifier(role)}`);
  } catch (error) {
    if ((error as pg.DatabaseError).code !== NOT_ALLOWED) throw error;
    throw new LaunchFault(
      `${role} has no rights yet and the owner may not give them. Let a superuser run: grant ${GROUP_ROLE} to ${pg.escapeIdentifier(role)};`,
    );
  } finally {
    await client.end();
  }
}
