import type { Statements } from '../db.ts';
import { POINTS_UNIT } from '../domain/ledger.ts';
import { listDifferences, type Claim, type MoneyDifference } from '../domain/money-difference.ts';
import { inTime, type MoneyReport } from './money-report-read.ts';

/**
 * What the ledger says beside what payments, refunds, orders and lots say, thing by thing, so that no two errors ever make up for one
 * another. First all of the report's days at once, which only finds whose books have to be opened; then everything their orders ever had,
 * because money may be held on one day and accepted on another.
 */

/** Both sides write in one transaction, each with its own look at the clock. */
const MOMENT = "interval '15 minutes'";

// Of what is compared, its column and its name (domain/money-difference.ts).
const COMPARED = [
  ['sold', 'SOLD'],
  ['taken', 'TAKEN'],
  ['by_wallet', 'TAKEN_BY_WALLET'],
  ['topped_up', 'TOPPED_UP'],
  ['to_gateway', 'REFUNDED_TO_GATEWAY'],
  ['to_wallet', 'REFUNDED_TO_WALLET'],
  ['commission', 'COMMISSION'],
  ['credited', 'CREDITED'],
  ['under_review', 'UNDER_REVIEW'],
] as const;
const columnsFrom = (amounts: Partial<Record<(typeof COMPARED)[number][0], string>>): string =>
  COMPARED.map(([column]) => `${amounts[column] ?? '0'} as ${column}`).join(', ');

/**
 * What the ledger's accounts mean, and below what the records' own columns mean: said twice on purpose. Needs `moved`, the entries to look
 * at. One row for each transaction and thing it is about; what belongs to no record bears its transaction's id and no order.
 */
const LEDGER_SAYS = `totals as materialized (
    select m.transaction_id, m.kind, m.subject_id, m.currency_code, m.occurred_at,
      m.kind in ('SETTLEMENT', 'REVIEW_HOLD', 'REVIEW_ACCEPT') as of_payment, m.kind in ('REFUND', 'REVIEW_REFUND') as of_refund,
      coalesce(sum(m.amount_minor) filter (where a.kind in ('GATEWAY_CLEARING', 'GATEWAY_FEES')), 0)::bigint as gateway,
      coalesce(sum(m.amount_minor) filter (where a.kind = 'WALLET'), 0)::bigint as wallet,
      coalesce(-sum(m.amount_minor) filter (where a.kind in ('REVENUE', 'TAX_PAYABLE')), 0)::bigint as sold,
      coalesce(-sum(m.amount_minor) filter (where a.kind = 'COMMISSION_INCOME'), 0)::bigint as commission,
      coalesce(-sum(m.amount_minor) filter (where a.kind = 'CUSTOMER_CREDIT'), 0)::bigint as credit,
      coalesce(-sum(m.amount_minor) filter (where a.kind = 'PAYMENTS_UNDER_REVIEW'), 0)::bigint as held
    from moved m join ledger_accounts a on a.tenant_id = current_tenant() and a.id = m.account_id
    where a.kind in ('GATEWAY_CLEARING', 'GATEWAY_FEES', 'WALLET', 'REVENUE', 'TAX_PAYABLE', 'COMMISSION_INCOME', 'CUSTOMER_CREDIT',
      'PAYMENTS_UNDER_REVIEW')
    group by 1, 2, 3, 4, 5),
  posted as materialized (
    select t.*, p.order_id, p.id as payment_id, coalesce(r.id, p.id, t.transaction_id) as id,
      case when p.id is not null then case when t.of_refund then 'Refund' else 'Payment' end end as type
    from totals t
    left join lateral (select r.id, r.payment_id from refunds r
      where t.of_refund and r.tenant_id = current_tenant() and r.id = t.subject_id offset 0) r on true
    left join lateral (select p.id, p.order_id from payments p where p.tenant_id = current_tenant()
      and p.id = case when t.of_refund then r.payment_id when t.of_payment then t.subject_id end offset 0) p on true),
  ledger_says as (
    select t.type, t.id, t.order_id, t.currency_code, t.transaction_id, t.occurred_at as at, t.kind = 'REVIEW_HOLD' as is_hold, ${columnsFrom(
      {
        taken: 'case when t.of_refund then 0 else t.gateway end',
        to_gateway: 'case when t.of_refund then -t.gateway else 0 end',
        by_wallet: 'case when t.of_payment then greatest(t.wallet, 0) else 0 end',
        topped_up:
          'case when t.of_payment then greatest(-t.wallet, 0) when t.of_refund then -greatest(t.wallet, 0) else 0 end',
        to_wallet: 'case when t.of_refund then greatest(-t.wallet, 0) else 0 end',
        sold: 'case when t.of_payment and t.order_id is null then t.sold else 0 end',
        commission: 't.commission',
        credited: 't.credit',
        under_review: 'case when t.order_id is null then t.held else 0 end',
      },
    )} from posted t
    union all
    select 'Order', t.order_id, t.order_id, t.currency_code, t.transaction_id, t.occurred_at, false, ${columnsFrom({ sold: 't.sold' })}
    from posted t where t.order_id is not null and t.of_payment and t.sold <> 0
    union all
    select 'Payment', t.payment_id, t.order_id, t.currency_code, t.transaction_id, t.occurred_at, true, ${columnsFrom({ under_review: 't.held' })}
    from posted t where t.order_id is not null and t.held <> 0)`;

/**
 * Needs payments `p`, refunds `r` and orders `o` to look at. Of what was captured, first what counted towards the order went back, then
 * what was too much, then what was paid on top for the gateway.
 */
const RECORDS_SAY = `records_say as (
    select 'Payment' as type, coalesce(p.share_of_id, p.id) as id, p.order_id, p.currency_code, coalesce(p.settled_at, p.created_at) as at, ${columnsFrom(
      {
        taken: "case when p.gateway = 'WALLET' then 0 else p.captured_minor end",
        by_wallet: "case when p.gateway = 'WALLET' then p.captured_minor else 0 end",
        topped_up: 'case when p.is_top_up then p.settled_minor + p.credit_minor else 0 end',
        commission:
          "case when p.gateway = 'WALLET' or p.settled_at is null then 0 else p.captured_minor - p.settled_minor - p.credit_minor end",
        credited: 'case when p.is_top_up then 0 else p.credit_minor end',
        under_review: "case when p.status = 'UNDER_REVIEW' then p.captured_minor else 0 end",
      },
    )} from p
    union all
    select 'Order', o.id, o.id, o.currency_code, o.paid_at, ${columnsFrom({ sold: 'o.total_minor' })} from o
    union all
    select 'Refund', r.id, r.order_id, r.currency_code, r.completed_at, ${columnsFrom({
      to_gateway: "case when r.target = 'GATEWAY' then r.amount_minor else 0 end",
      to_wallet: "case when r.target = 'WALLET' then r.amount_minor else 0 end",
      topped_up: 'case when r.is_top_up then -(r.counted + r.credit) else 0 end',
      commission: 'case when r.was_settled then -(r.amount_minor - r.counted - r.credit) else 0 end',
      credited: 'case when r.is_top_up then 0 else -r.credit end',
    })} from r)`;

// The columns that RECORDS_SAY reads. Each begins with the few rows that are wanted and goes on by key (`offset 0`), whatever the planner
// believes: it can't know that most of a tenant's payments are of other days. Currency: of the money itself.
const PAYMENTS = (wanted: string, currency: string) => `select p.id, p.order_id, p.gateway, p.share_of_id, p.status,
    ${currency} as currency_code, p.captured_minor, p.settled_minor, p.credit_minor, p.settled_at, p.created_at, o.type = 'TOP_UP' as is_top_up
  from (select * from payments p where p.tenant_id = current_tenant() and ${wanted} offset 0) p
  cross join lateral (select o.type from orders o where o.tenant_id = current_tenant() and o.id = p.order_id offset 0) o`;
const REFUNDS = (
  wanted: string,
  currency: string,
) => `select r.id, p.order_id, r.target, r.amount_minor, ${currency} as currency_code,
    r.completed_at, o.type = 'TOP_UP' as is_top_up, p.settled_at is not null as was_settled,
    case when p.settled_at is null then 0 else least(b.after, p.settled_minor) - least(b.before, p.settled_minor) end as counted,
    case when p.settled_at is null then 0
      else greatest(least(b.after, p.settled_minor + p.credit_minor) - p.settled_minor, 0)
        - greatest(least(b.before, p.settled_minor + p.credit_minor) - p.settled_minor, 0) end as credit
  from (select * from refunds r where r.tenant_id = current_tenant() and r.status = 'DONE' and ${wanted} offset 0) r
  cross join lateral (select * from payments p where p.tenant_id = current_tenant() and p.id = r.payment_id offset 0) p
  cross join lateral (select o.type from orders o where o.tenant_id = current_tenant() and o.id = p.order_id offset 0) o
  cross join lateral (select s.before, s.before + r.amount_minor as after from (
    select coalesce(sum(e.amount_minor), 0)::bigint as before from refunds e where e.tenant_id = current_tenant()
      and e.payment_id = r.payment_id and e.status = 'DONE' and (e.completed_at, e.id) < (r.completed_at, r.id)) s) b`;
const ORDERS = (wanted: string) => `select o.id, o.currency_code, o.total_minor, o.paid_at from orders o
  where o.tenant_id = current_tenant() and o.type <> 'TOP_UP' and ${wanted}`;

/**
 * All of some days, each side by its own time. $1, $2: from and to. Gives whose books to open: orders, and transactions of none. Money under
 * review is never settled from here, because its payment does not say when it came.
 */
const SUSPECTS = `with moved as (select * from ledger_movements($1, $2)), ${LEDGER_SAYS},
  p as materialized (
    ${PAYMENTS('p.settled_at >= $1 and p.settled_at < $2', 'p.currency_code')}
    union all
    ${PAYMENTS('p.settled_at is null and p.captured_minor > 0 and p.created_at >= $1 and p.created_at < $2', 'p.currency_code')}),
  r as materialized (${REFUNDS('r.completed_at >= $1 and r.completed_at < $2', 'p.currency_code')}),
  o as materialized (${ORDERS('o.paid_at >= $1 and o.paid_at < $2')}),
  ${RECORDS_SAY},
  said as (
    select id, currency_code, order_id, transaction_id, is_hold, at as ledger_at, null::timestamptz as records_at, ${COMPARED.map(([column]) => column).join(', ')}
    from ledger_says
    union all
    select id, currency_code, order_id, null, false, null, at, ${COMPARED.map(([column]) => `-${column}`).join(', ')} from records_say)
  select distinct (array_agg(s.order_id))[1] as "orderId",
    case when (array_agg(s.order_id))[1] is null then (array_agg(s.transaction_id))[1] end as "transactionId"
  from said s group by s.id, s.currency_code
  having ${COMPARED.map(([column]) => `sum(s.${column}) <> 0`).join(' or ')} or bool_or(s.is_hold)
    or min(s.ledger_at) - min(s.records_at) not between -${MOMENT} and ${MOMENT}`;

// Money that never counted may have come in another currency than it was asked in; only the ledger knows.
const CAME_IN = `case when p.settled_at is null then coalesce((select t.currency_code from ledger_transactions t
    where t.tenant_id = current_tenant() and t.kind = 'REVIEW_HOLD' and t.subject_id = p.id), p.currency_code) else p.currency_code end`;

/** Everything of some orders, whenever it was, and some transactions. $1, $2: their ids. Gives what does not agree. */
const CLAIMS = `with p as materialized (${PAYMENTS('p.order_id = any ($1::uuid[])', CAME_IN)}),
  r as materialized (${REFUNDS('r.payment_id = any (array(select p.id from p))', CAME_IN)}),
  o as materialized (${ORDERS('o.id = any ($1::uuid[]) and o.paid_at is not null')}),
  ${RECORDS_SAY},
  subjects as (
    select k.kind, p.id from p cross join unnest(array['SETTLEMENT', 'REVIEW_HOLD', 'REVIEW_ACCEPT']) k (kind)
    union all
    select k.kind, r.id from r cross join unnest(array['REFUND', 'REVIEW_REFUND']) k (kind)),
  wanted as (
    select t.* from subjects s cross join lateral (select * from ledger_transactions t
      where t.tenant_id = current_tenant() and t.kind = s.kind and t.subject_id = s.id offset 0) t
    union
    select t.* from ledger_transactions t where t.tenant_id = current_tenant() and t.id = any ($2::uuid[])),
  moved as (
    select w.id as transaction_id, w.kind, w.subject_id, w.currency_code, w.occurred_at, e.account_id, e.amount_minor
    from wanted w cross join lateral (select l.account_id, l.amount_minor from ledger_entries l
      where l.tenant_id = current_tenant() and l.transaction_id = w.id offset 0) e),
  ${LEDGER_SAYS},
  said as (
    select l.type, l.id, l.currency_code, c.what, c.amount as ledger, l.at as ledger_at, l.is_hold, null::bigint as records, null::timestamptz as records_at
    from ledger_says l cross join lateral (values ${COMPARED.map(([column, what]) => `('${what}', l.${column})`).join(', ')}) c (what, amount)
    union all
    select r.type, r.id, r.currency_code, c.what, null, null, false, c.amount, r.at
    from records_say r cross join lateral (values ${COMPARED.map(([column, what]) => `('${what}', r.${column})`).join(', ')}) c (what, amount)),
  compared as (
    select s.what, s.type, s.id, s.currency_code as "currencyCode", coalesce(sum(s.ledger), 0)::bigint as "ledgerMinor",
      coalesce(sum(s.records), 0)::bigint as "recordsMinor", min(s.ledger_at) as "ledgerAt", min(s.records_at) as "recordsAt",
      not bool_or(s.is_hold) and coalesce(min(s.ledger_at) - min(s.records_at) not between -${MOMENT} and ${MOMENT}, false) as "isApart"
    from said s where coalesce(s.ledger, s.records) <> 0 group by 1, 2, 3, 4)
  select * from compared c where c."ledgerMinor" <> c."recordsMinor" or c."isApart" order by c.id`;

/** What customers have of points and pending cashback, beside their lots: as it is now, because lots do not tell what they were. $1: now. */
const HOLDINGS = `select s.what, 'User' as type, s.id, s.currency_code as "currencyCode", sum(s.ledger)::bigint as "ledgerMinor",
    sum(s.records)::bigint as "recordsMinor", $1::timestamptz as "ledgerAt", $1::timestamptz as "recordsAt", false as "isApart"
  from (
    select a.kind::text as what, a.holder_id as id, a.currency_code, -a.balance_minor as ledger, 0 as records
    from ledger_accounts a where a.tenant_id = current_tenant() and a.kind in ('POINTS', 'CASHBACK_PENDING')
    union all
    select 'POINTS', l.customer_id, '${POINTS_UNIT}', 0, l.points_remaining
    from loyalty_lots l where l.tenant_id = current_tenant() and l.points_remaining > 0
    union all
    select 'CASHBACK_PENDING', l.customer_id, l.currency_code, 0, l.cashback_pending_minor
    from loyalty_lots l where l.tenant_id = current_tenant() and l.cashback_pending_minor > 0) s
  group by 1, 3, 4 having sum(s.ledger) <> sum(s.records) order by 3`;

/** Who has to be looked at: an order, or a transaction that belongs to none. */
interface Suspect {
  readonly orderId: string | null;
  readonly transactionId: string | null;
}

/** The differences of a report. Two statements and, for a report that reaches to now, a third. @throws DEADLINE_EXCEEDED */
export async function readDifferences(
  statements: Statements,
  now: Date,
  report: MoneyReport,
): Promise<MoneyDifference[]> {
  const [from, to] = [report.bounds[0], report.bounds.at(-1)];
  if (!from || !to) return [];
  return inTime(async () => {
    const suspects = await statements.query<Suspect>(SUSPECTS, [from, to]);
    const idsOf = (name: keyof Suspect) => suspects.map((suspect) => suspect[name]).filter((id) => id !== null);
    const [claims, holdings] = await Promise.all([
      statements.query<Claim>(CLAIMS, [idsOf('orderId'), idsOf('transactionId')]),
      to > now ? statements.query<Claim>(HOLDINGS, [now]) : [],
    ]);
    return listDifferences([...claims, ...holdings], report);
  });
}
