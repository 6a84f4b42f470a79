/**
 * What a tenant's rules say of points, cashback and top-ups (LOY-2, LOY-3, LOY-4; TEN-5), and what an order earns by them.
 *
 * Everything is rounded down: points to whole ones, cashback and what points are worth to the minor unit of the currency (0, 2 or 3
 * decimals). So the sum of what is promised is never more than the rule's share of what was paid.
 */
import { AppError, invalidInput } from '../errors.ts';
import { AMOUNT_MINOR_MAX, exponentOf, formatAmount, isAmountInBounds, parseRate } from './money.ts';

export interface LoyaltyRules {
  /** Of `pointsPerUnit`, `redemptionRate` and the top-ups' limits. There are no exchange rates: orders in another currency earn no points. */
  readonly currencyCode: string;
  /** Whether paid orders earn points. What was earned can be redeemed also when it is off again. */
  readonly pointsEnabled: boolean;
  /** Points for each major unit that was paid, a decimal as text. */
  readonly pointsPerUnit: string;
  /** Days of 24 hours; null: points never run out. */
  readonly pointsExpireDays: number | null;
  /** Wallet money in major units for one point, a decimal as text; "0": points can't be redeemed. */
  readonly redemptionRate: string;
  readonly redeemPointsMin: number;
  readonly cashbackEnabled: boolean;
  /** "5" is 5 % of what was paid. */
  readonly cashbackPercent: string;
  /** Days of 24 hours until cashback can be spent: the return period. */
  readonly cashbackPendingDays: number;
  /** Whether the tax of an order earns as well. */
  readonly earnOnTax: boolean;
  readonly topUpEnabled: boolean;
  readonly topUpMinMinor: bigint;
  /** Null: as much as an amount can be. */
  readonly topUpMaxMinor: bigint | null;
}

/** The rules of a tenant that has set none: nothing is earned, nothing redeemed, nothing topped up. */
export function rulesUnset(currencyCode: string): LoyaltyRules {
  return {
    currencyCode,
    pointsEnabled: false,
    pointsPerUnit: '0',
    pointsExpireDays: null,
    redemptionRate: '0',
    redeemPointsMin: 1,
    cashbackEnabled: false,
    cashbackPercent: '0',
    cashbackPendingDays: 14,
    earnOnTax: true,
    topUpEnabled: false,
    topUpMinMinor: 1n,
    topUpMaxMinor: null,
  };
}

/** Nobody has more points, so that every number of points is an Int of the graph. What an order would earn beyond is not earned. */
export const POINTS_MAX = 2_000_000_000n;

const DAYS_MAX = 3_650;
const POINTS_PER_UNIT = { whole: 6, decimals: 4 };
const REDEMPTION_RATE = { whole: 6, decimals: 6 };

/**
 * The rules, checked and in their shortest spelling.
 * @throws INVALID_INPUT with the field at fault
 */
export function checkedRules(rules: LoyaltyRules): LoyaltyRules {
  const field = (name: keyof LoyaltyRules) => ['input', name];
  exponentOf(rules.currencyCode, field('currencyCode'));
  const pointsPerUnit = readDecimal(rules.pointsPerUnit, POINTS_PER_UNIT, field('pointsPerUnit'));
  const redemptionRate = readDecimal(rules.redemptionRate, REDEMPTION_RATE, field('redemptionRate'));
  const cashbackPercent = parseRate(rules.cashbackPercent, field('cashbackPercent'));
  if (rules.pointsEnabled && pointsPerUnit.numerator === 0n)
    throw invalidInput('Say how many points a unit earns.', field('pointsPerUnit'));
  if (rules.cashbackEnabled && cashbackPercent.numerator === 0n)
    throw invalidInput('Say how many percent come back.', field('cashbackPercent'));
  requireRange(rules.pointsExpireDays ?? 1, 1, DAYS_MAX, field('pointsExpireDays'));
  requireRange(rules.cashbackPendingDays, 0, DAYS_MAX, field('cashbackPendingDays'));
  requireRange(rules.redeemPointsMin, 1, Number(POINTS_MAX), field('redeemPointsMin'));
  const { topUpMinMinor, topUpMaxMinor } = rules;
  if (topUpMinMinor < 1n || !isAmountInBounds(topUpMinMinor))
    throw invalidInput('A top-up is more than nothing.', ['input', 'topUpMin']);
  if (topUpMaxMinor !== null && (topUpMaxMinor < topUpMinMinor || !isAmountInBounds(topUpMaxMinor)))
    throw invalidInput('The largest top-up is not less than the smallest.', ['input', 'topUpMax']);
  return {
    ...rules,
    pointsPerUnit: pointsPerUnit.text,
    redemptionRate: redemptionRate.text,
    cashbackPercent: cashbackPercent.text,
  };
}

function requireRange(value: number, least: number, most: number, field: readonly string[]): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw invalidInput(`This is a whole number from ${least} to ${most}.`, field);
}

interface Decimal {
  readonly text: string;
  readonly numerator: bigint;
  readonly denominator: bigint;
}

function readDecimal(
  text: string,
  { whole, decimals }: { whole: number; decimals: number },
  field?: readonly string[],
): Decimal {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text);
  const [, units = '', fraction = ''] = match ?? [];
  if (!match || units.length > whole || fraction.length > decimals)
    throw invalidInput(
      `This is a number of at most ${whole} digits and ${decimals} decimals, and not negative.`,
      field,
    );
  const short = fraction.replace(/0+$/, '');
  return {
    text: `${BigInt(units)}${short === '' ? '' : `.${short}`}`,
    numerator: BigInt(units + fraction.padEnd(decimals, '0')),
    denominator: 10n ** BigInt(decimals),
  };
}

/** What of an order is known once it is paid, in minor units of its currency. */
export interface PaidOrder {
  readonly currencyCode: string;
  readonly totalMinor: bigint;
  readonly taxMinor: bigint;
  /** What the customer really paid, by gateway and wallet: less than the total where an operator waived something. */
  readonly paidMinor: bigint;
}

/** What an order earns. @param pointsBalance what the customer has, which POINTS_MAX bounds */
export function earnedBy(
  order: PaidOrder,
  rules: LoyaltyRules,
  pointsBalance: bigint,
): { readonly points: bigint; readonly cashbackMinor: bigint } {
  const baseMinor = baseOf(order, rules);
  const points = rules.pointsEnabled && order.currencyCode === rules.currencyCode ? pointsFor(baseMinor, rules) : 0n;
  const room = POINTS_MAX > pointsBalance ? POINTS_MAX - pointsBalance : 0n;
  const { numerator, denominator } = parseRate(rules.cashbackPercent);
  return {
    points: points < room ? points : room,
    cashbackMinor: rules.cashbackEnabled ? (baseMinor * numerator) / denominator : 0n,
  };
}

function baseOf({ totalMinor, taxMinor, paidMinor }: PaidOrder, { earnOnTax }: LoyaltyRules): bigint {
  return earnOnTax || totalMinor === 0n ? paidMinor : (paidMinor * (totalMinor - taxMinor)) / totalMinor;
}

function pointsFor(baseMinor: bigint, { pointsPerUnit, currencyCode }: LoyaltyRules): bigint {
  const { numerator, denominator } = readDecimal(pointsPerUnit, POINTS_PER_UNIT);
  return (baseMinor * numerator) / (denominator * 10n ** BigInt(exponentOf(currencyCode)));
}

/**
 * What of an order's earnings stays when so much of it has gone back: the share of what was kept, rounded down as earning is. Taken back
 * is the rest; so any number of refunds takes back the same as one, and a full refund takes everything.
 */
export function keptOf(earned: bigint, paidMinor: bigint, refundedMinor: bigint): bigint {
  if (refundedMinor < 0n || refundedMinor > paidMinor) throw new Error('more went back of an order than was paid');
  return paidMinor === 0n ? 0n : (earned * (paidMinor - refundedMinor)) / paidMinor;
}

/**
 * The rules by which a customer does something of their own accord, where the tenant lets them.
 * @param rules undefined where the tenant has set none
 * @throws FEATURE_DISABLED naming what is off
 */
export function rulesFor(feature: 'redeemPoints' | 'topUp', rules: LoyaltyRules | undefined): LoyaltyRules {
  if (rules && (feature === 'topUp' ? rules.topUpEnabled : rules.redemptionRate !== '0')) return rules;
  const message = feature === 'topUp' ? 'Wallets are not topped up here.' : 'Points are not redeemed here.';
  throw new AppError('FEATURE_DISABLED', message, { details: { feature } });
}

/** What points are worth at the rules' rate in minor units of their currency, however few or many they are. */
export function pointsWorthMinor(points: bigint, { redemptionRate, currencyCode }: LoyaltyRules): bigint {
  const { numerator, denominator } = readDecimal(redemptionRate, REDEMPTION_RATE);
  return (points * numerator * 10n ** BigInt(exponentOf(currencyCode))) / denominator;
}

/**
 * What points that are redeemed are worth in wallet money of the rules' currency.
 * @throws INVALID_INPUT below the minimum, or where they are worth less than the smallest unit
 */
export function worthOf(points: bigint, rules: LoyaltyRules): bigint {
  const field = ['input', 'points'];
  if (points < BigInt(rules.redeemPointsMin)) {
    throw new AppError('INVALID_INPUT', `At least ${rules.redeemPointsMin} points are redeemed at once.`, {
      field,
      details: { redeemPointsMin: rules.redeemPointsMin },
    });
  }
  const worthMinor = pointsWorthMinor(points, rules);
  if (worthMinor === 0n) throw invalidInput('So few points are worth nothing.', field);
  if (worthMinor > AMOUNT_MINOR_MAX) throw invalidInput('So many points are not redeemed at once.', field);
  return worthMinor;
}

/** @throws INVALID_INPUT with the limits where the amount is outside of them */
export function requireTopUp(amountMinor: bigint, rules: LoyaltyRules, field: readonly string[]): void {
  const maxMinor = rules.topUpMaxMinor ?? AMOUNT_MINOR_MAX;
  if (amountMinor >= rules.topUpMinMinor && amountMinor <= maxMinor) return;
  const limits = {
    topUpMin: formatAmount(rules.topUpMinMinor, rules.currencyCode),
    topUpMax: formatAmount(maxMinor, rules.currencyCode),
  };
  throw new AppError('INVALID_INPUT', `A top-up is from ${limits.topUpMin} to ${limits.topUpMax}.`, {
    field,
    details: limits,
  });
}

const DAY_MS = 86_400_000;

/** When points earned now run out, and when cashback earned now can be spent. */
export function datesOf(earnedAt: Date, rules: LoyaltyRules): { pointsExpireAt: Date | null; cashbackDueAt: Date } {
  const after = (days: number) => new Date(earnedAt.getTime() + days * DAY_MS);
  return {
    pointsExpireAt: rules.pointsExpireDays === null ? null : after(rules.pointsExpireDays),
    cashbackDueAt: after(rules.cashbackPendingDays),
  };
}
