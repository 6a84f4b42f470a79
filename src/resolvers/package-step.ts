import type { Scope, Transaction } from '../db.ts';
import { lossAt } from '../domain/package-plan.ts';
import { nextPackageStep, type LegStep, type PackageStep } from '../domain/package.ts';
import type { BookingModel, PackageModel } from '../generated/prisma/models.ts';
import type { BookingChange } from './booking-change.ts';
import { termsOf } from './booking-outcome.ts';
import { beginStep, BOOKING_LEASE_MS, carryOut, type Claimed, type Stepping } from './booking-step.ts';
import { changePackage, factsOf, lockPackage, type LockedPackage } from './package-change.ts';
import { askBack, movePackage } from './package-move.ts';

/** More than any package needs, however often its providers are busy: what is left then, the next turn does. */
const STEPS_MAX = 100;

/**
 * Does what is to be done about a package until there is nothing to do but wait (PRV-16). Each step is written down
 * before it is done, in a transaction of its own; so whoever takes over finds where it stands. Safe to run twice, and at
 * once: what a call is under way about has a lease, and what it came to is looked up by the booking itself.
 * @param untilMs when the caller has to have its answer, ms since the epoch; what is left then a job does
 */
export async function stepPackage(app: Stepping, scope: Scope, id: string, untilMs = Infinity): Promise<void> {
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const next = await app.db.write(scope, (tx) => takeStep(app, tx, id));
    app.journal.wake();
    if (next === 'WAIT') return;
    if (next !== 'GO_ON') await carryOut(app, scope, next);
    if (app.clock.now().getTime() >= untilMs) return;
  }
}

async function takeStep(app: Stepping, tx: Transaction, id: string): Promise<Claimed | 'GO_ON' | 'WAIT'> {
  const locked = await lockPackage(tx, id);
  if (!locked) return 'WAIT';
  const now = app.clock.now();
  const step = nextPackageStep(await factsOf(tx, locked, now), now);
  switch (step.kind) {
    case 'LEG':
      return (await beginLeg(app, tx, locked, step)) ?? 'GO_ON';
    case 'MOVE':
      await movePackage(app, tx, locked, step);
      return 'GO_ON';
    case 'PAY_BACK':
      await askBack(app, tx, locked, step.amountMinor);
      return 'GO_ON';
    case 'WAIT':
      await rest(app, tx, locked.package, step);
      return 'WAIT';
  }
}

async function rest(
  app: Stepping,
  tx: Transaction,
  one: PackageModel,
  { until, status }: Extract<PackageStep, { kind: 'WAIT' }>,
): Promise<void> {
  if (status === one.status && until?.getTime() === one.nextStepAt?.getTime()) return;
  changePackage(app, tx, one, { status, nextStepAt: until });
}

/** @returns null where nobody outside is to be asked */
async function beginLeg(
  app: Stepping,
  tx: Transaction,
  { order, package: one, legs }: LockedPackage,
  { leg, step, status }: Extract<PackageStep, { kind: 'LEG' }>,
): Promise<Claimed | null> {
  const now = app.clock.now();
  const booking = legs[leg]!;
  const begun = await beginStep(app, tx, { order, booking }, step, taking(one, booking, step, now));
  // Should nobody come back from the call, the booking itself is due when its lease ends, and wakes us.
  const nextStepAt = begun === null ? now : new Date(now.getTime() + BOOKING_LEASE_MS);
  changePackage(app, tx, one, { status, nextStepAt });
  return begun;
}

/** What is written along with taking a leg back: what of its amount goes back then. */
function taking(one: PackageModel, booking: BookingModel, step: LegStep, now: Date): BookingChange {
  const cancelReason = one.note ?? `Package ${one.reference} was given up.`;
  const { amountMinor } = booking;
  if (step === 'DROP' || step === 'RELEASE') return { cancelReason, refundDueMinor: amountMinor };
  if (step !== 'CANCEL') return {};
  const refundDueMinor = amountMinor - lossAt(termsOf(booking), amountMinor, now);
  return { phase: 'CANCELLING', cancelReason, refundDueMinor };
}
