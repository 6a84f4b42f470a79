import { randomBytes, randomUUID } from 'node:crypto';

import { graphql, type ExecutionResult } from 'graphql';
import pg from 'pg';

import { createApp, type AppOptions } from '../../src/app.ts';
import type { Identity } from '../../src/auth.ts';
import { createUser } from '../../src/auth/people.ts';
import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { loadConfig } from '../../src/config.ts';
import type { App } from '../../src/context.ts';
import type { UserRole } from '../../src/generated/prisma/enums.ts';
import { createLogger } from '../../src/log.ts';
import { createContext } from '../../src/request.ts';
import { importKey } from '../../src/resolvers/key.ts';
import { schema } from '../../src/schema/index.ts';
import { createTestDatabase } from '../helpers/database.ts';

/** What a request shows of itself. */
export interface Credentials {
  readonly key?: string;
  readonly token?: string;
  readonly origin?: string;
  readonly tenant?: string;
}

export interface TestTenant {
  readonly id: string;
  readonly slug: string;
  readonly portalKey: string;
}

export const PASSWORD = 'correct horse battery';
const BASE_URL = 'http://localhost:4000';

/** The application on a database of its own, as a process of its own would be; `peer` is a second process on the same database. */
export async function createWorld(travel: Pick<AppOptions, 'providerDescriptions'> = {}) {
  const database = await createTestDatabase();
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  const time: { offsetMs: number; still: number | null } = { offsetMs: 0, still: null };
  const clock = { now: () => new Date((time.still ?? Date.now()) + time.offsetMs) };
  const config = loadConfig({
    ENVIRONMENT: 'test',
    DATABASE_URL: database.appUrl,
    SECRET_KEY: 's'.repeat(40),
    APP_BASE_URL: BASE_URL,
    DATABASE_POOL_SIZE: '4',
    ROLE: 'api',
  });
  const open = async () => createApp({ config, log: createLogger('silent'), clock, ...travel });
  const running = await open();
  const opened = [running];
  const { app } = running;
  return {
    app,
    owner,
    clock,
    config,
    /** Moves the clock on. */
    advance: (ms: number) => void (time.offsetMs += ms),
    /** The clock stands while the work is done: budgets of a minute don't start anew halfway. */
    standingStill: async (work: () => Promise<void>) => {
      time.still = Date.now();
      await work().finally(() => (time.still = null));
    },
    peer: async () => {
      const other = await open();
      opened.push(other);
      return other.app;
    },
    tenant: (slug: string, origins: readonly string[] = []) => makeTenant(app, slug, origins),
    person: (tenantId: string, role: UserRole, email = `${randomUUID()}@people.example`) =>
      makePerson(app, tenantId, role, email),
    close: async () => {
      await Promise.all(opened.map((each) => each.close()));
      await owner.end();
      await database.drop();
    },
  };
}

export type World = Awaited<ReturnType<typeof createWorld>>;

export function identify(app: App, { key, token, origin, tenant }: Credentials): Promise<Identity> {
  return app.auth.identify({
    apiKey: key ?? null,
    authorization: token ? `Bearer ${token}` : null,
    origin: origin ?? null,
    tenantSlug: tenant ?? null,
  });
}

/** The code an identification is refused with, or who was identified. */
export async function outcomeOf(app: App, credentials: Credentials): Promise<string> {
  return identify(app, credentials).then(
    (identity) => identity.actor.kind,
    (error: { code: string }) => error.code,
  );
}

type Answer = ExecutionResult<Record<string, any>> & { codes: string[] };

/** Runs an operation as a request with these credentials would; throws where it would be refused before execution. */
export async function ask(
  app: App,
  credentials: Credentials,
  source: string,
  variables: Record<string, unknown> = {},
): Promise<Answer> {
  const ctx = createContext(app, await identify(app, credentials), randomUUID());
  try {
    const answer = (await graphql({ schema, source, variableValues: variables, contextValue: ctx })) as ExecutionResult<
      Record<string, any>
    >;
    const codes = (answer.errors ?? []).map(
      (error) => (error.cause as { code?: string } | undefined)?.code ?? error.message,
    );
    return { ...answer, codes };
  } finally {
    ctx.reads.end();
  }
}

/** Runs a mutation of one input and gives its payload; its errors are those of the payload. */
export async function mutate(
  app: App,
  credentials: Credentials,
  name: string,
  input: Record<string, unknown>,
  fields: string,
): Promise<any> {
  const inputType = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const answer = await ask(
    app,
    credentials,
    `mutation ($input: ${inputType}!) { ${name}(input: $input) { ${fields} userErrors { code field message details } } }`,
    JSON.parse(JSON.stringify({ input })) as Record<string, unknown>,
  );
  if (answer.errors)
    throw Object.assign(new Error(answer.errors.map((error) => error.message).join('; ')), { codes: answer.codes });
  return answer.data![name];
}

export async function signIn(
  app: App,
  credentials: Credentials,
  email: string,
  password = PASSWORD,
): Promise<{ accessToken: string; refreshToken: string }> {
  const payload = await mutate(app, credentials, 'login', { email, password }, 'session { accessToken refreshToken }');
  if (!payload.session) throw new Error(payload.userErrors[0].code);
  return payload.session;
}

async function makeTenant(app: App, slug: string, origins: readonly string[]): Promise<TestTenant> {
  const id = app.newId();
  await app.db.write({ tenantId: PLATFORM_TENANT_ID, customerId: null }, (tx) =>
    tx.query(
      `insert into tenants (id, slug, name, currency_code, tax_profile, legal, created_at) values ($1, $2, $2, 'EGP', '{"roundingMode": "HALF_UP", "roundingLevel": "LINE", "pricesIncludeTax": false}', '{}', $3)`,
      [id, slug, app.clock.now()],
    ),
  );
  await app.db.write({ tenantId: id, customerId: null }, (tx) =>
    tx.query('update portal_configs set cors_origins = $1 where tenant_id = current_tenant()', [origins]),
  );
  const portalKey = `pk_test_${randomBytes(32).toString('base64url')}`;
  await importKey(app, { name: 'test', clock: app.clock, newId: app.newId }, id, {
    key: portalKey,
    scopes: [],
    expiresAt: null,
  });
  return { id, slug, portalKey };
}

async function makePerson(
  app: App,
  tenantId: string,
  role: UserRole,
  email: string,
): Promise<{ id: string; email: string }> {
  const { id } = await createUser(app, tenantId, {
    email,
    role,
    firstName: null,
    lastName: null,
    locale: null,
    secret: { password: PASSWORD },
  });
  return { id, email };
}
