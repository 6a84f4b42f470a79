/**
 * A customer's points lie in lots, one per order that earned some (LOY-3). Pure: each function gives the lots as they are afterwards,
 * and what moved; the ledger's balance of points is always the sum of what remains in the lots.
 */
import { addAll } from './money.ts';

export interface PointsLot {
  readonly orderId: string;
  /** To be spent. */
  readonly remaining: bigint;
  /** Ran out, and no refund has asked for them. */
  readonly expired: bigint;
  readonly takenBack: bigint;
  /** Null: never. */
  readonly expireAt: Date | null;
}

/** What there is to spend. */
export function pointsIn(lots: readonly PointsLot[]): bigint {
  return addAll(lots.map((lot) => lot.remaining));
}

/** The order in which points are spent: those that run out first, before all. */
export function bySpending(one: PointsLot, other: PointsLot): number {
  const [a, b] = [one.expireAt?.getTime() ?? Infinity, other.expireAt?.getTime() ?? Infinity];
  if (a !== b) return a < b ? -1 : 1;
  return one.orderId < other.orderId ? -1 : 1;
}

export function isOver(lot: PointsLot, now: Date): boolean {
  return lot.remaining > 0n && lot.expireAt !== null && lot.expireAt <= now;
}

/** Lets those run out whose time is over. */
export function expire<T extends PointsLot>(lots: readonly T[], now: Date): T[] {
  return lots.map((lot) => (isOver(lot, now) ? { ...lot, remaining: 0n, expired: lot.expired + lot.remaining } : lot));
}

/** Spends points, oldest expiry first. @returns null where there are not so many */
export function spend<T extends PointsLot>(lots: readonly T[], points: bigint): T[] | null {
  const { lots: after, left } = spendWhatThereIs(lots, points);
  return left === 0n ? after : null;
}

function spendWhatThereIs<T extends PointsLot>(lots: readonly T[], points: bigint): { lots: T[]; left: bigint } {
  let left = points;
  const after = lots.toSorted(bySpending).map((lot) => {
    const taken = lot.remaining < left ? lot.remaining : left;
    left -= taken;
    return taken === 0n ? lot : { ...lot, remaining: lot.remaining - taken };
  });
  return { lots: after, left };
}

export interface TakenBack<T> {
  readonly lots: T[];
  /** Left the account. */
  readonly fromAccount: bigint;
  /** Were spent already: owed from now on. */
  readonly owed: bigint;
}

/**
 * A refund takes back points of its order's lot: first what remains of it, then what ran out of it, which is gone and is not taken a
 * second time; the rest was spent, so the customer's other lots give it, and where they have no more it is owed.
 * @param lots the order's own among them
 */
export function takeBack<T extends PointsLot>(lots: readonly T[], orderId: string, points: bigint): TakenBack<T> {
  const own = lots.find((lot) => lot.orderId === orderId);
  if (!own) throw new Error('points are taken back of a lot that is not there');
  const fromOwn = smaller(own.remaining, points);
  const fromExpired = smaller(own.expired, points - fromOwn);
  const reduced = {
    ...own,
    remaining: own.remaining - fromOwn,
    expired: own.expired - fromExpired,
    takenBack: own.takenBack + points,
  };
  const spent = points - fromOwn - fromExpired;
  const { lots: after, left } = spendWhatThereIs(
    lots.map((lot) => (lot.orderId === orderId ? reduced : lot)),
    spent,
  );
  return { lots: after, fromAccount: fromOwn + spent - left, owed: left };
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
