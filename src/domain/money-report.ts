/**
 * What a tenant's days were in money: what came and went each day, and what stood at its end. Everything but `outstanding` is the
 * ledger's own: flows are sums of its entries, and a balance at the end of a day is today's balance less all that was posted since.
 *
 * What is at the gateways and what they held for review follows from the flows of the same rows:
 * `atGateways` grows by taken - fees - refundedToGateway, whatever was posted.
 */
import { invalidInput } from '../errors.ts';
import { POINTS_UNIT, type LedgerAccountKind } from './ledger.ts';
import { countDays } from './local-day.ts';
import type { LoyaltyRules } from './loyalty.ts';
import { pointsWorthMinor } from './loyalty.ts';

/** A quarter of a year, whichever quarter. */
export const REPORT_DAYS_MAX = 92;
const FIRST_DAY = '2000-01-01';

/** @throws INVALID_INPUT for days the wrong way round, too many, or before there was anything */
export function checkReportDays(from: string, to: string): void {
  if (from < FIRST_DAY) throw invalidInput(`A report begins on ${FIRST_DAY} or later.`, ['from']);
  if (to < from) throw invalidInput('The last day is not before the first.', ['to']);
  if (countDays(from, to) > REPORT_DAYS_MAX)
    throw invalidInput(`A report has ${REPORT_DAYS_MAX} days at most.`, ['to']);
}

/** Entries of one day by kinds of transaction and account. Minor units, or points; neither side is negative. */
export interface LedgerSum {
  /** From 1; what came after the last day has the number behind it. */
  readonly day: number;
  readonly currencyCode: string;
  /** Of the transactions: SETTLEMENT ... */
  readonly kind: string;
  readonly account: LedgerAccountKind;
  readonly debitMinor: bigint;
  readonly creditMinor: bigint;
}

/** What all accounts of a kind have now. Debits are positive. */
export interface LedgerBalance {
  readonly account: LedgerAccountKind;
  readonly currencyCode: string;
  readonly balanceMinor: bigint;
}

/** Issued orders by the days on which they began and ceased to wait for money. */
export interface OpenOrders {
  readonly currencyCode: string;
  /** 0: before the first day. */
  readonly issuedDay: number;
  /** The number behind the last day: later, or not yet. */
  readonly closedDay: number;
  readonly totalMinor: bigint;
}

const FLOWS = [
  'sold',
  'taken',
  'takenByWallet',
  'toppedUp',
  'refundedToGateway',
  'refundedToWallet',
  'fees',
  'commission',
] as const;
/** Minor units of what moved in a day. */
export type Flows = Readonly<Record<(typeof FLOWS)[number], bigint>>;

/** Where a day's end shows the balance of an account; liabilities as what is owed. */
const BALANCES = {
  atGateways: 'GATEWAY_CLEARING',
  underReview: 'PAYMENTS_UNDER_REVIEW',
  walletLiability: 'WALLET',
  customerCredit: 'CUSTOMER_CREDIT',
  cashbackPending: 'CASHBACK_PENDING',
} as const satisfies Record<string, LedgerAccountKind>;
type Balances = Readonly<Record<keyof typeof BALANCES, bigint>>;

/** A day in one currency; amounts in minor units. */
export interface MoneyDay extends Flows, Balances {
  /** Where the tenant is, `2026-11-21`. */
  readonly date: string;
  readonly currencyCode: string;
  /** Issued, and not paid, cancelled or expired. */
  readonly outstanding: bigint;
  /** On one row of a day: that of the currency in which the tenant's rules say what points are worth. */
  readonly points: { readonly points: bigint; readonly worthMinor: bigint | null } | null;
}

export interface MoneyFacts {
  readonly days: readonly string[];
  readonly sums: readonly LedgerSum[];
  readonly balances: readonly LedgerBalance[];
  readonly orders: readonly OpenOrders[];
  /** The tenant's own currency, which has a row even where nothing moved. */
  readonly currencyCode: string;
  readonly rules: LoyaltyRules | undefined;
}

/** The rows of a report: one for each day and each currency that had anything in these days, by date, then by currency. */
export function moneyDays(facts: MoneyFacts): MoneyDay[] {
  const home = facts.rules?.currencyCode ?? facts.currencyCode;
  const shown = currenciesOf(facts, home)
    .map((currencyCode) => daysIn(facts, currencyCode, home))
    .filter((days) => days[0]?.currencyCode === facts.currencyCode || days.some(hasAny));
  return facts.days.flatMap((_date, index) => shown.map((days) => days[index]!));
}

function hasAny({ date: _date, currencyCode: _code, points, ...amounts }: MoneyDay): boolean {
  return (points?.points ?? 0n) !== 0n || Object.values(amounts).some((minor) => minor !== 0n);
}

function currenciesOf({ sums, balances, orders, currencyCode }: MoneyFacts, home: string): string[] {
  const all = [...sums, ...balances, ...orders].map((each) => each.currencyCode);
  return [...new Set([currencyCode, home, ...all])].filter((code) => code !== POINTS_UNIT).toSorted();
}

function daysIn(facts: MoneyFacts, currencyCode: string, home: string): MoneyDay[] {
  const sums = facts.sums.filter((sum) => sum.currencyCode === currencyCode);
  const ends = Object.entries(BALANCES).map(([name, account]) => [name, endsOf(facts, account, currencyCode)] as const);
  const points = currencyCode === home ? endsOf(facts, 'POINTS', POINTS_UNIT) : null;
  return facts.days.map((date, index) => ({
    date,
    currencyCode,
    ...flowsOf(sums.filter(({ day }) => day === index + 1)),
    ...(Object.fromEntries(ends.map(([name, minor]) => [name, minor[index]!])) as Balances),
    outstanding: outstandingOn(facts.orders, currencyCode, index + 1),
    points: points && worth(points[index]!, facts.rules),
  }));
}

/** At the end of each day: what all accounts of a kind had, from the side on which they stand. */
function endsOf(facts: MoneyFacts, account: LedgerAccountKind, currencyCode: string): bigint[] {
  const sign = account === 'GATEWAY_CLEARING' ? 1n : -1n;
  const now = facts.balances.find((each) => each.account === account && each.currencyCode === currencyCode);
  const moved = facts.sums.filter((each) => each.account === account && each.currencyCode === currencyCode);
  let minor = now?.balanceMinor ?? 0n;
  return facts.days
    .map((_date, index) => {
      // From the last day backwards: what was posted on the day behind was not there yet.
      const later = facts.days.length + 1 - index;
      for (const sum of moved) if (sum.day === later) minor -= sum.debitMinor - sum.creditMinor;
      return sign * minor;
    })
    .toReversed();
}

/** Transactions in which the gateway gives money back. */
const GIVING_BACK: ReadonlySet<string> = new Set(['REFUND', 'REVIEW_REFUND']);
/** Transactions by which a payment comes to count. */
const COUNTING: ReadonlySet<string> = new Set(['SETTLEMENT', 'REVIEW_ACCEPT']);

/** What the entries of a day and currency were, by the accounts they touched. */
export function flowsOf(sums: readonly LedgerSum[]): Flows {
  const flows = Object.fromEntries(FLOWS.map((flow) => [flow, 0n])) as Record<keyof Flows, bigint>;
  for (const { kind, account, debitMinor, creditMinor } of sums) {
    const net = debitMinor - creditMinor;
    const back = GIVING_BACK.has(kind);
    switch (account) {
      case 'GATEWAY_FEES':
        flows.fees += net;
        flows[back ? 'refundedToGateway' : 'taken'] += back ? -net : net;
        break;
      case 'GATEWAY_CLEARING':
        flows[back ? 'refundedToGateway' : 'taken'] += back ? -net : net;
        break;
      case 'REVENUE':
      case 'TAX_PAYABLE':
        if (COUNTING.has(kind)) flows.sold -= net;
        break;
      case 'COMMISSION_INCOME':
        flows.commission -= net;
        break;
      case 'WALLET':
        if (COUNTING.has(kind)) {
          flows.takenByWallet += debitMinor;
          flows.toppedUp += creditMinor;
        } else if (back) {
          // A top-up that goes back leaves the wallet; any other refund comes into it.
          flows.toppedUp -= debitMinor;
          flows.refundedToWallet += creditMinor;
        }
        break;
      default:
    }
  }
  return flows;
}

function outstandingOn(orders: readonly OpenOrders[], currencyCode: string, day: number): bigint {
  let minor = 0n;
  for (const each of orders)
    if (each.currencyCode === currencyCode && each.issuedDay <= day && each.closedDay > day) minor += each.totalMinor;
  return minor;
}

function worth(points: bigint, rules: LoyaltyRules | undefined): NonNullable<MoneyDay['points']> {
  return { points, worthMinor: rules && rules.redemptionRate !== '0' ? pointsWorthMinor(points, rules) : null };
}
