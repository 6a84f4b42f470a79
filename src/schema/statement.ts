import { POINTS_UNIT } from '../domain/ledger.ts';
import { STATEMENT_KINDS, statementKindOf } from '../domain/statement.ts';
import type { LedgerEntryRow } from '../ledger-reads.ts';
import { builder } from './builder.ts';
import { connectionType } from './connection.ts';
import { Money, money } from './money.ts';
import { Refund } from './refund.ts';
import { Order, Payment } from './refs.ts';

const LedgerEntryKindType = builder.enumType('LedgerEntryKind', {
  description: 'What a line of a statement is about, in the words of the customer.',
  values: STATEMENT_KINDS,
});

const LedgerEntry = builder.objectRef<LedgerEntryRow>('LedgerEntry').implement({
  description: 'A line of a statement. It is never changed: what is taken back is a line of its own.',
  fields: (t) => ({
    id: t.id({
      description: 'Unique in the graph; no node.',
      resolve: ({ transactionId, position }) =>
        Buffer.from(`LedgerEntry:${transactionId}:${position}`).toString('base64url'),
    }),
    kind: t.field({
      type: LedgerEntryKindType,
      resolve: ({ kind, amountMinor }) => statementKindOf(kind, amountMinor),
    }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime' }),
    amount: t.field({
      type: Money,
      nullable: true,
      description: "From the customer's side: positive came, negative went. Null for points.",
      resolve: ({ currencyCode, amountMinor }) =>
        currencyCode === POINTS_UNIT ? null : money(amountMinor, currencyCode),
    }),
    balance: t.field({
      type: Money,
      nullable: true,
      description: 'Of the account after this. Null for points.',
      resolve: ({ currencyCode, balanceMinor }) =>
        currencyCode === POINTS_UNIT ? null : money(balanceMinor, currencyCode),
    }),
    points: t.int({
      nullable: true,
      description: 'Positive came, negative went. Null for money.',
      resolve: ({ currencyCode, amountMinor }) => (currencyCode === POINTS_UNIT ? Number(amountMinor) : null),
    }),
    pointsBalance: t.int({
      nullable: true,
      description: 'Of the account after this. Null for money.',
      resolve: ({ currencyCode, balanceMinor }) => (currencyCode === POINTS_UNIT ? Number(balanceMinor) : null),
    }),
    order: t.field({
      type: Order,
      nullable: true,
      description: 'The order it is about, if any.',
      resolve: ({ orderId }, _args, ctx) => (orderId ? ctx.loaders.order.load(orderId) : null),
    }),
    payment: t.field({
      type: Payment,
      nullable: true,
      description: 'The payment it is about, if any; of a refund, the payment that went back.',
      resolve: ({ paymentId }, _args, ctx) => (paymentId ? ctx.loaders.payment.load(paymentId) : null),
    }),
    refund: t.field({
      type: Refund,
      nullable: true,
      description: 'The refund it is about, if any.',
      resolve: ({ refundId }, _args, ctx) => (refundId ? ctx.loaders.refund.load(refundId) : null),
    }),
  }),
});

export const LedgerEntryConnection = connectionType<LedgerEntryRow>('LedgerEntry', LedgerEntry);
