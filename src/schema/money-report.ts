import { writtenAmount, type DifferenceKind, type MoneyDifference } from '../domain/money-difference.ts';
import { POINTS_UNIT } from '../domain/ledger.ts';
import { REPORT_DAYS_MAX, type MoneyDay } from '../domain/money-report.ts';
import type { MoneyReport } from '../resolvers/money-report-read.ts';
import { differenceIds, moneyCsvLink, moneyDifferences, moneyReport, moneyRows } from '../resolvers/money-report.ts';
import { builder } from './builder.ts';
import { Money, money } from './money.ts';

const PointsLiability = builder.objectRef<MoneyDay>('PointsLiability').implement({
  description: 'Points that customers can redeem, at the end of a day.',
  fields: (t) => ({
    points: t.field({
      type: 'Decimal',
      description: 'A whole number.',
      resolve: ({ points }) => points!.points.toString(),
    }),
    worth: t.field({
      type: Money,
      nullable: true,
      description: "By the tenant's rules of today, rounded down; null where points are not redeemed.",
      resolve: ({ points, currencyCode }) =>
        points!.worthMinor === null ? null : money(points!.worthMinor, currencyCode),
    }),
  }),
});

const MoneyReportRow = builder.objectRef<MoneyDay>('MoneyReportRow').implement({
  description:
    'A day of a tenant in one currency: what moved, and what stood at its end. From the ledger, but for `outstanding`.',
  fields: (t) => ({
    date: t.expose('date', { type: 'Date', description: "Of the tenant's own time zone." }),
    currencyCode: t.expose('currencyCode', { type: 'CurrencyCode' }),
    sold: t.field({
      type: Money,
      description: 'Orders that were paid, tax included, whatever they were paid with.',
      resolve: ({ sold, currencyCode }) => money(sold, currencyCode),
    }),
    taken: t.field({
      type: Money,
      description: 'What gateways took, fees and commission included, and also what is held for review.',
      resolve: ({ taken, currencyCode }) => money(taken, currencyCode),
    }),
    takenByWallet: t.field({
      type: Money,
      description: "What customers' wallets gave for orders.",
      resolve: ({ takenByWallet, currencyCode }) => money(takenByWallet, currencyCode),
    }),
    toppedUp: t.field({
      type: Money,
      description: 'Of what was taken: put into wallets, less what of it went back to gateways.',
      resolve: ({ toppedUp, currencyCode }) => money(toppedUp, currencyCode),
    }),
    refundedToGateway: t.field({
      type: Money,
      description: 'What went back through gateways.',
      resolve: ({ refundedToGateway, currencyCode }) => money(refundedToGateway, currencyCode),
    }),
    refundedToWallet: t.field({
      type: Money,
      description: "What went back into customers' wallets.",
      resolve: ({ refundedToWallet, currencyCode }) => money(refundedToWallet, currencyCode),
    }),
    fees: t.field({
      type: Money,
      description: 'What gateways kept of what they took, where they say so.',
      resolve: ({ fees, currencyCode }) => money(fees, currencyCode),
    }),
    commission: t.field({
      type: Money,
      description: 'What customers paid on top for the gateway, less what of it went back.',
      resolve: ({ commission, currencyCode }) => money(commission, currencyCode),
    }),
    atGateways: t.field({
      type: Money,
      description:
        'At the end of the day: what gateways owe. It grows by taken, less fees, less refundedToGateway; payouts are not known here.',
      resolve: ({ atGateways, currencyCode }) => money(atGateways, currencyCode),
    }),
    underReview: t.field({
      type: Money,
      description: 'At the end of the day: money that waits for a decision.',
      resolve: ({ underReview, currencyCode }) => money(underReview, currencyCode),
    }),
    outstanding: t.field({
      type: Money,
      description:
        'At the end of the day: issued orders that were not paid, cancelled or expired. Top-ups are not among them: nobody owes them.',
      resolve: ({ outstanding, currencyCode }) => money(outstanding, currencyCode),
    }),
    walletLiability: t.field({
      type: Money,
      description: "At the end of the day: what is in customers' wallets.",
      resolve: ({ walletLiability, currencyCode }) => money(walletLiability, currencyCode),
    }),
    customerCredit: t.field({
      type: Money,
      description: 'At the end of the day: what is owed to customers who paid too much.',
      resolve: ({ customerCredit, currencyCode }) => money(customerCredit, currencyCode),
    }),
    cashbackPending: t.field({
      type: Money,
      description: 'At the end of the day: cashback that is not in wallets yet.',
      resolve: ({ cashbackPending, currencyCode }) => money(cashbackPending, currencyCode),
    }),
    pointsLiability: t.field({
      type: PointsLiability,
      nullable: true,
      description: 'Points have no currency: they stand on the row of the currency that the loyalty rules are in.',
      resolve: (day) => (day.points === null ? null : day),
    }),
  }),
});

const MoneyDifferenceKind = builder.enumType('MoneyDifferenceKind', {
  description: 'What ledger and records were compared by.',
  values: {
    SOLD: { description: 'Revenue and tax, beside the totals of paid orders.' },
    TAKEN: { description: 'Money from gateways, beside what payments captured.' },
    TAKEN_BY_WALLET: { description: 'Wallet money for orders, beside payments by wallet.' },
    TOPPED_UP: { description: 'Money into wallets, beside payments of top-ups and their refunds.' },
    REFUNDED_TO_GATEWAY: { description: 'Money back to gateways, beside refunds that are done.' },
    REFUNDED_TO_WALLET: { description: 'Money back into wallets, beside refunds that are done.' },
    COMMISSION: { description: 'Commission, beside what payments captured on top, and refunds of it.' },
    CREDITED: { description: "Customers' credit, beside what payments captured too much, and refunds of it." },
    UNDER_REVIEW: { description: 'What of a payment is held, beside whether it is under review.' },
    CASHBACK_PENDING: { description: "A customer's cashback as it is now, beside what is pending of their orders." },
    POINTS: { description: "A customer's points as they are now, beside what is left of their orders." },
  } satisfies Record<DifferenceKind, object>,
});

const MoneyDifferenceType = builder.objectRef<MoneyDifference>('MoneyDifference').implement({
  description:
    'What the ledger and the records do not say alike: of one day, kind and direction. Nothing is set off and nothing corrected.',
  fields: (t) => ({
    date: t.expose('date', { type: 'Date', description: "The ledger's, or where it says nothing the record's." }),
    currencyCode: t.field({
      type: 'CurrencyCode',
      nullable: true,
      description: 'Of the amounts; null for points.',
      resolve: ({ currencyCode }) => (currencyCode === POINTS_UNIT ? null : currencyCode),
    }),
    what: t.field({ type: MoneyDifferenceKind, resolve: ({ what }) => what }),
    ledger: t.field({
      type: 'Decimal',
      resolve: ({ ledgerMinor, currencyCode }) => writtenAmount(ledgerMinor, currencyCode),
    }),
    records: t.field({
      type: 'Decimal',
      description: 'What payments, refunds, orders or lots say.',
      resolve: ({ recordsMinor, currencyCode }) => writtenAmount(recordsMinor, currencyCode),
    }),
    difference: t.field({
      type: 'Decimal',
      description: 'Ledger less records.',
      resolve: ({ differenceMinor, currencyCode }) => writtenAmount(differenceMinor, currencyCode),
    }),
    count: t.exposeInt('count', { description: 'How many records or transactions differ this way.' }),
    ids: t.field({
      type: ['ID'],
      description:
        'The first five of them: payments, refunds, orders and customers as `node` takes them; a transaction of the ledger that belongs to none of these by its id in the table.',
      resolve: (difference) => differenceIds(difference),
    }),
  }),
});

const MoneyReportType = builder.objectRef<MoneyReport>('MoneyReport').implement({
  description: "A tenant's money day by day. Days that have not begun are not in it.",
  fields: (t) => ({
    from: t.expose('from', { type: 'Date' }),
    to: t.expose('to', { type: 'Date' }),
    timeZone: t.expose('timeZone', { type: 'TimeZone', description: "Of the days: the tenant's, as it is now." }),
    rows: t.field({
      type: [MoneyReportRow],
      description: "By date, then by currency: the tenant's own, and every one that had anything in these days.",
      resolve: (report, _args, ctx) => moneyRows(ctx, report),
    }),
    differences: t.field({
      type: [MoneyDifferenceType],
      description: 'Where the ledger and payments, refunds, orders and lots differ. None is as it should be.',
      resolve: (report, _args, ctx) => moneyDifferences(ctx, report),
    }),
    csvUrl: t.field({
      type: 'URL',
      description: 'Rows and differences as a table (CSV). The link may be opened for fifteen minutes.',
      resolve: (report, _args, ctx) => moneyCsvLink(ctx, report),
    }),
  }),
});

builder.queryField('moneyReport', (t) =>
  t.field({
    type: MoneyReportType,
    description: `Taken, refunded, fees and what is owed, by days and currencies; at most ${REPORT_DAYS_MAX} days. [operator, partner:reports:read]`,
    args: {
      from: t.arg({ type: 'Date', required: true }),
      to: t.arg({ type: 'Date', required: true, description: 'The last day, itself in the report.' }),
    },
    resolve: (_root, { from, to }, ctx) => moneyReport(ctx, { from, to }),
  }),
);
