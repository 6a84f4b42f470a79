import { createServer, type AddressInfo } from 'node:net';

import { seedDemo } from '../prisma/seed.ts';
import { createApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import type { OutboundCall } from '../src/integrations/contract.ts';
import type { ProviderDescription } from '../src/integrations/travel.ts';
import { keepSecretKey } from '../src/launch/secrets.ts';
import { createLogger } from '../src/log.ts';
import { portolanVariables, startPortolan } from './contestants.ts';
import { onDatabase, type BenchDatabase } from './database.ts';
import { wireText } from './queries.ts';
import { SERVER_CORE, startLoad, type LoadGenerator } from './speed.ts';

/** What stands around a call to a provider, and routing asked for through the graph with every decision written down (PRV-8 to PRV-14). */
export interface ProviderCallResults {
  /** Of one process on one core; each answer's decision is in the log afterwards. */
  readonly routeProviderPerSecond: number;
  /** `{ __typename }` of the same process: what an answer costs at least. */
  readonly typenamePerSecond: number;
  /** Decisions written down by answers given. */
  readonly loggedShare: number;
  /** A call through all our layers to a client that answers at once. */
  readonly callMs: number;
  /** The same client called by itself. */
  readonly bareCallMs: number;
  /** A bare fetch of a small answer from this machine. */
  readonly fetchMs: number;
}

const ROUNDS = 5;
const REQUEST_KEYS = 1_000;

export async function measureProviderCalls(
  database: BenchDatabase,
  seconds: number,
  log: (line: string) => void,
): Promise<ProviderCallResults> {
  const facts = await fillDemo(database);
  const graph = await measureGraph(database, facts, seconds);
  log(
    `  ${Math.round(graph.routeProviderPerSecond)} routeProvider a second through the graph, ${(graph.loggedShare * 100).toFixed(1)} % in the log;` +
      ` { __typename }: ${Math.round(graph.typenamePerSecond)}`,
  );
  const calls = await measureCalls(database, seconds);
  log(
    `  a call through our layers takes ${calls.callMs.toFixed(3)} ms, a bare one ${calls.bareCallMs.toFixed(4)}, a bare fetch ${calls.fetchMs.toFixed(3)}`,
  );
  return { ...graph, ...calls };
}

type Facts = Awaited<ReturnType<typeof seedDemo>>['facts'];

/** The demo with its providers on: two who sell stays, with credentials. */
export async function fillDemo(database: BenchDatabase): Promise<Facts> {
  const { facts } = await seedDemo({
    databaseUrl: database.appUrl,
    secretKey: keepSecretKey(database.dataDir),
    baseUrl: 'http://bench.example',
    providers: true,
  });
  await onDatabase(database.ownerUrl, async (client) => {
    await client.query('update providers set enabled = true, calls_per_minute = 1000000');
    await client.query('update portal_configs set rate_limit_per_minute = 1000000');
  });
  return facts;
}

const ROUTE = `query Route($input: RouteInput!) { routeProvider(input: $input) { selected { slug }
  candidates { accepted reason provider { slug } slot { id } } } }`;

async function measureGraph(
  database: BenchDatabase,
  facts: Facts,
  seconds: number,
): Promise<Pick<ProviderCallResults, 'routeProviderPerSecond' | 'typenamePerSecond' | 'loggedShare'>> {
  const contestant = await startPortolan(database, { core: SERVER_CORE });
  let load: LoadGenerator | null = null;
  try {
    load = await startLoad();
    const token = await signIn(contestant.url, facts);
    const asking = (query: string, variables: object) =>
      wireText({
        path: '/graphql',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ query, variables }),
      });
    const routes = Array.from({ length: REQUEST_KEYS }, (_, index) => asking(ROUTE, { input: inputOf(index) }));
    const nothing = [asking('{ __typename }', {})];
    const plan = { port: contestant.port, seconds: seconds / (ROUNDS + 1) / 2 };
    const [perSecond, typenames]: [number[], number[]] = [[], []];
    let answers = 0;
    for (let round = 0; round <= ROUNDS; round += 1) {
      const routed = await load.run({ ...plan, requests: routes, good: '"accepted":true' });
      const named = await load.run({ ...plan, requests: nothing, good: '"Query"' });
      answers += routed.answers;
      // The first round warms up and does not count.
      if (round > 0) perSecond.push(routed.answers / routed.seconds);
      if (round > 0) typenames.push(named.answers / named.seconds);
    }
    // What is decided is written when the process ends at the latest.
    await contestant.stop('SIGTERM');
    const logged = await onDatabase(database.ownerUrl, async (client) => {
      const { rows } = await client.query<{ count: number }>('select count(*)::int as count from routing_decisions');
      return rows[0]!.count;
    });
    return {
      routeProviderPerSecond: median(perSecond),
      typenamePerSecond: median(typenames),
      loggedShare: logged / answers,
    };
  } finally {
    await contestant.stop();
    await load?.stop();
  }
}

function inputOf(index: number): object {
  return {
    vertical: 'LODGING',
    currencyCode: ['EGP', 'USD', 'SAR'][index % 3]!,
    countryCode: ['EG', 'US', 'SA'][index % 3]!,
    locale: ['ar-EG', 'en', 'fr'][index % 3]!,
    amount: `${index}.50`,
    travelDate: '2099-08-01',
    requestKey: `bench-${index}`,
  };
}

async function signIn(url: string, { operator, portalKey }: Facts): Promise<string> {
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': portalKey },
    body: JSON.stringify({
      query: 'mutation ($input: LoginInput!) { login(input: $input) { session { accessToken } } }',
      variables: { input: operator },
    }),
  });
  const { data } = (await answer.json()) as { data: { login: { session: { accessToken: string } } } };
  return data.login.session.accessToken;
}

/** Called one after the other, the three in turns, so that a busy moment of the machine hits all of them. */
async function measureCalls(
  database: BenchDatabase,
  seconds: number,
): Promise<Pick<ProviderCallResults, 'callMs' | 'bareCallMs' | 'fetchMs'>> {
  const config = loadConfig(portolanVariables(database, 0));
  const running = await createApp({ config, log: createLogger('silent'), providerDescriptions: [NOBODY] });
  const { providers, clock } = running.app;
  const server = createServer((socket) => socket.on('data', () => socket.write(ANSWER)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const works = {
    callMs: () => {
      const about = { slug: 'expedia', tenantId: null, operation: 'search', safe: true };
      return providers.call(
        'LODGING',
        { ...about, deadlineAtMs: clock.now().getTime() + 8_000 },
        (client, connection, call) => client.searchStays(connection, {} as never, call),
      );
    },
    bareCallMs: () => answerAtOnce(null, null, { timeoutMs: 8_000 }),
    fetchMs: () => fetch(url).then((answer) => answer.text()),
  };
  try {
    const outcome = await works.callMs();
    if (outcome.kind !== 'done') throw new Error(`The call was not made: ${JSON.stringify(outcome)}`);
    const times: Record<keyof typeof works, number[]> = { callMs: [], bareCallMs: [], fetchMs: [] };
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const name of Object.keys(works) as (keyof typeof works)[]) {
        const ms = await msOf(seconds / (ROUNDS + 1) / 3, works[name]);
        if (round > 0) times[name].push(ms);
      }
    }
    return { callMs: median(times.callMs), bareCallMs: median(times.bareCallMs), fetchMs: median(times.fetchMs) };
  } finally {
    server.close();
    await running.close();
  }
}

const BODY = '{"offers":[]}';
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;

async function answerAtOnce(_connection: unknown, _query: unknown, _call: OutboundCall) {
  return { kind: 'done', value: { offers: [], complete: true, incompleteReason: null } } as const;
}

/** A provider that costs nothing: what is left is ours. */
const NOBODY = {
  slug: 'expedia',
  name: 'Nobody',
  vertical: 'LODGING',
  priority: 10,
  credentials: [],
  settings: [],
  baseUrls: { SANDBOX: 'http://127.0.0.1:9', PRODUCTION: 'http://127.0.0.1:9' },
  simulatorPath: '/nobody',
  cacheSeconds: {},
  timeoutsMs: {},
  callsPerMinute: 100_000_000,
  create: () => ({
    holds: false,
    recovery: 'none',
    visibleAfterMs: 0,
    probe: async () => ({ kind: 'done', value: null }),
    searchStays: answerAtOnce,
  }),
} as unknown as ProviderDescription;

async function msOf(seconds: number, work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  let [done, now] = [0, since];
  for (; now - since < seconds * 1000; now = performance.now()) {
    for (let index = 0; index < 20; index += 1) await work();
    done += 20;
  }
  return (now - since) / done;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}
