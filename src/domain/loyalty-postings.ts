/**
 * What points and cashback do to the ledger (LOY-3, LOY-4). What a customer owes, because something was taken back that was spent
 * already, is paid back first by whatever loyalty brings next; the customer's own money (top-ups, refunds) never pays it.
 */
import { balanced, type LedgerEntry } from './ledger.ts';

/** Points of a paid order. @param owed what the customer owes of them: paid back first */
export function pointsEarnedPosting(input: { readonly points: bigint; readonly owed: bigint }): LedgerEntry[] {
  const paidBack = input.owed < input.points ? input.owed : input.points;
  return balanced([
    ['POINTS_ISSUED', input.points],
    ['POINTS_OWED', -paidBack],
    ['POINTS', -(input.points - paidBack)],
  ]);
}

export function pointsExpiredPosting(input: { readonly points: bigint }): LedgerEntry[] {
  return balanced([
    ['POINTS', input.points],
    ['POINTS_EXPIRED', -input.points],
  ]);
}

export function pointsRedeemedPosting(input: { readonly points: bigint }): LedgerEntry[] {
  return balanced([
    ['POINTS', input.points],
    ['POINTS_REDEEMED', -input.points],
  ]);
}

/** The wallet money that redeemed points bring: the tenant pays it. */
export function redemptionPosting(input: { readonly worthMinor: bigint }): LedgerEntry[] {
  return balanced([
    ['LOYALTY_COST', input.worthMinor],
    ['WALLET_OWED', -input.worthMinor, 'WALLET'],
  ]);
}

/** A refund takes points back. @param fromAccount what the customer still has @param owed what was spent */
export function pointsTakenBackPosting(input: { readonly fromAccount: bigint; readonly owed: bigint }): LedgerEntry[] {
  return balanced([
    ['POINTS', input.fromAccount],
    ['POINTS_OWED', input.owed],
    ['POINTS_ISSUED', -(input.fromAccount + input.owed)],
  ]);
}

/** Cashback of a paid order, to be spent after the return period. */
export function cashbackEarnedPosting(input: { readonly cashbackMinor: bigint }): LedgerEntry[] {
  return balanced([
    ['LOYALTY_COST', input.cashbackMinor],
    ['CASHBACK_PENDING', -input.cashbackMinor],
  ]);
}

/** The return period is over. The last two entries only count for the summary. */
export function cashbackCreditedPosting(input: { readonly cashbackMinor: bigint }): LedgerEntry[] {
  const { cashbackMinor } = input;
  return balanced([
    ['CASHBACK_PENDING', cashbackMinor],
    ['WALLET_OWED', -cashbackMinor, 'WALLET'],
    ['CASHBACK_TOTAL', cashbackMinor],
    ['CASHBACK_CREDITED', -cashbackMinor],
  ]);
}

/** A refund takes cashback back. @param pendingMinor of what is pending @param creditedMinor of what was credited: from the wallet, as far as it goes */
export function cashbackTakenBackPosting(input: {
  readonly pendingMinor: bigint;
  readonly creditedMinor: bigint;
}): LedgerEntry[] {
  const { pendingMinor, creditedMinor } = input;
  return balanced([
    ['CASHBACK_PENDING', pendingMinor],
    ['WALLET', creditedMinor, 'WALLET_OWED'],
    ['LOYALTY_COST', -(pendingMinor + creditedMinor)],
    ['CASHBACK_CREDITED', creditedMinor],
    ['CASHBACK_TOTAL', -creditedMinor],
  ]);
}
