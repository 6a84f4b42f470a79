import type { App } from './context.ts';
import { pgConstraint, type Transaction } from './db.ts';
import { CUSTOMERS_ACCOUNTS, type LedgerAccountKind, type LedgerEntry } from './domain/ledger.ts';
import { AppError } from './errors.ts';

type Keeping = Pick<App, 'clock' | 'newId'>;

/** One balanced movement; with its subject each kind can be posted once only. */
export interface Posting {
  /** What happened: SETTLEMENT, REFUND, POINTS_EARNED ... */
  readonly kind: string;
  readonly subjectId: string;
  readonly currencyCode: string;
  readonly entries: readonly LedgerEntry[];
}

/** How a hold ends: its money moves in the same transaction, or is free again. */
export interface HoldEnd {
  readonly holdId: string;
  readonly outcome: 'CAPTURED' | 'RELEASED' | 'EXPIRED';
}

/** Holder of the tenant's own accounts. */
const NIL_ID = '00000000-0000-0000-0000-000000000000';

/**
 * Writes everything a transaction posts, in one call, because all its accounts are locked at once in the order of their ids. Comes last
 * before the events (decisions.md, "Global lock order").
 * @param customerId whose accounts are meant where an account is a customer's
 * @throws the database's 23514 with constraint ledger_accounts_side where an account would leave its side: see orShort
 */
export async function postLedger(tx: Transaction, app: Keeping, customerId: string, work: LedgerWork): Promise<void> {
  if (isNothing(work)) return;
  await tx.query(POST, postingValues(app, customerId, work));
}

/** The same, sent with the commit, for work that takes nothing from a customer's account: nobody waits for what can't be refused. */
export function postLedgerLater(tx: Transaction, app: Keeping, customerId: string, work: LedgerWork): void {
  if (isNothing(work)) return;
  tx.later(POST, postingValues(app, customerId, work));
}

/** Everything one database transaction posts. */
export interface LedgerWork {
  readonly postings: readonly Posting[];
  readonly ends?: readonly HoldEnd[];
}

const POST = 'select post_ledger($1, $2)';

function isNothing({ postings, ends = [] }: LedgerWork): boolean {
  return postings.length === 0 && ends.length === 0;
}

function postingValues(app: Keeping, customerId: string, { postings, ends = [] }: LedgerWork): [string, string] {
  const occurredAt = app.clock.now();
  return [
    JSON.stringify(
      postings.map((posting) => ({
        id: app.newId(),
        kind: posting.kind,
        subjectId: posting.subjectId,
        currencyCode: posting.currencyCode,
        occurredAt,
        entries: posting.entries.map(({ accountKind, amountMinor, restKind }) => ({
          kind: accountKind,
          holderId: holderOf(accountKind, customerId),
          amountMinor: String(amountMinor),
          ...(restKind && { restKind }),
        })),
      })),
    ),
    JSON.stringify(ends.map((end) => ({ ...end, endedAt: occurredAt }))),
  ];
}

export interface Hold {
  readonly id: string;
  readonly accountKind: LedgerAccountKind;
  readonly currencyCode: string;
  readonly amountMinor: bigint;
  readonly kind: string;
  readonly subjectId: string;
  readonly expiresAt: Date | null;
}

/** Sets a customer's money aside (first phase). @throws as postLedger where there is not enough */
export async function holdLedger(tx: Transaction, app: Keeping, customerId: string, hold: Hold): Promise<void> {
  await tx.query('select hold_ledger($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
    hold.id,
    hold.accountKind,
    holderOf(hold.accountKind, customerId),
    hold.currencyCode,
    hold.amountMinor,
    hold.kind,
    hold.subjectId,
    app.clock.now(),
    hold.expiresAt,
  ]);
}

function holderOf(kind: LedgerAccountKind, customerId: string): string {
  return CUSTOMERS_ACCOUNTS.has(kind) ? customerId : NIL_ID;
}

/** What a customer's account has: counted from its own side, so never below zero. */
export interface AccountState {
  readonly balanceMinor: bigint;
  /** Of that, set aside. */
  readonly heldMinor: bigint;
}

/** A customer's account as it stands; not locked: the database refuses what is not there when it is posted. */
export async function accountOf(
  tx: Transaction,
  customerId: string,
  kind: LedgerAccountKind,
  currencyCode: string,
): Promise<AccountState> {
  const row = await tx.maybeOne<AccountState>(
    `select abs(balance_minor) as "balanceMinor", held_minor as "heldMinor" from ledger_accounts
     where tenant_id = current_tenant() and id = ledger_account_id(current_tenant(), $1, $2, $3)`,
    [kind, currencyCode, customerId],
  );
  return row ?? { balanceMinor: 0n, heldMinor: 0n };
}

/** Runs what takes from a customer's account. @throws INSUFFICIENT_BALANCE where the database finds that there is not so much */
export async function orShort<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (pgConstraint(error) !== 'ledger_accounts_side') throw error;
    throw new AppError('INSUFFICIENT_BALANCE', 'There is not enough in the wallet for this.');
  }
}
