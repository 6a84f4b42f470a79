import type { Outbound } from '../http.ts';
import type { Store } from './store.ts';
import type { OutgoingHook } from './types.ts';

/**
 * Sends what simulated vendors have to say, at least once: stored before it is sent, repeated on anything but a 200,
 * and taken up again after a restart. Loopback only: a sandbox must not be able to knock on a stranger's door.
 */
export interface Deliveries {
  add(integration: string, hook: OutgoingHook): void;
  dropAccount(integration: string, account: string): void;
  list(integration: string, account: string | null, limit: number): DeliveryRecord[];
  start(): void;
  stop(): void;
}

export interface DeliveryRecord extends OutgoingHook {
  readonly id: string;
  readonly integration: string;
  readonly tries: number;
  readonly dueAt: number;
  /** `held` waits for the next hook about the same thing; `refused` names a host that is not ours. */
  readonly state: 'waiting' | 'held' | 'delivered' | 'givenUp' | 'refused';
  readonly lastStatus: number | null;
}

export interface DeliverySettings {
  readonly send: Outbound['send'];
  readonly now: () => Date;
}

const DELIVERIES = 'deliveries';
const DONE_KEPT = 2_000;
const CONCURRENT_MAX = 64;
const ANSWER_TIMEOUT_MS = 10_000;
/** A hook that is held back for a next one which never comes is sent after this long. */
const HELD_MS_MAX = 5_000;

export function createDeliveries(store: Store, settings: DeliverySettings): Deliveries {
  const waiting = new Map<string, DeliveryRecord>();
  const done: string[] = [];
  const underWay = new Set<string>();
  let timer: NodeJS.Timeout | null = null;
  let running = false;
  let counter = 0;
  for (const [id, record] of store.entries<DeliveryRecord>(DELIVERIES)) {
    counter = Math.max(counter, Number(id));
    if (isOpen(record)) waiting.set(id, record);
    else done.push(id);
  }

  const save = (record: DeliveryRecord): void => {
    store.put(DELIVERIES, record.id, record);
    if (isOpen(record)) {
      waiting.set(record.id, record);
      return;
    }
    waiting.delete(record.id);
    done.push(record.id);
    while (done.length > DONE_KEPT) store.remove(DELIVERIES, done.shift() ?? '');
  };

  const release = (sent: DeliveryRecord): void => {
    for (const held of waiting.values()) {
      if (
        held.state === 'held' &&
        held.about === sent.about &&
        held.account === sent.account &&
        Number(held.id) < Number(sent.id)
      ) {
        save({ ...held, state: 'waiting', dueAt: settings.now().getTime() });
      }
    }
  };

  const attempt = async (record: DeliveryRecord): Promise<void> => {
    underWay.add(record.id);
    const status = await post(settings.send, record);
    underWay.delete(record.id);
    // The account may have been reset, or the process stopped, while the answer was awaited.
    if (!running || !waiting.has(record.id)) return;
    save(afterTry(record, status, settings.now().getTime()));
    release(record);
    wake();
  };

  const pump = (): void => {
    timer = null;
    if (!running) return;
    const now = settings.now().getTime();
    let next = Number.POSITIVE_INFINITY;
    for (const record of waiting.values()) {
      if (underWay.has(record.id)) continue;
      if (record.dueAt <= now && underWay.size < CONCURRENT_MAX) void attempt(record);
      else if (record.dueAt > now) next = Math.min(next, record.dueAt);
      if (underWay.size >= CONCURRENT_MAX) break;
    }
    if (next < Number.POSITIVE_INFINITY) timer = setTimeout(pump, Math.min(Math.max(next - now, 1), 60_000));
  };

  const wake = (): void => {
    if (!running) return;
    if (timer) clearTimeout(timer);
    timer = setTimeout(pump, 0);
  };

  return {
    add: (integration, hook) => {
      const id = String(++counter);
      const now = settings.now().getTime();
      const state = !isLoopback(hook.url) ? 'refused' : hook.afterNext ? 'held' : 'waiting';
      const dueAt = now + (state === 'held' ? HELD_MS_MAX : hook.delayMs);
      save({ ...hook, id, integration, tries: 0, dueAt, state, lastStatus: null });
      wake();
    },
    dropAccount: (integration, account) => {
      for (const [id, record] of store.entries<DeliveryRecord>(DELIVERIES)) {
        if (record.integration !== integration || record.account !== account) continue;
        waiting.delete(id);
        store.remove(DELIVERIES, id);
      }
    },
    list: (integration, account, limit) =>
      [...store.entries<DeliveryRecord>(DELIVERIES)]
        .map(([, record]) => record)
        .filter((record) => record.integration === integration && (account === null || record.account === account))
        .slice(-limit)
        .reverse(),
    start: () => {
      running = true;
      wake();
    },
    stop: () => {
      running = false;
      if (timer) clearTimeout(timer);
    },
  };
}

function isOpen(record: DeliveryRecord): boolean {
  return record.state === 'waiting' || record.state === 'held';
}

function afterTry(record: DeliveryRecord, status: number | null, now: number): DeliveryRecord {
  const tries = record.tries + 1;
  if (status === 200) return { ...record, tries, state: 'delivered', lastStatus: status };
  const delay = record.retryDelaysMs[tries - 1];
  if (delay === undefined) return { ...record, tries, state: 'givenUp', lastStatus: status };
  return { ...record, tries, state: 'waiting', dueAt: now + delay, lastStatus: status };
}

async function post(send: Outbound['send'], record: DeliveryRecord): Promise<number | null> {
  try {
    const headers = { 'content-type': record.contentType, 'user-agent': `${record.integration}-simulator` };
    const answer = await send(
      { method: 'POST', url: record.url, headers, body: record.body },
      { timeoutMs: ANSWER_TIMEOUT_MS },
    );
    return answer.status;
  } catch {
    return null;
  }
}

export function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname;
  return (
    host === 'localhost' || host === '[::1]' || (host !== undefined && /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host))
  );
}
