import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { pgCode, type Transaction } from '../db.ts';
import { AppError } from '../errors.ts';

/** What may be wrong with a ledger, as the database names it (migration 20261121000600_ledger_check). */
export const LEDGER_FAULTS = [
  'UNBALANCED',
  'GAP',
  'TRANSACTION',
  'ACCOUNT',
  'RUNNING_BALANCE',
  'SIDE',
  'CHAIN',
  'BALANCE',
  'HEAD',
  'HELD',
  'HOLD',
] as const;

export interface LedgerFault {
  readonly kind: (typeof LEDGER_FAULTS)[number];
  /** Ids as they stand in the tables; null where the fault is not of one account or transaction. */
  readonly accountId: string | null;
  readonly transactionId: string | null;
  readonly detail: string;
}

/** What was looked at; where there is a fault, until it was found. */
export interface LedgerCheck {
  readonly ok: boolean;
  readonly transactions: number;
  readonly entries: number;
  readonly accounts: number;
  readonly holds: number;
  readonly firstFault: LedgerFault | null;
}

/** Rows at a time: some 0.2 s, so that a walk can be stopped, and tells how far it is. */
const SLICE = 20_000;
const NIL_ID = '00000000-0000-0000-0000-000000000000';

interface Slice {
  readonly checked: bigint;
  readonly lastId: string | null;
  readonly lastSequence?: bigint | null;
  readonly fault: LedgerFault['kind'] | null;
  readonly accountId: string | null;
  readonly transactionId: string | null;
  readonly detail: string | null;
}

type Counted = 'transactions' | 'entries' | 'accounts' | 'holds';
const FAULT = 'fault, account_id as "accountId", transaction_id as "transactionId", detail';

/** The four walks; each goes on from where its slice before ended. */
const WALKS: readonly { readonly counts: Counted; readonly text: string; readonly from: readonly unknown[] }[] = [
  {
    counts: 'transactions',
    text: `select checked, last_id as "lastId", ${FAULT} from check_ledger_transactions(current_tenant(), $1, ${SLICE})`,
    from: [NIL_ID],
  },
  {
    counts: 'entries',
    text: `select checked, last_account as "lastId", last_sequence as "lastSequence", ${FAULT}
      from check_ledger_entries(current_tenant(), $1, $2, ${SLICE})`,
    from: [NIL_ID, 0n],
  },
  {
    counts: 'accounts',
    text: `select checked, last_id as "lastId", ${FAULT} from check_ledger_accounts(current_tenant(), $1, ${SLICE})`,
    from: [NIL_ID],
  },
  {
    counts: 'holds',
    text: `select checked, null::uuid as "lastId", ${FAULT} from check_ledger_holds(current_tenant())`,
    from: [],
  },
];

/**
 * Checks all of a tenant's ledger in the transaction's one snapshot: every transaction balances, every entry continues its account's
 * balance and hash, every account and hold is what was written, nothing is below zero (BEY-11, LOY-1).
 * @param onSlice called before each slice with what was looked at so far; may throw to stop
 */
export async function walkLedger(
  tx: Transaction,
  onSlice: (soFar: Omit<LedgerCheck, 'ok' | 'firstFault'>) => Promise<void> | void,
): Promise<LedgerCheck> {
  const seen = { transactions: 0, entries: 0, accounts: 0, holds: 0 };
  for (const walk of WALKS) {
    let from: readonly unknown[] | null = walk.from;
    while (from) {
      await onSlice(seen);
      const slice: Slice = await tx.one<Slice>(walk.text, from);
      seen[walk.counts] += Number(slice.checked);
      if (slice.fault !== null) return { ok: false, ...seen, firstFault: faultOf(slice) };
      from = slice.lastId === null ? null : [slice.lastId, slice.lastSequence].slice(0, walk.from.length);
    }
  }
  return { ok: true, ...seen, firstFault: null };
}

function faultOf({ fault, accountId, transactionId, detail }: Slice): LedgerFault {
  return { kind: fault!, accountId, transactionId, detail: detail ?? '' };
}

/** Answers before the request's deadline does it in general words. */
const MARGIN_MS = 500;
/** Classes of advisory locks: one check a tenant, and a few over all, because each keeps a connection and a core busy. */
const TENANT_LOCKS = 0x4c43_0001;
const SLOT_LOCKS = 0x4c43_0002;

/**
 * The check of the caller's tenant, within the time a request has. One at a time for a tenant, three over all.
 * @throws DEADLINE_EXCEEDED where the ledger is too long for a request: the command checks any; OVERLOADED where one is under way
 */
export async function ledgerCheck(ctx: Context): Promise<LedgerCheck> {
  authorize(ctx, 'ledger.check');
  const { app, scope, deadlineAtMs } = ctx;
  let looked = { transactions: 0, entries: 0 };
  try {
    return await app.db.read(scope, async (tx) => {
      await takeSlot(tx);
      return walkLedger(tx, async (soFar) => {
        looked = soFar;
        const leftMs = Math.floor(deadlineAtMs - MARGIN_MS - app.clock.now().getTime());
        if (leftMs <= 0) throw tooLong(looked);
        await tx.query("select set_config('statement_timeout', $1, true)", [String(leftMs)]);
      });
    });
  } catch (error) {
    if (pgCode(error) === '57014' || pgCode(error) === '55P03') throw tooLong(looked);
    throw error;
  }
}

async function takeSlot(tx: Transaction): Promise<void> {
  const { taken } = await tx.one<{ taken: boolean }>(
    `select case when pg_try_advisory_xact_lock($1, hashtext(current_tenant()::text)) then
       pg_try_advisory_xact_lock($2, 1) or pg_try_advisory_xact_lock($2, 2) or pg_try_advisory_xact_lock($2, 3) else false end as taken`,
    [TENANT_LOCKS, SLOT_LOCKS],
  );
  if (!taken)
    throw new AppError('OVERLOADED', 'A ledger is being checked already. Please try again in a moment.', {
      log: 'a ledger check is under way, or three of other tenants are',
    });
}

function tooLong({ transactions, entries }: { transactions: number; entries: number }): AppError {
  const command = 'npm run cli -- ledger verify';
  return new AppError(
    'DEADLINE_EXCEEDED',
    `This ledger is too long to be checked within a request. Run: ${command} --tenant <slug>`,
    { details: { command, transactions, entries } },
  );
}
