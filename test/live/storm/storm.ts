import { expect } from 'vitest';

import { decodeCursor, encodeCursor } from '../../../src/cursor.ts';
import { encodeGlobalId } from '../../../src/global-id.ts';
import { BASE_URL, SECRET_KEY, Stage } from '../stage.ts';
import { freePort } from '../../helpers/ports.ts';
import type { World } from '../world.ts';
import { Child, forkApi, forkWorker } from './children.ts';
import { pause, Random } from './random.ts';
import { Reader, type ReaderOrders } from './reader.ts';
import type { StormTenant } from './worker.ts';

/** What a storm came to. */
export interface StormResult {
  readonly seed: number;
  /** Committed, in all streams. */
  readonly events: number;
  /** Told to readers, in all. */
  readonly delivered: number;
  readonly lost: number;
  readonly repeated: number;
  readonly outOfOrder: number;
  /** Told with another status than was written. */
  readonly distorted: number;
  /** Committed as the writer knows, yet not in the journal. */
  readonly vanished: number;
  readonly kills: { server: number; worker: number; backend: number; client: number };
}

interface Scene {
  readonly world: World;
  readonly stage: Stage;
  readonly tenants: readonly (StormTenant & { readonly epoch: string })[];
  readonly readers: readonly Reader[];
  readonly servers: readonly Child[];
  readonly workers: readonly Child[];
  readonly random: Random;
  readonly committed: Set<string>;
}

const KILLS_EVERY_MS = 120;
const CATCH_UP_MS_MAX = 120_000;

/**
 * Writers in processes of their own, readers on several servers, and everything killed at random until so many events are committed; then
 * what each reader was told is held against the journal.
 */
export async function storm(world: World, stage: Stage, seed: number, eventsMin: number): Promise<StormResult> {
  const random = new Random(seed);
  const committed = new Set<string>();
  const tenants = await Promise.all(Array.from({ length: 2 }, () => makeTenant(world, stage)));
  const ports = await Promise.all([freePort(), freePort()]);
  const servers = ports.map(
    (port) =>
      new Child(() =>
        forkApi({
          DATABASE_URL: world.url,
          SECRET_KEY,
          APP_BASE_URL: BASE_URL,
          PORT: String(port),
          DATABASE_POOL_SIZE: '6',
        }),
      ),
  );
  const urls = ports.map((port) => `http://127.0.0.1:${port}/graphql`);
  const readers = (await Promise.all(tenants.map((tenant) => readersOf(stage, tenant))))
    .flat()
    .map((orders) => new Reader(orders, urls, random));
  const workers = [1, 2].map(
    (index) =>
      new Child((life) =>
        forkWorker({ url: world.url, seed: seed * 1000 + index * 100 + life, writers: 4, tenants }, (ids) =>
          ids.forEach((id) => committed.add(id)),
        ),
      ),
  );
  const scene: Scene = { world, stage, tenants, readers, servers, workers, random, committed };
  try {
    const kills = await rage(scene, eventsMin);
    await Promise.all(workers.map((worker) => worker.stop()));
    return await settle(scene, seed, kills);
  } finally {
    await Promise.all([...workers, ...servers].map((child) => child.stop()));
    await Promise.all(readers.map((reader) => reader.stop()));
  }
}

async function makeTenant(world: World, stage: Stage): Promise<StormTenant & { epoch: string }> {
  const tenantId = await world.tenant();
  await world.admin('update portal_configs set rate_limit_per_minute = 10000000 where tenant_id = $1', [tenantId]);
  const customers = await Promise.all([1, 2, 3].map(() => stage.person(tenantId)));
  const orders = await Promise.all(
    customers.flatMap((customer) =>
      [1, 2].map(async () => ({ id: await stage.order(customer), customerId: customer.userId })),
    ),
  );
  const [stream] = await world.admin<{ epoch: string }>('select epoch from streams where tenant_id = $1', [tenantId]);
  return { tenantId, orders, epoch: stream!.epoch };
}

/** Two of each kind, over both transports: dashboards with and without nested objects, a customer's own, one order's. */
async function readersOf(stage: Stage, tenant: StormTenant & { epoch: string }): Promise<ReaderOrders[]> {
  const { tenantId } = tenant;
  const key = await stage.secretKey(tenantId, ['orders:read', 'payments:read']);
  const order = tenant.orders[0]!;
  const customer = await stage.tokenOf(tenantId, order.customerId);
  const partner = { apiKey: key.key };
  const person = { authorization: `Bearer ${customer}` };
  const after = encodeCursor(stage.running.app.vault, tenant, { position: 0n, platformPosition: 0n });
  const all = { tenantId, orderId: null, customerId: null, credentials: partner, after, selection: '' };
  const orderId = encodeGlobalId('Order', order.id);
  const kinds: Omit<ReaderOrders, 'transport'>[] = [
    { ...all, field: 'orderStatusChanged', selection: 'order { id status }' },
    { ...all, field: 'paymentStatusChanged' },
    { ...all, field: 'orderStatusChanged', credentials: person, customerId: order.customerId },
    { ...all, field: 'orderStatusChanged', credentials: person, customerId: order.customerId, orderId },
  ];
  return kinds.flatMap((kind) => (['websocket', 'event-stream'] as const).map((transport) => ({ ...kind, transport })));
}

async function rage({ world, readers, servers, workers, random, committed }: Scene, eventsMin: number) {
  const kills = { server: 0, worker: 0, backend: 0, client: 0 };
  while (committed.size < eventsMin || Object.values(kills).includes(0)) {
    await pause(random.between(KILLS_EVERY_MS / 2, KILLS_EVERY_MS * 1.5));
    if (random.chance(0.5)) {
      random.pick(readers).cut();
      kills.client += 1;
    }
    if (random.chance(0.12)) kills.backend += await killBackends(world, random);
    if (random.chance(0.05)) {
      random.pick(workers).kill();
      kills.worker += 1;
    }
    // Rarely enough that a server gets to serve between two deaths.
    if (random.chance(0.03)) {
      random.pick(servers).kill();
      kills.server += 1;
    }
  }
  return kills;
}

/** Connections of servers and workers, whatever they are doing. */
async function killBackends(world: World, random: Random): Promise<number> {
  const pids = await world.admin<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name ~ '^(portolan|storm)'`,
  );
  const chosen = pids.filter(() => random.chance(0.3)).map(({ pid }) => pid);
  await world.admin('select pg_terminate_backend(p) from unnest($1::int[]) p', [chosen]);
  return chosen.length;
}

interface Written {
  readonly tenant_id: string;
  readonly id: string;
  readonly position: string;
  readonly type: string;
  readonly aggregate_id: string;
  readonly payload: { readonly orderId?: string; readonly customerId: string; readonly status: string };
}

async function settle(scene: Scene, seed: number, kills: StormResult['kills']): Promise<StormResult> {
  const { world, tenants, readers, committed } = scene;
  const written = await world.admin<Written>(
    `select tenant_id, id, position, type, aggregate_id, payload from events where tenant_id = any($1) order by tenant_id, position`,
    [tenants.map(({ tenantId }) => tenantId)],
  );
  for (const { tenantId } of tenants) {
    const positions = written.filter((event) => event.tenant_id === tenantId).map(({ position }) => Number(position));
    expect(positions, 'positions are dense').toEqual(positions.map((_, index) => index + 1));
  }
  const ids = new Set(written.map(({ id }) => id));
  const faults = { lost: 0, repeated: 0, outOfOrder: 0, distorted: 0 };
  await waitFor(() => readers.every((reader) => reader.told.length >= wantedBy(reader, written).length));
  for (const reader of readers) compare(scene, reader, wantedBy(reader, written), faults);
  return {
    seed,
    events: written.length,
    delivered: readers.reduce((sum, reader) => sum + reader.told.length, 0),
    ...faults,
    vanished: [...committed].filter((id) => !ids.has(id)).length,
    kills,
  };
}

function wantedBy({ orders }: Reader, written: readonly Written[]): Written[] {
  const type = orders.field === 'orderStatusChanged' ? 'order.status' : 'payment.status';
  return written.filter(
    (event) =>
      event.tenant_id === orders.tenantId &&
      event.type === type &&
      (orders.customerId === null || event.payload.customerId === orders.customerId) &&
      (orders.orderId === null || encodeGlobalId('Order', event.aggregate_id) === orders.orderId),
  );
}

function compare(
  { stage, tenants }: Scene,
  reader: Reader,
  wanted: readonly Written[],
  faults: { lost: number; repeated: number; outOfOrder: number; distorted: number },
): void {
  const stream = tenants.find(({ tenantId }) => tenantId === reader.orders.tenantId)!;
  const everywhere = { position: 1n << 62n, platformPosition: 1n << 62n };
  const statuses = new Map(wanted.map((event) => [BigInt(event.position), event.payload.status]));
  const seen = new Set<bigint>();
  let last = 0n;
  for (const { cursor, status } of reader.told) {
    const { position } = decodeCursor(stage.running.app.vault, cursor, stream, everywhere);
    if (seen.has(position)) faults.repeated += 1;
    else if (position < last) faults.outOfOrder += 1;
    if (statuses.get(position) !== status) faults.distorted += 1;
    seen.add(position);
    last = position;
  }
  faults.lost += wanted.filter(({ position }) => !seen.has(BigInt(position))).length;
}

// Without a verdict of its own: what is missing after the wait is counted as lost.
async function waitFor(isDone: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < CATCH_UP_MS_MAX && !isDone(); waitedMs += 50) await pause(50);
}
