import { readTime } from './map.ts';
import { fromVendorAmount } from './money.ts';
import type { RefundEntry } from './wire.ts';

/**
 * Which entry of the vendor's list is our refund (payment-gateways.md 1.9). Pure. An entry names no id of ours unless
 * the vendor shows the comment we sent, so without one a refund is known by invoice, amount and what our own books say
 * was given back before.
 */
export interface ListedRefund {
  readonly id: string;
  /** Null where the amount cannot be read. */
  readonly amountMinor: bigint | null;
  readonly state: 'DONE' | 'REQUESTED' | 'FAILED';
  /** What the vendor shows of our comment. */
  readonly note: string;
}

export interface Listing {
  readonly refunds: readonly ListedRefund[];
  /** An entry that may be about the invoice cannot be read, so nothing is certainly absent. */
  readonly isUnclear: boolean;
}

/** What is looked for: a refund of one invoice. */
export interface WantedRefund {
  readonly invoice: string;
  readonly refundId: string;
  readonly amountMinor: bigint;
  readonly currencyCode: string;
  readonly refundedBeforeMinor: bigint;
}

export interface Recognised {
  readonly state: 'DONE' | 'REQUESTED' | 'FAILED' | 'NOT_FOUND';
  /** The vendor's number, where one entry is the refund. */
  readonly id: string | null;
  /** It was known by its number or our comment, and not by its amount alone. */
  readonly isNamed: boolean;
}

/** The list and our books cannot both be right: a person has to look. */
export interface Contradiction {
  readonly contradiction: string;
}

const OTHER_BOOKS = { contradiction: 'the refunds there are not the ones in our books' };

/**
 * A word that is not known leaves the refund open: neither money nor a new try may follow from a guess. `1` is the
 * approved state of the refund hook.
 */
export function refundState(status: string | null): ListedRefund['state'] {
  const word = (status ?? '').trim().toLowerCase();
  if (word === 'approved' || word === 'refunded' || word === '1') return 'DONE';
  const ended = ['rejected', 'declined', 'deleted', 'canceled', 'cancelled'];
  return ended.includes(word) ? 'FAILED' : 'REQUESTED';
}

/** The entries about the invoice. */
export function entriesAbout(entries: readonly RefundEntry[], wanted: WantedRefund): Listing {
  const refunds: ListedRefund[] = [];
  let isUnclear = false;
  for (const entry of entries) {
    const about = isAbout(entry, wanted);
    if (about === 'yes' && entry.id !== null) refunds.push(listed(entry.id, entry, wanted.currencyCode));
    else if (about !== 'no') isUnclear = true;
  }
  return { refunds, isUnclear };
}

export function listed(
  id: string,
  entry: Pick<RefundEntry, 'refundable_amount' | 'status' | 'reason' | 'comment'>,
  currencyCode: string,
): ListedRefund {
  return {
    id,
    amountMinor: entry.refundable_amount === null ? null : fromVendorAmount(entry.refundable_amount, currencyCode),
    state: refundState(entry.status),
    note: `${entry.comment ?? ''} ${entry.reason ?? ''}`.toLowerCase(),
  };
}

/**
 * Each kind of payment has numbers of its own there, so a transaction may carry the number of our invoice. A kind that
 * is not known may be ours in other words.
 */
function isAbout(entry: RefundEntry, wanted: WantedRefund): 'yes' | 'no' | 'perhaps' {
  const kind = (entry.refundable_type ?? '').trim().toLowerCase().split('\\').at(-1) ?? '';
  if (/transaction|link|^[123]$/.test(kind)) return 'no';
  if (entry.refundable_id === null) {
    const { amountMinor, state } = listed('', entry, wanted.currencyCode);
    return state === 'FAILED' || (amountMinor !== null && amountMinor !== wanted.amountMinor) ? 'no' : 'perhaps';
  }
  if (entry.refundable_id !== wanted.invoice) return 'no';
  return kind === 'invoice' || kind === '0' ? 'yes' : 'perhaps';
}

/** @param id the vendor's number of it, where we know it */
export function recognise(
  { refunds, isUnclear }: Listing,
  wanted: WantedRefund,
  id: string | null,
): Recognised | Contradiction {
  const named = namedOnes(refunds, wanted, id);
  if (named.length > 0) return oneOf(named, wanted);
  if (isUnclear) return { contradiction: 'a refund there cannot be read' };
  const given = approvedSum(refunds);
  if (given === null) return { contradiction: 'the amount of a refund there cannot be read' };
  const alike = refunds.filter((one) => one.amountMinor === wanted.amountMinor && !isMarked(one));
  const newest = (state: ListedRefund['state']): ListedRefund | undefined =>
    alike.filter((one) => one.state === state).toSorted((a, b) => (BigInt(a.id) < BigInt(b.id) ? 1 : -1))[0];
  if (given === wanted.refundedBeforeMinor + wanted.amountMinor) {
    const done = newest('DONE');
    return done && id === null ? { state: 'DONE', id: done.id, isNamed: false } : OTHER_BOOKS;
  }
  if (given !== wanted.refundedBeforeMinor) return OTHER_BOOKS;
  // Only a request that is still open can be withdrawn, and then it is gone.
  if (id !== null) return { state: 'FAILED', id, isNamed: true };
  const open = alike.filter((one) => one.state === 'REQUESTED');
  if (open.length > 0) return { state: 'REQUESTED', id: open.length === 1 ? open[0]!.id : null, isNamed: false };
  // Somebody's, or ours in another currency's amount: never sent a second time.
  if (refunds.some((one) => one.state === 'REQUESTED' && !isMarked(one))) {
    return { contradiction: 'another refund of this payment is open there' };
  }
  const failed = newest('FAILED');
  return failed ? { state: 'FAILED', id: failed.id, isNamed: false } : { state: 'NOT_FOUND', id: null, isNamed: false };
}

function namedOnes(refunds: readonly ListedRefund[], wanted: WantedRefund, id: string | null): ListedRefund[] {
  return refunds.filter((one) =>
    id === null ? wanted.refundId !== '' && one.note.includes(wanted.refundId.toLowerCase()) : one.id === id,
  );
}

function oneOf(named: readonly ListedRefund[], wanted: WantedRefund): Recognised | Contradiction {
  if (named.some((one) => one.amountMinor !== wanted.amountMinor)) return OTHER_BOOKS;
  const alive = named.filter((one) => one.state !== 'FAILED');
  if (alive.length > 1) return { contradiction: 'this refund was asked for twice' };
  const { state, id } = alive[0] ?? named[0]!;
  return { state, id, isNamed: true };
}

/** What was given back of the invoice; null where an amount that counts cannot be read. */
function approvedSum(refunds: readonly ListedRefund[]): bigint | null {
  let sum = 0n;
  for (const { state, amountMinor } of refunds) {
    if (state === 'FAILED') continue;
    if (amountMinor === null) return null;
    if (state === 'DONE') sum += amountMinor;
  }
  return sum;
}

/** Our ids are UUIDs: an entry that carries one is a certain refund of ours, and not this one. */
function isMarked(one: ListedRefund): boolean {
  return /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/.test(one.note);
}

/** Whether the page's last entry is older than the time, read in the vendor's zone. */
export function endsBefore(entries: readonly RefundEntry[], time: Date, timeZone: string): boolean {
  const at = readTime(entries.at(-1)?.created_at ?? null, timeZone);
  return at !== null && at.getTime() < time.getTime();
}
