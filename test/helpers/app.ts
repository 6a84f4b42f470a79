import { createHmac } from 'node:crypto';
import http from 'node:http';
import pg from 'pg';

import type { DemoFacts, Login } from '../../prisma/seed.ts';
import type { AccessRules } from '../../src/access.ts';
import { createApp, type AppOptions } from '../../src/app.ts';
import type { Clock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config.ts';
import type { App } from '../../src/context.ts';
import { startWorker } from '../../src/jobs/worker.ts';
import { createLogger, type Logger } from '../../src/log.ts';
import { startServer } from '../../src/server.ts';
import { createSeededDatabase, type TestDatabase } from './database.ts';
import { freePort } from './ports.ts';
import { SECRET_KEY, seedAt, seedTemplate } from './seed.ts';
import { startSimulators, type Simulators } from './simulators.ts';

/** Who asks: a key, a token, or both; the headers they send. */
export interface As {
  readonly key?: string;
  readonly token?: string;
  readonly origin?: string;
  /** Slug, as a platform admin. */
  readonly tenant?: string;
}

export interface GraphAnswer<T = any> {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly data: T;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: { readonly code: string; readonly [name: string]: unknown };
  }[];
  readonly extensions?: Record<string, any>;
}

export interface SessionFacts {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly userId: string;
}

export interface TestAppOptions extends Pick<AppOptions, 'providerDescriptions'> {
  /** Another database's world is joined: a second process on the same database. */
  readonly database?: TestDatabase;
  readonly simulators?: Simulators | null;
  readonly access?: AccessRules;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly worker?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface TestApp {
  readonly url: string;
  readonly wsUrl: string;
  readonly port: number;
  readonly app: App;
  readonly facts: DemoFacts;
  readonly database: TestDatabase;
  readonly simulators: Simulators;
  /** As the owner, past row-level security: for looking behind the scenes. */
  owner<T = any>(text: string, values?: readonly unknown[]): Promise<T[]>;
  /** One request over real HTTP. */
  ask<T = any>(as: As, document: string, variables?: Record<string, unknown>): Promise<GraphAnswer<T>>;
  /** The data of a request that must succeed. */
  data<T = any>(as: As, document: string, variables?: Record<string, unknown>): Promise<T>;
  /** Any HTTP request to this server. */
  request(
    method: string,
    path: string,
    options?: { headers?: Record<string, string>; body?: string | Buffer },
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string; body: Buffer }>;
  /** Signs in; sessions of the same login are reused, because hashing is slow on purpose. Key '': the platform's realm. */
  session(who: 'customer' | 'operator' | 'tenantAdmin' | 'platformAdmin' | Login, key?: string): Promise<SessionFacts>;
  /** The password the seed gave somebody. */
  passwordOf(tenantId: string, email: string): string;
  /** The key with which the demo tenant's gateway signs its webhooks. */
  readonly vendorKey: string;
  /** The next sign-in is a real one: after somebody's role was changed behind the scenes. */
  forgetSessions(): void;
  stop(): Promise<void>;
}

// As the seed derives them (prisma/seed.ts).
const derive = (name: string) => createHmac('sha256', SECRET_KEY).update(`demo|${name}`).digest('base64url');
const agent = new http.Agent({ keepAlive: true });

/** The whole product on a fresh database, over real sockets: HTTP, WebSocket, worker, simulators. */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const database = options.database ?? (await createSeededDatabase());
  const simulators = options.simulators ?? (await startSimulators());
  const port = await freePort();
  const baseUrl = `http://127.0.0.1:${port}`;
  const seed = database.seed ?? (await seedTemplate(database.appUrl));
  const { facts, simulatorAccounts } = seedAt(baseUrl, seed);
  if (!options.simulators) {
    for (const { integration, id, settings } of simulatorAccounts)
      await simulators.register(integration, id, { ...settings, retryDelaysMs: [100, 200, 400, 800] });
  }
  const config = loadConfig({
    ENVIRONMENT: 'test',
    // A crowded machine is no reason to refuse: tests that want a refusal say so.
    DATABASE_ACQUIRE_TIMEOUT_MS: '20000',
    DATABASE_URL: database.appUrl,
    SECRET_KEY,
    PORT: String(port),
    APP_BASE_URL: baseUrl,
    SIMULATORS_URL: simulators.url,
    LEGACY_FAWATERK_TENANT: facts.tenantSlug,
    ...options.environment,
  });
  const log = options.log ?? createLogger(config.logLevel);
  const running = await createApp({
    config,
    log,
    ...(options.clock && { clock: options.clock }),
    ...(options.access && { access: options.access }),
    ...(options.providerDescriptions && { providerDescriptions: options.providerDescriptions }),
  });
  const worker = options.worker === false ? null : await startWorker(running.app);
  const server = await startServer(running.app);
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 2 });
  owner.on('error', () => undefined);
  const sessions = new Map<string, Promise<SessionFacts>>();

  const request: TestApp['request'] = (method, path, { headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const sent = http.request({ host: '127.0.0.1', port, method, path, headers, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const whole = Buffer.concat(chunks);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: whole.toString('utf8'),
            body: whole,
          });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });

  const ask: TestApp['ask'] = async (as, document, variables = {}) => {
    const answer = await request('POST', '/graphql', {
      headers: { 'content-type': 'application/json', ...headersOf(as) },
      body: JSON.stringify({ query: document, variables }),
    });
    return { status: answer.status, headers: answer.headers, ...JSON.parse(answer.text) };
  };

  const data: TestApp['data'] = async (as, document, variables) => {
    const answer = await ask(as, document, variables);
    if (answer.errors) throw new Error(`Refused: ${JSON.stringify(answer.errors)}`);
    return answer.data;
  };

  async function signIn(login: Login, key: string | undefined): Promise<SessionFacts> {
    const { login: payload } = await data(
      key ? { key } : {},
      'mutation ($input: LoginInput!) { login(input: $input) { session { accessToken refreshToken user { id } } userErrors { code } } }',
      { input: login },
    );
    if (!payload.session) throw new Error(`No session: ${JSON.stringify(payload.userErrors)}`);
    return {
      accessToken: payload.session.accessToken,
      refreshToken: payload.session.refreshToken,
      userId: payload.session.user.id,
    };
  }

  return {
    url: `${baseUrl}/graphql`,
    wsUrl: `ws://127.0.0.1:${port}/graphql`,
    port,
    app: running.app,
    facts,
    database,
    simulators,
    owner: async (text, values = []) => (await owner.query(text, values as unknown[])).rows,
    ask,
    data,
    request,
    session(who, key) {
      const login = typeof who === 'string' ? facts[who] : who;
      const realm = who === 'platformAdmin' || key === '' ? undefined : (key ?? facts.portalKey);
      const name = `${login.email} ${realm}`;
      const known = sessions.get(name) ?? signIn(login, realm);
      sessions.set(name, known);
      return known;
    },
    passwordOf: (tenantId, email) => `demo-${derive(`password|${tenantId}|${email}`).slice(0, 12)}`,
    vendorKey: `fwk_vendor_${derive('vendor|demo')}`,
    forgetSessions: () => sessions.clear(),
    async stop() {
      await server.close();
      await worker?.close();
      await running.close();
      await owner.end();
      if (!options.simulators) await simulators.stop();
      if (!options.database) await database.drop();
    },
  };
}

export function headersOf(as: As): Record<string, string> {
  return {
    ...(as.key && { 'x-api-key': as.key }),
    ...(as.token && { authorization: `Bearer ${as.token}` }),
    ...(as.origin && { origin: as.origin }),
    ...(as.tenant && { 'x-tenant': as.tenant }),
  };
}

/** Looks every so often at first, then less: a look costs the machine that is waited for. */
const LOOK_MS = { first: 20, most: 200 };

/** Waits until a condition holds; fails with its last value when it never does. */
export async function eventually<T>(
  look: () => Promise<T> | T,
  holds: (value: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (let pauseMs = LOOK_MS.first; ; pauseMs = Math.min(pauseMs * 1.3, LOOK_MS.most)) {
    const value = await look();
    if (holds(value)) return value;
    if (performance.now() > until)
      throw new Error(
        `It never held; last seen: ${JSON.stringify(value, (_name, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner))}`,
      );
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
