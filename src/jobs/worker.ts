import type { App } from '../context.ts';
import { expireOrder } from '../resolvers/order-expiry.ts';
import { expireHold } from '../resolvers/hold-expiry.ts';
import { creditCashback, expirePoints } from '../resolvers/loyalty-due.ts';
import { pollRefund } from '../resolvers/refund-poll.ts';
import { lookUpInquiry } from '../resolvers/inquiry.ts';
import { pollPayment } from '../resolvers/payment-poll.ts';
import { resumeDelivery } from '../webhooks.ts';
import type { TaskData, TaskHandlers, TaskName } from './queue.ts';

export interface Worker {
  close(): Promise<void>;
}

const SCAN_EVERY_MS = 2_000;
const SCAN_MAX = 500;
const FORGET_EVERY_MS = 3_600_000;
/** As forget_old bounds it. */
const FORGET_AT_ONCE = 10_000n;

const TASK_OF_KIND: Readonly<Record<string, TaskName>> = {
  payment: 'payment.poll',
  refund: 'refund.poll',
  hold: 'hold.expire',
  cashback: 'cashback.credit',
  points: 'points.expire',
  inquiry: 'inquiry.lookUp',
  order: 'order.expire',
  delivery: 'webhook.resume',
};

/** Task name to verb. Every handler may run twice. */
function handlersOf(app: App): TaskHandlers {
  return {
    'payment.poll': async ({ tenantId, id }) => void (await pollPayment(app, { tenantId, customerId: null }, id)),
    'refund.poll': ({ tenantId, id }) => pollRefund(app, { tenantId, customerId: null }, id),
    'hold.expire': ({ tenantId, id }) => expireHold(app, { tenantId, customerId: null }, id),
    'cashback.credit': ({ tenantId, id }) => creditCashback(app, { tenantId, customerId: null }, id),
    'points.expire': ({ tenantId, id }) => expirePoints(app, { tenantId, customerId: null }, id),
    'inquiry.lookUp': ({ tenantId, id }) => lookUpInquiry(app, { tenantId, customerId: null }, id),
    'order.expire': ({ tenantId, id }) => expireOrder(app, { tenantId, customerId: null }, id),
    'webhook.resume': ({ tenantId, id }) => resumeDelivery(app, { tenantId, customerId: null }, id),
  };
}

/** Each job in a span of its own, where somebody listens. */
function traced(app: App, handlers: TaskHandlers): TaskHandlers {
  if (!app.tracing.enabled) return handlers;
  const entries = Object.entries(handlers).map(([name, handler]) => [
    name,
    (data: TaskData) => app.tracing.span(`job ${name}`, { tenantId: data.tenantId }, () => handler(data)),
  ]);
  return Object.fromEntries(entries) as TaskHandlers;
}

/** Works the queue, and looks every two seconds what has become due. Any number of workers may run. */
export async function startWorker(app: App): Promise<Worker> {
  await app.jobs.work(traced(app, handlersOf(app)));
  let scanning: Promise<void> = Promise.resolve();
  let forgottenAt = 0;
  const scan = async (): Promise<void> => {
    const now = app.clock.now();
    const due = await app.db.lookUp<{ kind: string; tenant_id: string; id: string }>(
      'select kind, tenant_id, id from due_work($1, $2)',
      [now, SCAN_MAX],
    );
    for (const piece of due)
      await app.jobs.sendNow(TASK_OF_KIND[piece.kind]!, { tenantId: piece.tenant_id, id: piece.id });
    if (now.getTime() - forgottenAt < FORGET_EVERY_MS) return;
    forgottenAt = now.getTime();
    const [forgotten] = await app.db.lookUp<Record<string, bigint>>('select * from forget_old($1)', [now]);
    // Where more is left, the next scan goes on: the tenants' streams are free in between.
    if (Object.values(forgotten ?? {}).some((count) => count >= FORGET_AT_ONCE)) forgottenAt = 0;
    app.log.info(
      { forgotten: Object.fromEntries(Object.entries(forgotten ?? {}).map(([name, count]) => [name, Number(count)])) },
      'old rows forgotten',
    );
  };
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    scanning = scan()
      .catch((error: unknown) => app.log.error({ err: error }, 'scan for due work failed'))
      .finally(() => {
        running = false;
      });
  }, SCAN_EVERY_MS);
  return {
    async close() {
      clearInterval(timer);
      await scanning;
    },
  };
}
