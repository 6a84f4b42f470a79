import { actorName, authorize } from '../access.ts';
import { appendAudit } from '../audit.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { formatAmount, parseAmount } from '../domain/money.ts';
import { tallyOf, type PackageFacts } from '../domain/package.ts';
import { AppError, invalidInput } from '../errors.ts';
import { idOf } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';
import { changeBooking } from './booking-change.ts';
import { cancelUnpaid, requireNoReview } from './booking-money.ts';
import { changePackage, factsOf, requirePackage, type LockedPackage } from './package-change.ts';
import { stepPackage } from './package-step.ts';

export interface CancelPackageInput {
  readonly packageId: string;
  readonly reason?: string | null;
  /** The most that may be lost by it; what the terms take where nothing is said. */
  readonly maxLoss?: string | null;
  readonly idempotencyKey?: string | null;
}

export interface ResolvePackageInput {
  readonly packageId: string;
  readonly decision: 'KEEP' | 'CANCEL';
  readonly reason: string;
  /** For CANCEL: the most that may be lost; the worst case that was shown where nothing is said. */
  readonly maxLoss?: string | null;
  readonly idempotencyKey?: string | null;
}

const REASON_MAX = 500;
const FIELD = ['input', 'packageId'];

/**
 * Gives a package up. One that nobody paid ends with its order; of one that is booked every leg is cancelled, and what
 * the terms give back is refunded.
 * @throws INVALID_STATE while it is being booked or a person has to decide, RISK_TOO_HIGH, NOT_FOUND
 */
export async function cancelPackage(ctx: Context, input: CancelPackageInput): Promise<Done> {
  authorize(ctx, 'package.cancel');
  return end(ctx, 'cancelPackage', input, async (tx, locked) => {
    const facts = await factsOf(tx, locked, ctx.app.clock.now());
    const { package: one, order } = locked;
    const note = input.reason ?? `Package ${one.reference} was given up.`;
    switch (facts.phase) {
      case 'CANCELLING':
      case 'ROLLING_BACK':
        return;
      case 'HOLDING':
      case 'PAYABLE':
        if (facts.order === 'PAID') throw inTheMaking(facts);
        await requireNoReview(tx, order.id);
        return takeBack(ctx, tx, locked, { note, lossMaxMinor: one.lossMaxMinor });
      case 'ENDED': {
        if (!facts.legs.some(({ state }) => state === 'BOOKED')) return;
        const lossMaxMinor = wholeLoss(facts);
        requireLoss(lossMaxMinor, lossOf(input, one.currencyCode), one.currencyCode);
        return takeBack(ctx, tx, locked, { note, lossMaxMinor });
      }
      case 'BOOKING':
      case 'STOPPED':
        throw inTheMaking(facts);
    }
  });
}

function inTheMaking({ status }: PackageFacts): AppError {
  const message =
    status === 'NEEDS_ATTENTION'
      ? 'A person is looking at this package.'
      : 'This package is being booked at this moment. Please try again shortly.';
  return new AppError('INVALID_STATE', message, { details: { status } });
}

/**
 * What a person decides about a package that stopped: KEEP goes on with what can be had, CANCEL takes back what is
 * booked. It is written down with its reason and audited.
 * @throws INVALID_STATE where nothing waits for a person, RISK_TOO_HIGH, NOT_FOUND
 */
export async function resolvePackage(ctx: Context, input: ResolvePackageInput): Promise<Done> {
  authorize(ctx, 'package.resolve');
  if (input.reason.trim() === '') throw invalidInput('Give a reason.', ['input', 'reason']);
  return end(ctx, 'resolvePackage', input, async (tx, locked) => {
    const { package: one } = locked;
    const now = ctx.app.clock.now();
    const facts = await factsOf(tx, locked, now);
    if (one.status !== 'NEEDS_ATTENTION')
      throw new AppError('INVALID_STATE', 'Nothing about this package waits for a person.', {
        details: { status: one.status },
      });
    if (input.decision === 'KEEP') {
      if (facts.order !== 'PAID' && !facts.onAccount)
        throw new AppError('INVALID_STATE', 'Nobody has paid for it: there is nothing to go on with.');
      // From here on what can not be had is given back, and nothing else for its sake.
      const kept = { phase: 'BOOKING', status: 'BOOKING', rollback: 'KEEP_CONFIRMED' } as const;
      changePackage(ctx.app, tx, one, { ...kept, note: input.reason, nextStepAt: now });
    } else {
      const lossMaxMinor = lossOf(input, one.currencyCode) ?? one.lossMaxMinor;
      requireLoss(wholeLoss(facts), lossMaxMinor, one.currencyCode);
      await takeBack(ctx, tx, locked, { note: input.reason, lossMaxMinor });
    }
    await appendAudit(tx, {
      id: ctx.app.newId(),
      actor: actorName(ctx.actor),
      action: 'package.resolve',
      target: `Package:${one.id}`,
      before: { status: one.status, phase: one.phase, rollback: one.rollback },
      after: { decision: input.decision, reason: input.reason, maxLoss: input.maxLoss ?? null },
      occurredAt: now,
    });
  });
}

/** Decides in one transaction, and goes on as far as this request has time; a job does the rest. */
async function end(
  ctx: Context,
  mutation: string,
  input: CancelPackageInput | ResolvePackageInput,
  decide: (tx: Transaction, locked: LockedPackage) => Promise<void>,
): Promise<Done> {
  if ((input.reason?.length ?? 0) > REASON_MAX)
    throw invalidInput(`A reason has at most ${REASON_MAX} characters.`, ['input', 'reason']);
  const id = idOf('Package', input.packageId, FIELD);
  const done = await runOperation(ctx, mutation, { ...input }, (operation) =>
    operation.once(async (tx) => {
      await decide(tx, await requirePackage(tx, id, FIELD));
      return { type: 'Package', id };
    }),
  );
  await stepPackage(ctx.app, ctx.scope, id, ctx.deadlineAtMs);
  return done;
}

async function takeBack(
  { app }: Context,
  tx: Transaction,
  { order, package: one, legs }: LockedPackage,
  { note, lossMaxMinor }: { note: string; lossMaxMinor: bigint },
): Promise<void> {
  const now = app.clock.now();
  if (one.phase === 'HOLDING' || one.phase === 'PAYABLE') await cancelUnpaid(app, tx, order, note);
  // What the provider refused once is asked anew: a person may have talked to it.
  for (const booking of legs.filter(
    ({ phase, syncStatus }) => phase === 'CONFIRMED' && syncStatus === 'NEEDS_ATTENTION',
  ))
    changeBooking(app, tx, booking, { syncStatus: 'SYNCED', stepAttempts: 0, nextStepAt: null });
  changePackage(app, tx, one, {
    phase: 'CANCELLING',
    status: 'COMPENSATING',
    lossMaxMinor,
    note,
    nextStepAt: now,
  });
}

/** What is lost by now, and what taking back the rest would lose besides. */
function wholeLoss({ legs }: PackageFacts): bigint {
  const booked = legs.filter(({ state }) => state === 'BOOKED');
  return booked.reduce((sum, { lossMinor }) => sum + lossMinor, tallyOf(legs).lostMinor);
}

function lossOf({ maxLoss }: { maxLoss?: string | null }, currencyCode: string): bigint | null {
  return maxLoss === null || maxLoss === undefined ? null : parseAmount(maxLoss, currencyCode, ['input', 'maxLoss']);
}

/** @throws RISK_TOO_HIGH with what would be lost */
function requireLoss(lossMinor: bigint, maxMinor: bigint | null, currencyCode: string): void {
  if (maxMinor === null || lossMinor <= maxMinor) return;
  throw new AppError('RISK_TOO_HIGH', 'Cancelling would cost more than that. Say how much may be lost.', {
    field: ['input', 'maxLoss'],
    details: { loss: { amount: formatAmount(lossMinor, currencyCode), currencyCode } },
  });
}
