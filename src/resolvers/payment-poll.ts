import type { App } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import type { PaymentClaim } from '../domain/payment.ts';
import { AppError } from '../errors.ts';
import type { TenantConnection } from '../gateways.ts';
import type { PaymentModel } from '../generated/prisma/models.ts';
import { PAYMENT_COLUMNS } from '../loaders.ts';
import { settleNow } from './gateway-transaction.ts';
import { ensureInquiry, openInquiry } from './inquiry-open.ts';

export type Polling = Pick<App, 'clock' | 'newId' | 'db' | 'journal' | 'log' | 'gateways'>;

/** A page without an end of its own is given up after three days, so that no order stays pending for ever (COM-9). */
const PENDING_AT_MOST_MS = 72 * 3_600_000;
const POLL_BASE_MS = 120_000;
const POLL_MAX_MS = 6 * 3_600_000;
const POLL_TIMEOUT_MS = 8_000;
const GIVEN_UP: ReadonlySet<PaymentModel['status']> = new Set(['FAILED', 'EXPIRED', 'CANCELLED']);
/** A gateway that never answers about a payment already given up is left alone after this many tries. */
const GIVEN_UP_ATTEMPTS_MAX = 8;

/**
 * Asks the gateway about a payment of its own accord and settles by the same reducer as a webhook (COM-9). Safe to run twice.
 * @returns what is now known of the payment, UNKNOWN while the gateway cannot say
 */
export async function pollPayment(
  app: Polling,
  scope: Scope,
  paymentId: string,
): Promise<'PAID' | 'NOT_PAID' | 'UNKNOWN'> {
  const payment = await app.db.read(scope, (tx) =>
    tx.maybeOne<PaymentModel>(
      `select ${PAYMENT_COLUMNS} from payments p where p.tenant_id = current_tenant() and p.id = $1`,
      [paymentId],
    ),
  );
  if (!payment) return 'NOT_PAID';
  // A payment given up is asked about again when a webhook said that it was paid after all.
  const askable = payment.status === 'PENDING' || (payment.nextPollAt !== null && GIVEN_UP.has(payment.status));
  if (!askable) {
    if (payment.nextPollAt !== null) await stopAsking(app, scope, payment);
    return payment.capturedMinor > 0n ? 'PAID' : 'NOT_PAID';
  }
  if (payment.gatewayReference === null) {
    await app.db.write(scope, async (tx) => {
      await ensureInquiry(app, tx, { aboutType: 'Payment', aboutId: payment.id, reason: 'INITIATION_ANSWER_LOST' });
      await tx.query('update payments set next_poll_at = null where tenant_id = current_tenant() and id = $1', [
        payment.id,
      ]);
    });
    return 'UNKNOWN';
  }
  const connection = await connectOrNull(app, scope, payment);
  if (!connection) {
    await pollLater(app, scope, payment);
    return 'UNKNOWN';
  }
  const outcome = await app.gateways.lookUp(payment.gateway, connection, payment.gatewayReference, POLL_TIMEOUT_MS, {
    createdAt: payment.createdAt,
    gatewayKey: payment.gatewayKey,
  });
  if (outcome.kind !== 'done') {
    await pollLater(app, scope, payment);
    return 'UNKNOWN';
  }
  const decision = await settleNow(app, scope, {
    paymentId,
    claim: overdueClaim(app, payment),
    fact: outcome.value,
    amountRule: connection.amountRule,
  });
  if (decision.paymentStatus === 'PENDING') {
    await pollLater(app, scope, payment);
    return 'UNKNOWN';
  }
  if (decision.paymentStatus === payment.status) {
    // Given up by us, while the gateway's page may still be open: its customer can pay there, and the webhook can be lost.
    if (outcome.value.status === 'PENDING' || outcome.value.status === 'PAID') await pollLater(app, scope, payment);
    else await stopAsking(app, scope, payment);
  }
  return decision.capturedMinor > 0n ? 'PAID' : 'NOT_PAID';
}

// What cannot be opened or is no longer configured is this tenant's trouble: asked again later, so that the others' turn comes.
async function connectOrNull(app: Polling, scope: Scope, payment: PaymentModel): Promise<TenantConnection | null> {
  try {
    return await app.gateways.connect(scope.tenantId, payment.gateway);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    app.log.error({ err: error, tenant: scope.tenantId, payment: payment.id }, 'no connection to ask the gateway by');
    return null;
  }
}

async function stopAsking(app: Polling, scope: Scope, payment: PaymentModel): Promise<void> {
  await app.db.write(scope, (tx) =>
    tx.query(`update payments set next_poll_at = null ${UNLESS_ASKED_ANEW}`, [
      payment.id,
      payment.status,
      payment.nextPollAt,
    ]),
  );
}

// A webhook may have asked for another look while we were asking. A Date has milliseconds only.
const UNLESS_ASKED_ANEW = `where tenant_id = current_tenant() and id = $1 and status = $2::payment_status and date_trunc('milliseconds', next_poll_at) is not distinct from $3::timestamptz`;

// Our own clock may say that the time to pay is over; the gateway's word that it was paid still wins (domain/payment.ts).
function overdueClaim(app: Polling, payment: PaymentModel): PaymentClaim | null {
  const ends = payment.expiresAt?.getTime() ?? payment.createdAt.getTime() + PENDING_AT_MOST_MS;
  return ends <= app.clock.now().getTime() ? { kind: 'EXPIRED' } : null;
}

async function pollLater(app: Polling, scope: Scope, payment: PaymentModel): Promise<void> {
  const now = app.clock.now().getTime();
  const backoff = Math.min(POLL_BASE_MS * 2 ** Math.min(payment.pollAttempts, 12), POLL_MAX_MS);
  const ends = payment.expiresAt?.getTime();
  if (payment.status !== 'PENDING' && payment.pollAttempts >= GIVEN_UP_ATTEMPTS_MAX)
    return stopAsking(app, scope, payment);
  const next = ends !== undefined && ends > now ? Math.min(now + backoff, ends + 1_000) : now + backoff;
  await app.db.write(scope, async (tx) => {
    await tx.query(`update payments set next_poll_at = $4, poll_attempts = poll_attempts + 1 ${UNLESS_ASKED_ANEW}`, [
      payment.id,
      payment.status,
      payment.nextPollAt,
      new Date(next),
    ]);
    // Nobody can say what became of it: a person is told, and the gateway is asked on all the same.
    const silentSince = ends ?? payment.createdAt.getTime() + PENDING_AT_MOST_MS;
    if (payment.status === 'PENDING' && silentSince + PENDING_AT_MOST_MS < now) await handToPerson(app, tx, payment.id);
  });
}

async function handToPerson(app: Polling, tx: Transaction, paymentId: string): Promise<void> {
  const about = { aboutType: 'Payment', aboutId: paymentId, reason: 'GATEWAY_SILENT' };
  const told = await tx.query(
    'select 1 from inquiries where tenant_id = current_tenant() and about_type = $1 and about_id = $2 and reason = $3',
    [about.aboutType, about.aboutId, about.reason],
  );
  if (told.length === 0) await openInquiry(app, tx, about);
}
