import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { Database } from '../src/db.ts';
import { appendEvent } from '../src/events.ts';
import { encodeGlobalId } from '../src/global-id.ts';
import { createIdSource } from '../src/ids.ts';
import { createJournal, type Journal } from '../src/journal.ts';
import { createLogger } from '../src/log.ts';
import { startPortolan, type Contestant, type TokenMaker } from './contestants.ts';
import type { BenchDatabase } from './database.ts';
import { benchId, SIZE, SPECIAL, tenantId, watchedOrderId, watcherId } from './dataset.ts';
import { cpuMs, nextMessage, startProcess } from './processes.ts';
import { sharedClockMs, type Watcher, type WatcherPlan, type WatcherReport, type WrittenEvent } from './watchers.ts';

const QUERY = {
  dashboard: `subscription Dashboard($after: EventCursor) { paymentStatusChanged(after: $after) { cursor occurredAt previousStatus status payment { id status amount { amount currencyCode } order { id number } } } }`,
  order: `subscription MyOrder($id: ID!, $after: EventCursor) { orderStatusChanged(orderId: $id, after: $after) { cursor occurredAt previousStatus status order { id number status total { amount currencyCode } } } }`,
} as const;

const DASHBOARDS = SIZE.watchers;
const DASHBOARD_EVENTS_PER_SECOND = 10;
const ORDER_EVENTS_PER_SECOND = 100;
const TICK_MS = 1_000 / (DASHBOARD_EVENTS_PER_SECOND + ORDER_EVENTS_PER_SECOND);
const PROCESSES = 2;

export interface SubscriptionResults extends WatcherReport {
  readonly subscribers: number;
  readonly messagesPerSecond: number;
  /** A shorter run in which one of the two processes is killed in the middle and its subscribers resume at the other. */
  readonly killed: WatcherReport;
}

export async function measureSubscriptions(
  database: BenchDatabase,
  tokens: TokenMaker,
  seconds: number,
  log: (line: string) => void,
): Promise<SubscriptionResults> {
  const { endedAt: _whole, ...whole } = await watch(database, tokens, { seconds }, log);
  const { endedAt: _killed, ...killed } = await watch(
    database,
    tokens,
    { seconds: Math.max(6, seconds / 3), kill: true },
    log,
  );
  return { subscribers: DASHBOARDS + SIZE.watchers, messagesPerSecond: whole.delivered / seconds, ...whole, killed };
}

interface Watch {
  readonly seconds: number;
  readonly kill?: boolean;
  /** For the first of the processes. */
  readonly nodeArgs?: readonly string[];
}

/** @returns when the events were over, on the clock of this process. */
export async function watchProfiled(
  database: BenchDatabase,
  tokens: TokenMaker,
  options: Watch,
  log: (line: string) => void,
): Promise<number> {
  return (await watch(database, tokens, options, log)).endedAt;
}

async function watch(
  database: BenchDatabase,
  tokens: TokenMaker,
  { seconds, kill = false, nodeArgs = [] }: Watch,
  log: (line: string) => void,
): Promise<WatcherReport & { endedAt: number }> {
  const servers = await Promise.all(
    Array.from({ length: PROCESSES }, (_, index) =>
      startPortolan(database, { name: `portolan-${index}`, ...(index === 0 && { nodeArgs }) }),
    ),
  );
  const client = startProcess({ file: 'bench/watchers.ts' });
  const writer = await openWriter(database);
  try {
    await nextMessage(client.child);
    const since = performance.now();
    const open: WatcherPlan = {
      urls: servers.map(({ port }) => `ws://127.0.0.1:${port}/graphql`),
      watchers: await watchersOf(tokens),
      query: QUERY,
      cursor: await presentCursor(servers[0]!, tokens),
    };
    client.child.send({ open });
    await nextMessage(client.child);
    log(
      `  ${open.watchers.length} subscribers over ${PROCESSES} processes after ${((performance.now() - since) / 1000).toFixed(1)} s; ${seconds} s of events${kill ? ', one process killed in the middle' : ''} ...`,
    );
    const cpuBefore = servers.map(({ pid }) => cpuMs(pid) ?? 0);
    const written = writer.write(seconds);
    if (kill) {
      await sleep(seconds * 500);
      await servers[1]!.stop('SIGKILL');
    }
    const events = await written;
    const endedAt = performance.now();
    client.child.send({ report: events });
    const report = await nextMessage<WatcherReport>(client.child);
    const used = servers.map(({ pid }, index) => (cpuMs(pid) ?? 0) - cpuBefore[index]!);
    if (!kill)
      log(
        `  ${((1_000 * used.reduce((sum, one) => sum + one, 0)) / report.delivered).toFixed(1)} µs CPU of the two processes a message`,
      );
    return { ...report, endedAt };
  } finally {
    await Promise.all([...servers.map((server) => server.stop()), client.stop(), writer.close()]);
  }
}

async function watchersOf(tokens: TokenMaker): Promise<Watcher[]> {
  const operator = await tokens.ofOperator(SPECIAL.watched);
  const customers: Watcher[] = [];
  for (let watcher = 0; watcher < SIZE.watchers; watcher++) {
    customers.push({
      token: await tokens.ofWatcher(watcher),
      orderId: encodeGlobalId('Order', watchedOrderId(watcher)),
    });
  }
  return [...customers, ...Array.from({ length: DASHBOARDS }, () => ({ token: operator, orderId: null }))];
}

/** Where a client starts that has just read the present state. */
async function presentCursor(server: Contestant, tokens: TokenMaker): Promise<string> {
  const answer = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await tokens.ofOperator(SPECIAL.watched)}`,
    },
    body: JSON.stringify({ query: '{ orders(first: 1) { nodes { id } } }' }),
  });
  const { extensions } = (await answer.json()) as { extensions?: { cursor?: string } };
  if (!extensions?.cursor) throw new Error('A query gave no cursor.');
  return extensions.cursor;
}

interface Writer {
  write(seconds: number): Promise<WrittenEvent[]>;
  close(): Promise<void>;
}

/** Changes rows and writes their events as the product's own verbs do: under row-level security, in one transaction, then a wake-up. */
async function openWriter(database: BenchDatabase): Promise<Writer> {
  const clock = { now: () => new Date() };
  const db = new Database({
    url: database.appUrl,
    poolSize: 8,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs: 10_000,
    applicationName: 'portolan-bench-writer',
    nowMs: () => performance.now(),
  });
  const journal: Journal = createJournal({
    url: database.appUrl,
    applicationName: 'portolan-bench-writer',
    clock,
    log: createLogger('warn'),
    lookUp: (text, values) => db.lookUp(text, values),
  });
  await journal.start();
  const newId = createIdSource(clock, randomBytes);
  const scope = { tenantId: tenantId(SPECIAL.watched), customerId: null };
  let lastMs = 0;

  async function change(event: { readonly watcher: number; readonly isDashboard: boolean }): Promise<WrittenEvent> {
    // Each event has a millisecond of its own: it is told by that.
    lastMs = Math.max(Date.now(), lastMs + 1);
    const occurredAt = new Date(lastMs);
    await db.write(scope, async (tx) => {
      const [table, id] = event.isDashboard
        ? ['payments', benchId('watched-payment', event.watcher)]
        : ['orders', watchedOrderId(event.watcher)];
      const { version } = await tx.one<{ version: number }>(
        table === 'orders'
          ? 'update orders set version = version + 1 where tenant_id = current_tenant() and id = $1 returning version'
          : 'update payments set version = version + 1 where tenant_id = current_tenant() and id = $1 returning version',
        [id],
      );
      const about = { id: newId(), aggregateId: id!, version, occurredAt };
      if (event.isDashboard) {
        const payload = {
          v: 1,
          orderId: watchedOrderId(event.watcher),
          customerId: watcherId(event.watcher),
          previousStatus: 'UNPAID',
          status: 'PENDING',
        } as const;
        appendEvent(tx, { ...about, type: 'payment.status', aggregateType: 'Payment', payload });
      } else {
        const payload = {
          v: 1,
          customerId: watcherId(event.watcher),
          previousStatus: 'DRAFT',
          status: 'ISSUED',
        } as const;
        appendEvent(tx, { ...about, type: 'order.status', aggregateType: 'Order', payload });
      }
    });
    const committedAtMs = sharedClockMs();
    journal.wake();
    return { occurredAtMs: occurredAt.getTime(), committedAtMs, watcher: event.isDashboard ? -1 : event.watcher };
  }

  return {
    async write(seconds) {
      const since = performance.now();
      const under: Promise<WrittenEvent>[] = [];
      const every = (DASHBOARD_EVENTS_PER_SECOND + ORDER_EVENTS_PER_SECOND) / DASHBOARD_EVENTS_PER_SECOND;
      for (let count = 0; count * TICK_MS < seconds * 1_000; count++) {
        await sleep(Math.max(0, since + count * TICK_MS - performance.now()));
        const isDashboard = count % every === 0;
        under.push(
          change({ watcher: isDashboard ? (count / every) % 1_000 : (count * 7) % SIZE.watchers, isDashboard }),
        );
      }
      return Promise.all(under);
    },
    async close() {
      await journal.close();
      await db.close();
    },
  };
}
