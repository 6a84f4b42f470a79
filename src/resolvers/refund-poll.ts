import type { App } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import { AppError } from '../errors.ts';
import type { TenantConnection } from '../gateways.ts';
import type { GatewayRefund, Outcome, RefundInput } from '../integrations/contract.ts';
import { openInquiry } from './inquiry-open.ts';
import { heldCurrency, lockRefund, rejectRefund, settleRefund, type LockedRefund } from './refund-settle.ts';

export type Refunding = Pick<App, 'clock' | 'newId' | 'db' | 'journal' | 'log' | 'gateways'>;

/** Who asks the gateway about a refund does it alone for so long. */
export const REFUND_LEASE_MS = 60_000;
const POLL_BASE_MS = 60_000;
const POLL_MAX_MS = 6 * 3_600_000;
/** A gateway that can't say for so long is a person's matter; approvals of a vendor's staff take days. */
const SILENT_AT_MOST_MS = 7 * 86_400_000;

export type RefundEnd = 'DONE' | 'REQUESTED' | 'REJECTED' | 'UNKNOWN';

/**
 * Asks the gateway what became of a refund, or requests it where nobody has yet (COM-10). Safe to run twice: one asker at a time, and
 * nothing is sent again unless the gateway certainly has no such refund.
 */
export async function pollRefund(app: Refunding, scope: Scope, refundId: string): Promise<void> {
  const claimed = await app.db.write(scope, (tx) => claim(app, tx, refundId));
  if (!claimed) return;
  const connection = await connectOrNull(app, scope, claimed);
  if (!connection) return;
  const input = inputOf(claimed);
  if (claimed.refund.sentAt === null) return void (await sendRefund(app, scope, refundId, connection, input, 'later'));
  const asked = await app.gateways.lookUpRefund(claimed.payment.gateway, connection, {
    ...input,
    gatewayRefundReference: claimed.refund.gatewayRefundReference,
  });
  if (asked.kind !== 'done') {
    // The refunds there are not the ones in our books: only a person can tell what happened.
    const contradicts = asked.kind === 'notDone' && asked.reason === 'rejected';
    return app.db.write(scope, (tx) => waiting(app, tx, claimed, contradicts));
  }
  const { state, gatewayRefundReference } = asked.value;
  if (state === 'NOT_FOUND') return void (await sendRefund(app, scope, refundId, connection, input, 'later'));
  await app.db.write(scope, async (tx) => {
    if (state === 'DONE') await settleRefund(tx, app, refundId, gatewayRefundReference);
    else if (state === 'FAILED') await rejectRefund(tx, app, refundId, 'the gateway did not carry it out');
    else await taken(app, tx, claimed, gatewayRefundReference);
  });
  app.journal.wake();
}

interface Claimed extends LockedRefund {
  readonly currencyCode: string;
  /** What the gateway gave back of the payment so far; what went into the wallet it never saw. */
  readonly throughGatewayMinor: bigint;
}

/** Takes the turn to ask; null where the refund came to its end, or somebody else is asking. */
async function claim(app: Refunding, tx: Transaction, refundId: string): Promise<Claimed | null> {
  const locked = await lockRefund(tx, refundId);
  const now = app.clock.now();
  if (locked?.refund.status !== 'REQUESTED') return null;
  const { nextPollAt, leasedUntil } = locked.refund;
  if (nextPollAt === null || nextPollAt > now || (leasedUntil !== null && leasedUntil > now)) return null;
  await tx.query(
    `update refunds set next_poll_at = $2, leased_until = $2, sent_at = coalesce(sent_at, $3), poll_attempts = poll_attempts + 1
     where tenant_id = current_tenant() and id = $1`,
    [refundId, new Date(now.getTime() + REFUND_LEASE_MS), now],
  );
  return asGatewayKnowsIt(tx, locked);
}

export async function asGatewayKnowsIt(tx: Transaction, locked: LockedRefund): Promise<Claimed> {
  const { payment } = locked;
  const { sum } = await tx.one<{ sum: bigint }>(
    `select coalesce(sum(amount_minor), 0)::bigint as sum from refunds
     where tenant_id = current_tenant() and payment_id = $1 and status = 'DONE' and target = 'GATEWAY'`,
    [payment.id],
  );
  const held = payment.status === 'UNDER_REVIEW';
  return {
    ...locked,
    currencyCode: held ? await heldCurrency(tx, payment) : payment.currencyCode,
    throughGatewayMinor: sum,
  };
}

export function inputOf({ refund, payment, currencyCode, throughGatewayMinor }: Claimed): RefundInput {
  return {
    gatewayReference: payment.gatewayReference ?? '',
    gatewayKey: payment.gatewayKey,
    paymentId: payment.id,
    refundId: refund.id,
    amountMinor: refund.amountMinor,
    currencyCode,
    reason: refund.reason,
    refundedBeforeMinor: throughGatewayMinor,
    paymentCreatedAt: payment.createdAt,
  };
}

async function connectOrNull(app: Refunding, scope: Scope, claimed: Claimed): Promise<TenantConnection | null> {
  const { refund, payment } = claimed;
  if (!app.gateways.canRefund(payment.gateway)) {
    await app.db.write(scope, (tx) => rejectRefund(tx, app, refund.id, 'this gateway gives nothing back by itself'));
    return null;
  }
  try {
    const connection = await app.gateways.connect(scope.tenantId, payment.gateway);
    if (connection) return connection;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    app.log.error({ err: error, tenant: scope.tenantId, refund: refund.id }, 'no connection to ask the gateway by');
  }
  await app.db.write(scope, (tx) => waiting(app, tx, claimed, false));
  return null;
}

/**
 * Requests a refund and records what the gateway said. Call it only as the one whose turn it is.
 * @param onUnavailable what a gateway that certainly did nothing means: end the refund, so that its caller is told; or ask again later
 */
export async function sendRefund(
  app: Refunding,
  scope: Scope,
  refundId: string,
  connection: TenantConnection,
  input: RefundInput,
  onUnavailable: 'end' | 'later',
): Promise<{ end: RefundEnd; outcome: Outcome<GatewayRefund> }> {
  const { gateway } = await app.db.read(scope, (tx) =>
    tx.one<{ gateway: Parameters<App['gateways']['refund']>[0] }>(
      'select gateway from payments where tenant_id = current_tenant() and id = $1',
      [input.paymentId],
    ),
  );
  const outcome = await app.gateways.refund(gateway, connection, input);
  const end = await app.db.write(scope, async (tx): Promise<RefundEnd> => {
    const locked = await lockRefund(tx, refundId);
    // A webhook was faster than the call's own answer.
    if (locked?.refund.status !== 'REQUESTED') return locked?.refund.status === 'DONE' ? 'DONE' : 'REJECTED';
    if (outcome.kind === 'done' && outcome.value.state === 'DONE') {
      await settleRefund(tx, app, refundId, outcome.value.gatewayRefundReference);
      return 'DONE';
    }
    if (outcome.kind === 'done') {
      await taken(app, tx, locked, outcome.value.gatewayRefundReference);
      return 'REQUESTED';
    }
    if (outcome.kind === 'notDone' && (outcome.reason === 'rejected' || onUnavailable === 'end')) {
      await rejectRefund(tx, app, refundId, outcome.reason);
      return 'REJECTED';
    }
    if (outcome.kind === 'notDone') await neverSent(tx, refundId);
    await waiting(app, tx, locked, false);
    return 'UNKNOWN';
  });
  app.journal.wake();
  if (outcome.kind !== 'done')
    app.log.warn({ refund: refundId, end, detail: outcome.detail }, 'refund not carried out');
  return { end, outcome };
}

// The gateway certainly has nothing of it, so the next turn requests it again instead of asking.
async function neverSent(tx: Transaction, refundId: string): Promise<void> {
  await tx.query('update refunds set sent_at = null where tenant_id = current_tenant() and id = $1', [refundId]);
}

// The gateway has it and will carry it out: by its webhook or by our asking we shall know.
async function taken(
  app: Refunding,
  tx: Transaction,
  { refund }: LockedRefund,
  reference: string | null,
): Promise<void> {
  await tx.query(
    `update refunds set gateway_refund_reference = coalesce($2, gateway_refund_reference), next_poll_at = $3, leased_until = null
     where tenant_id = current_tenant() and id = $1 and status = 'REQUESTED'`,
    [refund.id, reference, nextLook(app, refund.pollAttempts)],
  );
}

async function waiting(app: Refunding, tx: Transaction, locked: LockedRefund, contradicts: boolean): Promise<void> {
  const { refund } = locked;
  await tx.query(
    "update refunds set next_poll_at = $2, leased_until = null where tenant_id = current_tenant() and id = $1 and status = 'REQUESTED'",
    [refund.id, nextLook(app, refund.pollAttempts)],
  );
  const silent = refund.createdAt.getTime() + SILENT_AT_MOST_MS < app.clock.now().getTime();
  if (contradicts || silent) await tellPerson(app, tx, refund.id, contradicts ? 'REFUND_DIFFERS' : 'GATEWAY_SILENT');
}

function nextLook(app: Refunding, attempts: number): Date {
  return new Date(app.clock.now().getTime() + Math.min(POLL_BASE_MS * 2 ** Math.min(attempts, 12), POLL_MAX_MS));
}

async function tellPerson(app: Refunding, tx: Transaction, refundId: string, reason: string): Promise<void> {
  const told = await tx.query(
    "select 1 from inquiries where tenant_id = current_tenant() and about_type = 'Refund' and about_id = $1 and reason = $2",
    [refundId, reason],
  );
  if (told.length === 0) await openInquiry(app, tx, { aboutType: 'Refund', aboutId: refundId, reason });
}
