/** A report of money as a table: a line for each row, then a line for each difference, so that nobody takes the one without the other. */
import { CSV_BOM, csvLine, type Cell } from './csv.ts';
import { writtenAmount, type MoneyDifference } from './money-difference.ts';
import { formatAmount } from './money.ts';
import type { MoneyDay } from './money-report.ts';

const AMOUNTS = [
  'sold',
  'taken',
  'takenByWallet',
  'toppedUp',
  'refundedToGateway',
  'refundedToWallet',
  'fees',
  'commission',
  'atGateways',
  'underReview',
  'outstanding',
  'walletLiability',
  'customerCredit',
  'cashbackPending',
] as const satisfies readonly (keyof MoneyDay)[];
const OF_A_DAY = [...AMOUNTS, 'points', 'pointsWorth'];
const OF_A_DIFFERENCE = ['what', 'ledger', 'records', 'difference', 'count', 'ids'];

/** Lines: DAY has what is said of a day, DIFFERENCE what is said of a difference; the other cells are empty. */
const HEAD = ['line', 'date', 'currency', ...OF_A_DAY, ...OF_A_DIFFERENCE];

/** A difference with the ids of what differs, as they are shown. */
export type ListedDifference = Omit<MoneyDifference, 'of'> & { readonly ids: readonly string[] };

/** The same bytes for the same report. */
export function moneyCsv(days: readonly MoneyDay[], differences: readonly ListedDifference[]): string {
  return CSV_BOM + [HEAD, ...days.map(dayCells), ...differences.map(differenceCells)].map(csvLine).join('');
}

function dayCells(day: MoneyDay): Cell[] {
  const { date, currencyCode, points } = day;
  const worthMinor = points?.worthMinor ?? null;
  return [
    'DAY',
    date,
    currencyCode,
    ...AMOUNTS.map((name) => ({ number: formatAmount(day[name], currencyCode) })),
    points === null ? '' : { number: points.points.toString() },
    worthMinor === null ? '' : { number: formatAmount(worthMinor, currencyCode) },
    ...OF_A_DIFFERENCE.map(() => ''),
  ];
}

function differenceCells(of: ListedDifference): Cell[] {
  const amount = (minor: bigint): Cell => ({ number: writtenAmount(minor, of.currencyCode) });
  return [
    'DIFFERENCE',
    of.date,
    of.currencyCode,
    ...OF_A_DAY.map(() => ''),
    of.what,
    amount(of.ledgerMinor),
    amount(of.recordsMinor),
    amount(of.differenceMinor),
    { number: String(of.count) },
    of.ids.join(' '),
  ];
}
