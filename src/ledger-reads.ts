import DataLoader from 'dataloader';

import type { Reader } from './db.ts';
import type { LedgerAccountKind } from './domain/ledger.ts';
import { notOfThisList, toConnection, type Connection, type Page, type Paged, type SequencePlace } from './paging.ts';

/** A customer's account. Currency null: the tenant's own. */
export interface AccountName {
  readonly kind: LedgerAccountKind;
  readonly currencyCode: string | null;
  readonly customerId: string;
}

/** As it stands, from the customer's side; an account that nothing was ever posted to has nothing. */
export interface AccountShown {
  readonly currencyCode: string;
  readonly balanceMinor: bigint;
  readonly heldMinor: bigint;
}

/** An entry of a statement. Its `id` is the account's and its `cursorAt` its place on it: together they are the cursor. */
export interface LedgerEntryRow extends Paged {
  readonly transactionId: string;
  readonly position: number;
  /** Of the ledger's transaction: domain/statement.ts says it in the customer's words. */
  readonly kind: string;
  readonly occurredAt: Date;
  readonly currencyCode: string;
  /** From the customer's side: positive came, negative went. */
  readonly amountMinor: bigint;
  /** After this entry. */
  readonly balanceMinor: bigint;
  readonly orderId: string | null;
  readonly paymentId: string | null;
  readonly refundId: string | null;
}

export function accountKey({ kind, currencyCode, customerId }: AccountName): string {
  return [kind, currencyCode ?? '', customerId].join('|');
}

function nameOf(key: string): AccountName {
  const [kind, currencyCode, customerId] = key.split('|') as [LedgerAccountKind, string, string];
  return { kind, currencyCode: currencyCode === '' ? null : currencyCode, customerId };
}

/** Parameters $1 to $3 of a statement that begins with WANTED. */
function wanted(names: readonly AccountName[]): [string[], (string | null)[], string[]] {
  return [
    names.map(({ kind }) => kind),
    names.map(({ currencyCode }) => currencyCode),
    names.map(({ customerId }) => customerId),
  ];
}

// The accounts asked for, in their order, each with its id, whether there is one or not.
const WANTED = `with wanted as (select w.n, coalesce(w.currency, t.currency_code) as currency,
    ledger_account_id(current_tenant(), w.kind, coalesce(w.currency, t.currency_code), w.holder) as id
  from unnest($1::text[], $2::text[], $3::uuid[]) with ordinality w (kind, currency, holder, n)
  cross join tenants t where t.id = current_tenant())`;

const ACCOUNTS = `${WANTED} select w.currency as "currencyCode", coalesce(-a.balance_minor, 0) as "balanceMinor", coalesce(a.held_minor, 0) as "heldMinor"
  from wanted w left join ledger_accounts a on a.tenant_id = current_tenant() and a.id = w.id order by w.n`;

/** Customers' accounts by accountKey: one statement for all that are asked for at once. */
export function accountLoader(reads: Reader): DataLoader<string, AccountShown> {
  return new DataLoader<string, AccountShown>((keys) => reads.query<AccountShown>(ACCOUNTS, wanted(keys.map(nameOf))));
}

type StatementPage = Page<SequencePlace>;

export function statementKey(name: AccountName, page: StatementPage): string {
  return `${accountKey(name)} ${JSON.stringify(page)}`;
}

/** Pages of statements by statementKey: one statement for each different page, however many accounts. */
export function statementLoader(reads: Reader): DataLoader<string, Connection<LedgerEntryRow>> {
  return new DataLoader<string, Connection<LedgerEntryRow>>(async (keys) => {
    const pages = Map.groupBy(keys, (key) => key.slice(key.indexOf(' ') + 1));
    const found = new Map<string, Connection<LedgerEntryRow> | Error>();
    for (const [text, asked] of pages) {
      const page = JSON.parse(text) as StatementPage;
      const connections = await readPages(reads, asked.map(accountOf), page);
      asked.forEach((key, index) => found.set(key, connections[index]!));
    }
    return keys.map((key) => found.get(key)!);
  });
}

function accountOf(statement: string): AccountName {
  return nameOf(statement.slice(0, statement.indexOf(' ')));
}

interface ReadRow extends Omit<LedgerEntryRow, 'transactionId'> {
  readonly n: bigint;
  /** Null on the one row of an account without entries here. */
  readonly transactionId: string | null;
}

async function readPages(
  reads: Reader,
  names: readonly AccountName[],
  page: StatementPage,
): Promise<(Connection<LedgerEntryRow> | Error)[]> {
  const rows = await reads.query<ReadRow>(page.reverse ? ENTRIES.asc : ENTRIES.desc, [
    ...wanted(names),
    page.after?.sequence ?? null,
    page.before?.sequence ?? null,
    page.limit + 1,
  ]);
  const groups = Map.groupBy(rows, ({ n }) => Number(n));
  return names.map((_name, index) => {
    const own = groups.get(index + 1) ?? [];
    for (const name of ['after', 'before'] as const)
      if (page[name] && page[name].accountId !== own[0]?.id) return notOfThisList(name);
    return toConnection(own.filter(isEntry), page);
  });
}

function isEntry(row: ReadRow): row is ReadRow & LedgerEntryRow {
  return row.transactionId !== null;
}

// What an entry is about is found by the subject of its transaction: an order, a payment of one, or a refund of one.
const entries = (direction: 'asc' | 'desc') => `${WANTED}
  select w.n, w.id, e.sequence::text as "cursorAt", e.transaction_id as "transactionId", e.position, t.kind, t.occurred_at as "occurredAt",
    w.currency as "currencyCode", -e.amount_minor as "amountMinor", -e.balance_minor as "balanceMinor",
    r.id as "refundId", p.id as "paymentId", coalesce(p.order_id, o.id) as "orderId"
  from wanted w
  left join lateral (select * from ledger_entries l where l.tenant_id = current_tenant() and l.account_id = w.id
    and l.sequence < coalesce($4::bigint, 9223372036854775807) and l.sequence > coalesce($5::bigint, 0)
    order by l.sequence ${direction} limit $6) e on true
  left join ledger_transactions t on t.tenant_id = current_tenant() and t.id = e.transaction_id
  left join refunds r on r.tenant_id = current_tenant() and r.id = t.subject_id
  left join payments p on p.tenant_id = current_tenant() and p.id = coalesce(r.payment_id, t.subject_id)
  left join orders o on o.tenant_id = current_tenant() and o.id = t.subject_id
  order by w.n, e.sequence ${direction}`;
const ENTRIES = { asc: entries('asc'), desc: entries('desc') };

const EXPIRING = `select l.customer_id as id, sum(l.points_remaining)::bigint as points from loyalty_lots l
  where l.tenant_id = current_tenant() and l.customer_id = any($1::uuid[]) and l.points_remaining > 0 and l.points_expire_at <= $2 group by 1`;

/** Points that run out by an instant. Keys: customer and instant; one statement reads all, by the first instant asked for. */
export function pointsExpiringLoader(reads: Reader): DataLoader<string, bigint> {
  return new DataLoader<string, bigint>(async (keys) => {
    const asked = keys.map((key) => key.split(' ') as [customerId: string, until: string]);
    const ids = asked.map(([customerId]) => customerId);
    const rows = await reads.query<{ id: string; points: bigint }>(EXPIRING, [ids, asked[0]![1]]);
    const points = new Map(rows.map((row) => [row.id, row.points]));
    return ids.map((id) => points.get(id) ?? 0n);
  });
}
