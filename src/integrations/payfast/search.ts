import type { GatewayConnection, GatewayPaymentState, LookUpHints, OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import { askApi, type PayfastOptions } from './exchange.ts';
import { dayOf, toSearchedState } from './map.ts';
import { readStatement, type StatementRow } from './statement.ts';

/**
 * Finds one of our payments in the account's statement: the only thing the vendor can be asked by our id. The pages
 * are read to an empty one, because how many rows a page may have is not documented.
 */
const PAGE_ROWS = 1_000;
const PAGES_MAX = 20;
const DAY_MS = 86_400_000;
const SEARCHED_DAYS = 31;
/** A thousand rows with their texts are larger than the usual answer. */
const PAGE_BYTES_MAX = 4 * 1_048_576;

export async function searchStatement(
  options: PayfastOptions,
  connection: GatewayConnection,
  paymentId: string,
  call: OutboundCall,
  hints: LookUpHints,
): Promise<Outcome<GatewayPaymentState>> {
  const budget = sharedBudget(options.clock, { ...call, maxBytes: PAGE_BYTES_MAX });
  const now = options.clock.now().getTime();
  const begun = hints.createdAt?.getTime() ?? now - SEARCHED_DAYS * DAY_MS;
  // A day more at both ends: the vendor's clock is not ours.
  const days = { from: dayOf(new Date(begun - DAY_MS)), to: dayOf(new Date(now + DAY_MS)) };
  const rows: StatementRow[] = [];
  for (let page = 0; page < PAGES_MAX; page++) {
    const query = { ...days, offset: String(rows.length), limit: String(PAGE_ROWS) };
    const path = '/transactions/history';
    const asked = await askApi(options, {
      connection,
      call: budget.next(),
      method: 'GET',
      path,
      query,
      effect: false,
      read: readStatement,
    });
    if (asked.kind !== 'done') return asked;
    const ended = asked.value.length === 0 || isRepeated(asked.value, rows);
    if (ended) return { kind: 'done', value: toSearchedState(rows, paymentId, hints.gatewayKey ?? null) };
    rows.push(...asked.value);
    if (budget.isOver) return notDone('unavailable', 'the deadline passed while the statement was read');
  }
  return notDone('unavailable', 'the statement of these days is too long to be searched');
}

/** A server that pays no heed to the offset sends the first page for ever. */
function isRepeated(page: readonly StatementRow[], before: readonly StatementRow[]): boolean {
  const key = (row: StatementRow | undefined): string => JSON.stringify(row);
  return before.length > 0 && key(page[0]) === key(before[0]) && key(page.at(-1)) === key(before.at(page.length - 1));
}
