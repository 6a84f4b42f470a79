import { PgBoss } from 'pg-boss';

import type { Transaction } from '../db.ts';
import type { Logger } from '../log.ts';

/** Every task there is; its data are ids and nothing else (decisions.md, "Tenancy"). */
export const TASKS = [
  'payment.poll',
  'refund.poll',
  'hold.expire',
  'cashback.credit',
  'points.expire',
  'inquiry.lookUp',
  'order.expire',
  'webhook.resume',
  'booking.step',
  'booking.lookUp',
  'package.step',
  'provider.check',
  'ledger.keepDays',
  'mail.send',
] as const;
export type TaskName = (typeof TASKS)[number];

export interface TaskData {
  readonly tenantId: string;
  readonly id: string;
}

export type TaskHandlers = Readonly<Record<TaskName, (data: TaskData) => Promise<void>>>;

export interface JobQueueOptions {
  readonly url: string;
  readonly log: Logger;
  /** Connections of the queue's own; enqueueing uses the caller's transaction. */
  readonly connectionsMax: number;
  /** True in worker processes: they also retry, expire and clean up. */
  readonly supervise: boolean;
  readonly onJob?: (task: TaskName, outcome: 'done' | 'failed', milliseconds: number) => void;
  readonly nowMs: () => number;
}

/** Jobs that failed for good stand here, with their data, until somebody looks. */
const DEAD = 'dead';
const SCHEMA = 'jobs';

/** Background work on the same database (pg-boss): at least once, with backoff, dead letters kept. */
export class JobQueue {
  readonly #boss: PgBoss;
  readonly #options: JobQueueOptions;

  constructor(options: JobQueueOptions) {
    this.#options = options;
    this.#boss = new PgBoss({
      connectionString: options.url,
      max: options.connectionsMax,
      application_name: 'portolan-jobs',
      schema: SCHEMA,
      // The owner installs and migrates the queue (src/launch/migrate.ts); the application's login may not.
      migrate: false,
      createSchema: false,
      supervise: options.supervise,
      schedule: false,
    });
    this.#boss.on('error', (error) => options.log.error({ err: error }, 'job queue'));
  }

  async start(): Promise<void> {
    await this.#boss.start();
    await this.#boss.createQueue(DEAD);
    for (const name of TASKS) {
      await this.#boss.createQueue(name, {
        policy: 'exclusive',
        retryLimit: 8,
        retryDelay: 2,
        retryBackoff: true,
        retryDelayMax: 3600,
        expireInSeconds: 300,
        deadLetter: DEAD,
      });
    }
  }

  /** Enqueues in the transaction of the change that needs it: rolled back with it. One job per task and object at a time. */
  async send(tx: Transaction, name: TaskName, data: TaskData): Promise<void> {
    const db = {
      executeSql: async (text: string, values?: unknown[]) => ({
        rows: await tx.query<Record<string, unknown>>(text, values),
      }),
    };
    await this.#boss.send(name, data, { db, singletonKey: data.id });
  }

  /** Enqueues by itself: for the scheduler, which looks again anyway. */
  async sendNow(name: TaskName, data: TaskData): Promise<void> {
    await this.#boss.send(name, data, { singletonKey: data.id });
  }

  async work(handlers: TaskHandlers): Promise<void> {
    for (const name of TASKS) {
      await this.#boss.work<TaskData>(
        name,
        { pollingIntervalSeconds: 0.5, batchSize: 1, localConcurrency: 4 },
        async (jobs) => {
          for (const job of jobs) await this.#run(name, handlers[name], job.data);
        },
      );
    }
  }

  async #run(name: TaskName, handler: TaskHandlers[TaskName], data: TaskData): Promise<void> {
    const since = this.#options.nowMs();
    try {
      await handler(data);
      this.#options.onJob?.(name, 'done', this.#options.nowMs() - since);
    } catch (error) {
      this.#options.onJob?.(name, 'failed', this.#options.nowMs() - since);
      this.#options.log.error({ err: error, task: name, tenant: data.tenantId, id: data.id }, 'job failed');
      throw error;
    }
  }

  /** How many jobs wait, and how many gave up: a backlog is an alert. */
  async backlog(): Promise<{ queued: number; failed: number }> {
    const waiting = await Promise.all(TASKS.map((name) => this.#count(name)));
    return { queued: waiting.reduce((sum, count) => sum + count, 0), failed: await this.#count(DEAD) };
  }

  async #count(name: string): Promise<number> {
    const [stats] = await this.#boss.getQueueStats(name);
    return stats?.queuedCount ?? 0;
  }

  /** Lets running jobs end, at most so long. */
  async close(timeoutMs: number): Promise<void> {
    await this.#boss.stop({ graceful: true, timeout: timeoutMs, close: true });
  }
}
