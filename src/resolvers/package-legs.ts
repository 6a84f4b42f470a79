import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { parseAmount } from '../domain/money.ts';
import {
  planPackage,
  POLICY_UNSET,
  requireRisk,
  type PackagePlan,
  type PackagePolicy,
} from '../domain/package-plan.ts';
import { AppError, invalidInput } from '../errors.ts';
import { openOffer } from '../offers.ts';
import { askOffer, dearer, payableMinorOf, type Available, type Wanted } from './booking-begin.ts';
import { requireContact } from './booking-input.ts';
import { flightWanted, type PassengerInput } from './flight.ts';
import { stayWanted } from './stay.ts';

export interface PackageLegInput {
  readonly offerId: string;
  /** Of a stay. */
  readonly guests?: readonly { givenName: string; familyName: string; room?: number | null }[] | null;
  /** Of a flight. */
  readonly passengers?: readonly PassengerInput[] | null;
  readonly specialRequests?: string | null;
}

export interface BookPackageInput {
  readonly legs: readonly PackageLegInput[];
  readonly contactEmail: string;
  readonly contactPhone?: string | null;
  readonly customerId?: string | null;
  readonly maxTotal?: string | null;
  readonly maxRisk?: string | null;
  readonly idempotencyKey?: string | null;
}

/** A package as it is wished for: read and checked, and nobody asked yet. */
export interface WantedPackage {
  /** As they were given. */
  readonly legs: readonly Wanted[];
  readonly currencyCode: string;
  /** The most the caller will pay, with what is paid on the spot; null: nothing was said. */
  readonly maxTotalMinor: bigint | null;
  /** What the offers said together. */
  readonly offeredMinor: bigint;
  /** The most the caller would lose; null: whatever it comes to. */
  readonly maxRiskMinor: bigint | null;
}

/** Its price a moment ago, and how it would be gone about. */
export interface PricedPackage {
  readonly legs: readonly { readonly wanted: Wanted; readonly checked: Available; readonly holds: boolean }[];
  readonly plan: PackagePlan;
  readonly policy: PackagePolicy;
  readonly onAccount: boolean;
}

const LEGS_MIN = 2;
const LEGS_MAX = 6;

/** @throws INVALID_INPUT, OFFER_EXPIRED, CURRENCY_MISMATCH for legs in different currencies */
export function wantedPackage(input: BookPackageInput, ctx: Context): WantedPackage {
  const { legs: given } = input;
  if (given.length < LEGS_MIN || given.length > LEGS_MAX)
    throw invalidInput(`A package has ${LEGS_MIN} to ${LEGS_MAX} legs.`, ['input', 'legs']);
  requireContact(input);
  const legs = given.map((leg, index) => wantedLeg(ctx, input, leg, ['input', 'legs', String(index)]));
  const { currencyCode } = legs[0]!.offer;
  const other = legs.findIndex(({ offer }) => offer.currencyCode !== currencyCode);
  if (other !== -1)
    throw new AppError('CURRENCY_MISMATCH', 'All parts of a trip are paid together: search them in one currency.', {
      field: ['input', 'legs', String(other), 'offerId'],
      details: { currencies: legs.map(({ offer }) => offer.currencyCode) },
    });
  const amountOf = (name: 'maxTotal' | 'maxRisk') => {
    const text = input[name] ?? null;
    return text === null ? null : parseAmount(text, currencyCode, ['input', name]);
  };
  return {
    legs,
    currencyCode,
    maxTotalMinor: amountOf('maxTotal'),
    maxRiskMinor: amountOf('maxRisk'),
    offeredMinor: legs.reduce((sum, { offer }) => sum + BigInt(offer.totalMinor), 0n),
  };
}

function wantedLeg(
  { app, scope, client }: Context,
  { contactEmail, contactPhone }: BookPackageInput,
  leg: PackageLegInput,
  field: readonly string[],
): Wanted {
  const { tenantId } = scope;
  const offer = openOffer(app.vault, app.clock, { id: leg.offerId, tenantId, field: [...field, 'offerId'] });
  const { guests = null, passengers = null, specialRequests = null } = leg;
  if (offer.kind === 'STAY') {
    if (guests === null || passengers !== null) throw invalidInput('Name the guests of a stay.', [...field, 'guests']);
    return stayWanted(
      offer,
      { guests, contactEmail, contactPhone: contactPhone ?? null, specialRequests },
      { client, field },
    );
  }
  if (passengers === null || guests !== null || specialRequests !== null)
    throw invalidInput('Name the passengers of a flight, and nothing else.', [...field, 'passengers']);
  if (!contactPhone)
    throw invalidInput('Airlines want a telephone number to be reached at.', ['input', 'contactPhone']);
  const about = { client, now: app.clock.now(), field };
  return flightWanted(offer, { passengers, contactEmail, contactPhone }, about);
}

/**
 * Asks the price of every leg once more, all at once and without any effect, and plans. No transaction may be open.
 * @throws as askOffer, with the leg at fault; PRICE_CHANGED above the most the caller pays, RISK_TOO_HIGH
 */
export async function pricedPackage(
  wanted: WantedPackage,
  { app, scope }: Pick<Context, 'app' | 'scope'>,
): Promise<PricedPackage> {
  const { tenantId } = scope;
  const asked = await Promise.allSettled(wanted.legs.map((leg) => askOffer(app, tenantId, leg)));
  const legs = asked.map((answer, index) => {
    if (answer.status === 'rejected') throw ofLeg(answer.reason, index);
    return { wanted: wanted.legs[index]!, ...answer.value };
  });
  const { policy, onAccount } = await app.db.read(scope, readTerms);
  const now = app.clock.now();
  const plan = planPackage(
    legs.map(({ wanted: { offer }, checked, holds }) => ({
      vertical: offer.kind === 'STAY' ? ('LODGING' as const) : ('FLIGHTS_BOOKING' as const),
      amountMinor: payableMinorOf(checked),
      terms: { fees: checked.cancellationFees, refundable: checked.refundable },
      holds,
      expiresAt: checked.expiresAt,
    })),
    { policy, onAccount, now },
  );
  requireTotal(legs, wanted);
  requireRisk(plan, wanted.maxRiskMinor, wanted.currencyCode);
  return { legs, plan, policy, onAccount };
}

/** @throws PRICE_CHANGED where all legs together cost more than the caller said */
function requireTotal(legs: PricedPackage['legs'], { maxTotalMinor, currencyCode }: WantedPackage): void {
  const totalMinor = legs.reduce((sum, { checked }) => sum + checked.totalMinor, 0n);
  if (maxTotalMinor !== null && totalMinor > maxTotalMinor) throw dearer(totalMinor, currencyCode);
}

/** The same refusal, with the leg that it is about. */
function ofLeg(error: unknown, index: number): unknown {
  if (!(error instanceof AppError)) return error;
  return new AppError(error.code, error.message, {
    field: ['input', 'legs', String(index), 'offerId'],
    details: { ...error.details, leg: index },
    log: error.logMessage,
    cause: error,
  });
}

async function readTerms(tx: Transaction): Promise<{ policy: PackagePolicy; onAccount: boolean }> {
  const { terms } = await tx.one<{ terms: string }>(
    'select booking_terms::text as terms from tenants where id = current_tenant()',
  );
  return { policy: await policyOf(tx), onAccount: terms === 'ON_ACCOUNT' };
}

/** The tenant's policy, else the platform's, else ours (PRV-16). */
async function policyOf(tx: Transaction): Promise<PackagePolicy> {
  const found = await tx.maybeOne<PackagePolicy>(
    `select p.rollback, p.leg_order::text[] as "legOrder" from package_policies p
     where p.tenant_id = current_tenant() or p.tenant_id is null order by p.tenant_id is null limit 1`,
  );
  return found ?? POLICY_UNSET;
}
