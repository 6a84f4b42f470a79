import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { seedDemo } from '../../prisma/seed.ts';
import { eventually } from '../helpers/app.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { freePort } from '../helpers/ports.ts';
import { forkApi } from '../live/storm/children.ts';
import { hear, type Heard } from './world.ts';

/**
 * What an administrator changes by one API process counts in another within a second (TEN-2, TEN-3, TEN-4, TEN-6): two processes of the
 * operating system that share nothing but the database. How long it took is printed, because a crowded machine may be slower than we promise.
 */
const SECRET_KEY = 'a master key for tests, nowhere else in use';
const PROMISED_MS = 1_000;
/** No clock of ours can tell a slow machine from a slow product: beyond this it is the product. */
const PATIENCE_MS = 5_000;

interface Process {
  readonly url: string;
  readonly child: ChildProcess;
}
let database: TestDatabase;
let here: Process;
let there: Process;
let key: string;
let admin: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const ports = [await freePort(), await freePort()];
  const { facts } = await seedDemo({
    databaseUrl: database.appUrl,
    secretKey: SECRET_KEY,
    baseUrl: `http://127.0.0.1:${ports[0]}`,
  });
  key = facts.portalKey;
  [here, there] = ports.map((port) => start(port)) as [Process, Process];
  for (const { url } of [here, there])
    await eventually(
      () =>
        fetch(`${url}/ready`).then(
          ({ status }) => status,
          () => 0,
        ),
      (status) => status === 200,
      60_000,
    );
  const login = 'mutation ($input: LoginInput!) { login(input: $input) { session { accessToken } } }';
  admin = (await post(here, { 'x-api-key': key }, login, { input: facts.tenantAdmin })).body.data.login.session
    .accessToken;
  // Looking often is dear, and what is looked at is not what is left.
  await portal({ rateLimitPerMinute: 100_000 });
});
afterAll(async () => {
  for (const { child } of [here, there].filter(Boolean)) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
  await database?.drop();
});

function start(port: number): Process {
  const url = `http://127.0.0.1:${port}`;
  const child = forkApi({
    DATABASE_URL: database.appUrl,
    SECRET_KEY,
    PORT: String(port),
    APP_BASE_URL: url,
    DATABASE_POOL_SIZE: '4',
    DATABASE_ACQUIRE_TIMEOUT_MS: '20000',
  });
  return { url, child };
}

function post(
  { url }: Process,
  headers: Record<string, string>,
  query: string,
  variables: object = {},
): Promise<Heard> {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  }).then(hear);
}

/** In the process that is `here`. */
async function mutate(name: string, input: object, answer: string): Promise<any> {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { ${answer} userErrors { code message } } }`;
  const { body } = await post(here, { authorization: `Bearer ${admin}` }, query, { input });
  expect(body.errors ?? body.data[name].userErrors).toEqual([]);
  return body.data[name];
}
const portal = (input: object) => mutate('updatePortalConfig', input, 'tenant { slug }');

type Look = (process: Process) => Promise<string | number>;

/** @param atOnce whether it counts with the very answer in the process that made the change */
async function counts(
  what: string,
  change: () => Promise<unknown>,
  look: Look,
  wanted: string | number,
  atOnce = true,
) {
  expect(await look(here)).not.toBe(wanted);
  expect(await look(there)).not.toBe(wanted);
  await change();
  const answeredMs = performance.now();
  if (atOnce) expect(await look(here)).toBe(wanted);
  for (const process of [there, here])
    await eventually(
      () => look(process),
      (seen) => seen === wanted,
      PATIENCE_MS,
    );
  const tookMs = Math.round(performance.now() - answeredMs);
  console.info(`${what}: in both processes ${tookMs} ms after the answer (promised: ${PROMISED_MS})`);
}

const codeOf = ({ status, codes }: Heard) => codes[0] ?? status;
const asked =
  (headers: Record<string, string>, query = '{ viewer { kind } }') =>
  async (process: Process) =>
    codeOf(await post(process, { 'x-api-key': key, ...headers }, query));

describe('changed in one process, it counts in another one without a restart, and how soon is printed:', () => {
  test('a new origin, for requests and for preflights, and one that is taken away', async () => {
    const origin = 'https://new.example';
    const preflight: Look = async ({ url }) =>
      (
        await fetch(`${url}/graphql`, {
          method: 'OPTIONS',
          headers: { origin, 'access-control-request-method': 'POST' },
        })
      ).status;
    await counts('new origin', () => portal({ corsOrigins: [origin] }), asked({ origin }), 200);
    await portal({ corsOrigins: [] });
    await eventually(
      () => preflight(there),
      (status) => status === 403,
      PATIENCE_MS,
    );
    await eventually(
      () => preflight(here),
      (status) => status === 403,
      PATIENCE_MS,
    );
    await counts('new origin, asked by preflight', () => portal({ corsOrigins: [origin] }), preflight, 204, false);
    await counts('origin taken away', () => portal({ corsOrigins: [] }), asked({ origin }), 'FORBIDDEN');
  });

  test('a revoked key', async () => {
    const made = await mutate('createApiKey', { mode: 'TEST', scopes: [] }, 'secret apiKey { id }');
    const look = asked({ 'x-api-key': made.secret });
    expect([await look(here), await look(there)]).toEqual([200, 200]);
    await counts(
      'revoked key',
      () => mutate('revokeApiKey', { apiKeyId: made.apiKey.id }, 'apiKey { id }'),
      look,
      'KEY_REVOKED',
    );
    expect(await asked({})(there)).toBe(200);
  });

  test('a feature that is switched off, and on again', async () => {
    const look = asked({}, '{ products { nodes { id } } }');
    const flag = (enabled: boolean) => mutate('setFeatureFlag', { key: 'store', enabled }, 'tenant { slug }');
    await counts('flag off', () => flag(false), look, 'FEATURE_DISABLED');
    await counts('flag on', () => flag(true), look, 200);
  });

  test('a changed limit, which is told and held', async () => {
    const limit: Look = async (process) => {
      const { body, codes } = await post(process, { 'x-api-key': key }, '{ rateLimit { limit } }');
      return body.data?.rateLimit.limit ?? codes[0];
    };
    await counts('raised limit', () => portal({ rateLimitPerMinute: 200_000 }), limit, 200_000);
    // The last thing here: from now on nobody is let in, the administrator neither.
    await counts('lowered limit', () => portal({ rateLimitPerMinute: 1 }), limit, 'RATE_LIMITED', false);
  });
});
