/**
 * Where the ledger and the records (payments, refunds, orders, lots) do not say the same. Nothing is set off against anything: what the
 * ledger has too much and what it lacks are listed apart, however they sum.
 */
import { POINTS_UNIT } from './ledger.ts';
import { formatAmount } from './money.ts';

/** What is compared. The flows of a report, what is held for review, and what customers have of loyalty. */
export const DIFFERENCE_KINDS = [
  'SOLD',
  'TAKEN',
  'TAKEN_BY_WALLET',
  'TOPPED_UP',
  'REFUNDED_TO_GATEWAY',
  'REFUNDED_TO_WALLET',
  'COMMISSION',
  'CREDITED',
  'UNDER_REVIEW',
  'CASHBACK_PENDING',
  'POINTS',
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** What ledger and records say of one thing, where it is not the same. Minor units, or points. */
export interface Claim {
  readonly what: DifferenceKind;
  /** The record: Payment, Refund, Order or User. Null for a transaction of the ledger that belongs to none. */
  readonly type: string | null;
  /** Of the record, or of the transaction. */
  readonly id: string;
  readonly currencyCode: string;
  readonly ledgerMinor: bigint;
  readonly recordsMinor: bigint;
  /** Null where it says nothing. */
  readonly ledgerAt: Date | null;
  readonly recordsAt: Date | null;
  /** Both say so much, but at times too far from each other to be one moment. */
  readonly isApart: boolean;
}

export interface MoneyDifference {
  readonly date: string;
  readonly currencyCode: string;
  readonly what: DifferenceKind;
  readonly ledgerMinor: bigint;
  readonly recordsMinor: bigint;
  /** Ledger less records, never zero. */
  readonly differenceMinor: bigint;
  /** How many things differ this way. */
  readonly count: number;
  /** The first of them. */
  readonly of: readonly { readonly type: string | null; readonly id: string }[];
}

/** Major units of a currency, or points. */
export function writtenAmount(minor: bigint, currencyCode: string): string {
  return currencyCode === POINTS_UNIT ? minor.toString() : formatAmount(minor, currencyCode);
}

const SHOWN_MAX = 5;

/**
 * Claims as a list for people: one line for each day, currency, kind and direction, so that it is never longer than days are.
 * @param days of the report, with `bounds` where they begin and the last one ends; what lies outside is not theirs
 */
export function listDifferences(
  claims: readonly Claim[],
  { days, bounds }: { readonly days: readonly string[]; readonly bounds: readonly Date[] },
): MoneyDifference[] {
  const lines = new Map<string, MoneyDifference>();
  for (const part of claims.flatMap(partsOf)) {
    const date = days[bounds.findLastIndex((bound) => bound <= part.at)];
    if (date === undefined) continue;
    const { what, currencyCode } = part;
    const differenceMinor = part.ledgerMinor - part.recordsMinor;
    const key = [
      date,
      currencyCode,
      String(DIFFERENCE_KINDS.indexOf(what)).padStart(2, '0'),
      differenceMinor < 0n,
    ].join(' ');
    const line = lines.get(key);
    lines.set(key, {
      date,
      currencyCode,
      what,
      ledgerMinor: part.ledgerMinor + (line?.ledgerMinor ?? 0n),
      recordsMinor: part.recordsMinor + (line?.recordsMinor ?? 0n),
      differenceMinor: differenceMinor + (line?.differenceMinor ?? 0n),
      count: 1 + (line?.count ?? 0),
      of: [...(line?.of ?? []), { type: part.type, id: part.id }].slice(0, SHOWN_MAX),
    });
  }
  return [...lines].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, line]) => line);
}

interface Part extends Pick<Claim, 'what' | 'type' | 'id' | 'currencyCode' | 'ledgerMinor' | 'recordsMinor'> {
  readonly at: Date;
}

/** What is said of two days is missing on either. */
function partsOf(claim: Claim): Part[] {
  const { ledgerAt, recordsAt } = claim;
  if (claim.isApart && ledgerAt && recordsAt)
    return [
      { ...claim, recordsMinor: 0n, at: ledgerAt },
      { ...claim, ledgerMinor: 0n, at: recordsAt },
    ];
  const at = ledgerAt ?? recordsAt;
  return at && claim.ledgerMinor !== claim.recordsMinor ? [{ ...claim, at }] : [];
}
