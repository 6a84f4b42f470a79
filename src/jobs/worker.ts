import type { App } from '../context.ts';
import { expireOrder } from '../resolvers/order-expiry.ts';
import { expireHold } from '../resolvers/hold-expiry.ts';
import { keepLedgerDays } from '../resolvers/ledger-days.ts';
import { creditCashback, expirePoints } from '../resolvers/loyalty-due.ts';
import { pollRefund } from '../resolvers/refund-poll.ts';
import { lookUpBooking, stepBooking } from '../resolvers/booking-step.ts';
import { lookUpInquiry } from '../resolvers/inquiry.ts';
import { stepPackage } from '../resolvers/package-step.ts';
import { sendMail } from '../resolvers/mail-send.ts';
import { checkProvider } from '../resolvers/provider-check.ts';
import { pollPayment } from '../resolvers/payment-poll.ts';
import { resumeDelivery } from '../webhooks.ts';
import type { TaskData, TaskHandlers, TaskName } from './queue.ts';

export interface Worker {
  close(): Promise<void>;
}

const SCAN_EVERY_MS = 2_000;
const SCAN_MAX = 500;
const FORGET_EVERY_MS = 3_600_000;
const LEDGERS_MAX = 10_000;
/** As forget_old bounds it. */
const FORGET_AT_ONCE = 10_000n;
/** As forget_erased bounds it. */
const BODIES_AT_ONCE = 500n;

const TASK_OF_KIND: Readonly<Record<string, TaskName>> = {
  payment: 'payment.poll',
  refund: 'refund.poll',
  hold: 'hold.expire',
  cashback: 'cashback.credit',
  points: 'points.expire',
  inquiry: 'inquiry.lookUp',
  order: 'order.expire',
  delivery: 'webhook.resume',
  booking: 'booking.step',
  package: 'package.step',
  provider: 'provider.check',
  mail: 'mail.send',
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
    'booking.step': ({ tenantId, id }) => stepBooking(app, { tenantId, customerId: null }, id),
    'booking.lookUp': async ({ tenantId, id }) => void (await lookUpBooking(app, { tenantId, customerId: null }, id)),
    'package.step': ({ tenantId, id }) => stepPackage(app, { tenantId, customerId: null }, id),
    'provider.check': ({ id }) => checkProvider(app, id),
    'mail.send': ({ tenantId, id }) => sendMail(app, { tenantId, customerId: null }, id),
    'ledger.keepDays': ({ tenantId }) => keepLedgerDays(app, { tenantId, customerId: null }),
  };
}

async function keepDaysOfLedgers(app: App, now: Date): Promise<void> {
  const ledgers = await app.db.lookUp<{ tenant_id: string }>('select tenant_id from ledgers_to_sum($1, $2)', [
    now,
    LEDGERS_MAX,
  ]);
  for (const { tenant_id: tenantId } of ledgers) await app.jobs.sendNow('ledger.keepDays', { tenantId, id: tenantId });
}

/** What vendors said of erased people since. Its failure is told and is no other job's: the next hour tries again. @returns how many bodies */
async function forgetErased(app: App, now: Date): Promise<bigint> {
  try {
    const [row] = await app.db.lookUp<{ bodies: bigint }>('select forget_erased($1) as bodies', [now]);
    return row?.bodies ?? 0n;
  } catch (error) {
    app.log.error({ err: error }, 'words about erased people could not be forgotten');
    return 0n;
  }
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
    for (const piece of due) {
      const task = TASK_OF_KIND[piece.kind];
      // A newer version's work, in a database that was migrated for it.
      if (task) await app.jobs.sendNow(task, { tenantId: piece.tenant_id, id: piece.id });
    }
    if (now.getTime() - forgottenAt < FORGET_EVERY_MS) return;
    forgottenAt = now.getTime();
    const [forgotten] = await app.db.lookUp<Record<string, bigint>>('select * from forget_old($1)', [now]);
    await app.db.lookUp('select forget_mail($1)', [now]);
    const bodies = await forgetErased(app, now);
    // Where more is left, the next scan goes on: the tenants' streams are free in between.
    if (Object.values(forgotten ?? {}).some((count) => count >= FORGET_AT_ONCE) || bodies >= BODIES_AT_ONCE)
      forgottenAt = 0;
    app.log.info(
      { forgotten: Object.fromEntries(Object.entries(forgotten ?? {}).map(([name, count]) => [name, Number(count)])) },
      'old rows forgotten',
    );
    await keepDaysOfLedgers(app, now);
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
