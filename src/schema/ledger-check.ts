import { LEDGER_FAULTS, ledgerCheck, type LedgerCheck, type LedgerFault } from '../resolvers/ledger-check.ts';
import { builder } from './builder.ts';

const LedgerFaultKind = builder.enumType('LedgerFaultKind', {
  description: 'What is wrong at the first place of a ledger that does not hold.',
  values: {
    UNBALANCED: { description: "A transaction's entries do not sum to zero, or some are missing." },
    GAP: { description: 'An entry is missing on its account, or there is one too many.' },
    TRANSACTION: { description: 'An entry belongs to no transaction.' },
    ACCOUNT: { description: 'An account is not the one its id says, or an entry or hold is of another or of none.' },
    RUNNING_BALANCE: { description: 'The balance an entry leaves does not follow from the one before.' },
    SIDE: { description: 'A balance is below zero, or below what is held of it.' },
    CHAIN: { description: 'An entry, its transaction or a hash was changed.' },
    BALANCE: { description: "An account's balance is not the sum of its entries." },
    HEAD: { description: 'An account does not end with its last entry: entries were cut off or added behind.' },
    HELD: { description: 'What is held of an account is not the sum of its open holds.' },
    HOLD: { description: 'A hold was changed, deleted or added.' },
  } satisfies Record<(typeof LEDGER_FAULTS)[number], object>,
});

const LedgerFaultType = builder.objectRef<LedgerFault>('LedgerFault').implement({
  description: 'Where a ledger breaks. Ids are those of the tables.',
  fields: (t) => ({
    kind: t.expose('kind', { type: LedgerFaultKind }),
    account: t.exposeString('accountId', { nullable: true }),
    transaction: t.exposeString('transactionId', { nullable: true }),
    detail: t.exposeString('detail'),
  }),
});

const LedgerCheckType = builder.objectRef<LedgerCheck>('LedgerCheck').implement({
  description:
    'What a check of the whole ledger found (BEY-11). Counts are of what was looked at, up to the first fault.',
  fields: (t) => ({
    ok: t.exposeBoolean('ok'),
    transactions: t.exposeInt('transactions'),
    entries: t.exposeInt('entries'),
    accounts: t.exposeInt('accounts'),
    holds: t.exposeInt('holds'),
    firstFault: t.expose('firstFault', { type: LedgerFaultType, nullable: true }),
  }),
});

builder.queryField('ledgerCheck', (t) =>
  t.field({
    type: LedgerCheckType,
    description:
      'Checks every transaction, entry, account and hold of the tenant worked in. One too long for a request ends with DEADLINE_EXCEEDED: `npm run cli -- ledger verify` checks any. [tenantAdmin]',
    resolve: (_root, _args, ctx) => ledgerCheck(ctx),
  }),
);
