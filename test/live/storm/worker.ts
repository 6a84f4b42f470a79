import { randomUUID } from 'node:crypto';
import process from 'node:process';

import { Database, type Transaction } from '../../../src/db.ts';
import { appendEvent } from '../../../src/events.ts';
import { createJournal } from '../../../src/journal.ts';
import { createLogger } from '../../../src/log.ts';
import { pause, Random } from './random.ts';

/** Orders a storm writes about, by tenant. */
export interface StormTenant {
  readonly tenantId: string;
  readonly orders: readonly { readonly id: string; readonly customerId: string }[];
}

/** Handed over as JSON in the first argument. */
export interface WorkerOrders {
  readonly url: string;
  readonly seed: number;
  readonly writers: number;
  readonly tenants: readonly StormTenant[];
}

const STATUSES = ['ISSUED', 'PAID', 'PARTIALLY_REFUNDED', 'REFUNDED', 'CANCELLED'] as const;

/** A process that changes orders with their events until it is killed: short and long transactions, some of them taken back. */
async function work(orders: WorkerOrders): Promise<void> {
  const db = new Database({
    url: orders.url,
    poolSize: orders.writers,
    acquireTimeoutMs: 5000,
    statementTimeoutMs: 8000,
    applicationName: 'storm-worker',
    nowMs: () => performance.now(),
  });
  const journal = createJournal({
    url: orders.url,
    applicationName: 'storm-journal',
    clock: { now: () => new Date() },
    log: createLogger('silent'),
    lookUp: (text, values) => db.lookUp(text, values),
  });
  await journal.start();
  process.once('disconnect', () => process.exit(0));
  await Promise.all(
    Array.from({ length: orders.writers }, (_, index) =>
      write(db, () => journal.wake(), orders, new Random(orders.seed * 31 + index)),
    ),
  );
}

async function write(db: Database, wake: () => void, orders: WorkerOrders, random: Random): Promise<never> {
  for (;;) {
    const tenant = random.pick(orders.tenants);
    const written: string[] = [];
    const count = random.between(1, 6);
    const pauseMs = random.chance(0.1) ? random.between(20, 200) : 0;
    const takenBack = random.chance(0.05);
    try {
      await db.write({ tenantId: tenant.tenantId, customerId: null }, async (tx) => {
        written.length = 0;
        // One order per transaction, so that nobody waits for two.
        const order = random.pick(tenant.orders);
        for (let index = 0; index < count; index += 1) {
          written.push(await change(tx, order, random));
          if (pauseMs > 0) await pause(pauseMs / count);
        }
        if (takenBack) throw new Error('Taken back.');
      });
      process.send?.(written);
      if (random.chance(0.9)) wake();
    } catch {
      // Killed connections and transactions taken back: what was not committed nobody may ever hear of.
      if (!takenBack) await pause(20);
    }
  }
}

async function change(tx: Transaction, order: { id: string; customerId: string }, random: Random): Promise<string> {
  const id = randomUUID();
  const payment = random.chance(0.3);
  const common = { id, version: 2, occurredAt: new Date() };
  if (!payment)
    await tx.query('update orders set version = version + 1 where tenant_id = current_tenant() and id = $1', [
      order.id,
    ]);
  const status = random.pick(STATUSES);
  if (payment) {
    const payload = {
      v: 1 as const,
      orderId: order.id,
      customerId: order.customerId,
      previousStatus: 'PENDING',
      status: status === 'ISSUED' ? 'FAILED' : 'PAID',
    };
    appendEvent(tx, {
      ...common,
      type: 'payment.status',
      aggregateType: 'Payment',
      aggregateId: randomUUID(),
      payload,
    });
  } else {
    appendEvent(tx, {
      ...common,
      type: 'order.status',
      aggregateType: 'Order',
      aggregateId: order.id,
      payload: { v: 1, customerId: order.customerId, previousStatus: 'DRAFT', status },
    });
  }
  return id;
}

const [given] = process.argv.slice(2);
if (given) await work(JSON.parse(given) as WorkerOrders);
