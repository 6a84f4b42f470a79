import type { GatewayConnection, OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import { VENDOR_TIME_ZONE, askV3, type FawaterkOptions } from './exchange.ts';
import {
  endsBefore,
  entriesAbout,
  listed,
  type ListedRefund,
  type Listing,
  type WantedRefund,
} from './refund-match.ts';
import type { Tokens } from './tokens.ts';
import { RefundDetailsAnswer, RefundPageAnswer, type RefundEntry } from './wire.ts';

/**
 * What the vendor shows of refunds. The paths stand in the vendor's own interface description (version 3.0.0), not in
 * its guides, and were not tried against it: an account that answers 404 or 405 there counts as one without a list.
 */
const LIST_PATH = '/refund/index';
const DETAILS_PATH = '/refund/details';

/** The list has no filter and ten entries a page; with the vendor's 60 calls a minute, half of them are ours to use. */
const PAGES_MAX = 30;
const DAY_MS = 86_400_000;

/** What every question about refunds needs. */
export interface RefundDesk {
  readonly options: FawaterkOptions;
  readonly tokens: Tokens;
  readonly connection: GatewayConnection;
}

/**
 * Every refund of the invoice, or that the vendor shows no list. An answer that cannot be read, a list that changed
 * while it was read or that is too long is notDone: then nothing is known, least of all that a refund is not there.
 * @param since no refund of it can be older
 */
export async function refundsOf(
  desk: RefundDesk,
  wanted: WantedRefund,
  since: Date,
  call: OutboundCall,
): Promise<Outcome<Listing | 'NOT_OFFERED'>> {
  const budget = sharedBudget(desk.options.clock, call);
  const seen = new Map<string, RefundEntry>();
  let totalMax = 0;
  for (let page = 1; page <= PAGES_MAX; page++) {
    if (budget.isOver) return notDone('unavailable', 'the deadline passed while the refunds were read');
    const asked = await pageOf(desk, page, budget.next());
    if (asked.kind !== 'done') return asked;
    if (asked.value === 'NOT_OFFERED') {
      return page === 1 ? { kind: 'done', value: 'NOT_OFFERED' } : notDone('unavailable', 'the list broke off');
    }
    const { current_page: current, last_page: last, total, data } = asked.value;
    // A refund that was withdrawn moves a later one to a page already read.
    if (current !== page || (total !== null && total < totalMax)) {
      return notDone('unavailable', 'the list of refunds changed while it was read');
    }
    totalMax = Math.max(totalMax, total ?? 0);
    data.forEach((entry, index) => seen.set(entry.id ?? `${page}:${index}`, entry));
    if (page >= last || isPast([...seen.values()], since, desk.options.timeZone ?? VENDOR_TIME_ZONE)) {
      return { kind: 'done', value: entriesAbout([...seen.values()], wanted) };
    }
  }
  return notDone('unavailable', 'the list of refunds is too long to be searched');
}

/** The newest refunds of the invoice: what the first page shows, whether or not there are more. */
export async function newestRefundsOf(
  desk: RefundDesk,
  wanted: WantedRefund,
  call: OutboundCall,
): Promise<readonly ListedRefund[]> {
  const asked = await pageOf(desk, 1, call);
  if (asked.kind !== 'done' || asked.value === 'NOT_OFFERED') return [];
  return entriesAbout(asked.value.data, wanted).refunds;
}

/** One refund by the vendor's number; null where the vendor shows none under it. */
export async function refundByNumber(
  { options, tokens, connection }: RefundDesk,
  id: string,
  currencyCode: string,
  call: OutboundCall,
): Promise<Outcome<ListedRefund | null>> {
  return askV3(options, tokens, {
    connection,
    call,
    method: 'GET',
    path: `${DETAILS_PATH}/${id}`,
    effect: false,
    shape: RefundDetailsAnswer,
    // An answer about another refund says nothing about this one.
    convert: ({ refund }) => (refund?.id === id ? listed(id, refund, currencyCode) : null),
    missing: null,
  });
}

interface Page {
  readonly current_page: number;
  readonly last_page: number;
  readonly total: number | null;
  readonly data: readonly RefundEntry[];
}

function pageOf(
  { options, tokens, connection }: RefundDesk,
  page: number,
  call: OutboundCall,
): Promise<Outcome<Page | 'NOT_OFFERED'>> {
  return askV3<Page, Page | 'NOT_OFFERED'>(options, tokens, {
    connection,
    call,
    method: 'POST',
    path: `${LIST_PATH}?page=${page}`,
    effect: false,
    shape: RefundPageAnswer,
    convert: (answer) => answer,
    missing: 'NOT_OFFERED',
  });
}

/** The newest come first: seen to be so as far as was read, and older than the payment at the end, nothing of it follows. */
function isPast(entries: readonly RefundEntry[], since: Date, timeZone: string): boolean {
  const descending = entries.every(({ id }, index) => {
    const before = index === 0 ? null : (entries[index - 1]?.id ?? null);
    return id !== null && (index === 0 || (before !== null && BigInt(before) > BigInt(id)));
  });
  // Two days, because the vendor's clock is not ours and its zone is not confirmed.
  return descending && endsBefore(entries, new Date(since.getTime() - 2 * DAY_MS), timeZone);
}
