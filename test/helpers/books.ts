import type { TestApp } from './app.ts';

/** The ways of a table of states as rows of SQL. */
function pairs(ways: Readonly<Record<string, string>>): string {
  return Object.entries(ways)
    .flatMap(([came, all]) => all.split(' ').map((went) => `('${came}', '${went}')`))
    .join(', ');
}

/** What must be true of the whole database after whatever happened: each statement gives the rows that break a law. */
const LAWS: Readonly<Record<string, string>> = {
  'a ledger transaction sums to zero': `select transaction_id from ledger_entries group by 1 having sum(amount_minor) <> 0`,
  'a balance is the sum of its entries': `select a.id from ledger_accounts a
    left join (select account_id, sum(amount_minor) as total from ledger_entries group by 1) e on e.account_id = a.id
    where a.balance_minor <> coalesce(e.total, 0)`,
  'a payment is settled, held and accepted once at most': `select subject_id, kind from ledger_transactions where kind <> 'TEST' group by 1, 2 having count(*) > 1`,
  'a settled payment was never also held': `select s.subject_id from ledger_transactions s join ledger_transactions h using (tenant_id, subject_id)
    where s.kind = 'SETTLEMENT' and h.kind = 'REVIEW_HOLD'`,
  'money that was captured is in the ledger, and no other': `select p.id from payments p left join ledger_transactions t
      on t.tenant_id = p.tenant_id and t.subject_id = coalesce(p.share_of_id, p.id) and t.kind in ('SETTLEMENT', 'REVIEW_HOLD')
    where (p.captured_minor > 0) <> (t.id is not null) and (p.share_of_id is null or p.captured_minor > 0)`,
  'a paid order has one invoice, another none': `select o.id from orders o left join invoices v
      on v.tenant_id = o.tenant_id and v.order_id = o.id and v.kind = 'INVOICE'
    group by o.tenant_id, o.id having count(v.id) <> (case when o.type <> 'TOP_UP' and o.status in ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED') then 1 else 0 end)`,
  'the ledger proves itself': `select t.slug, f.* from tenants t cross join lateral first_ledger_fault(t.id) f`,
  'what an order counts is what its payments gave it': `select o.id from orders o join payments p on p.tenant_id = o.tenant_id and p.order_id = o.id
    where o.status = 'PAID' group by o.tenant_id, o.id, o.paid_minor
    having o.paid_minor > sum(p.captured_minor) filter (where p.status in ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED'))`,
  'what is held of a wallet is held for a payment that is pending': `select h.id from ledger_holds h
    left join payments p on p.tenant_id = h.tenant_id and p.id = h.id
    where h.kind = 'WALLET_SHARE' and (h.outcome is null) <> (p.status is not distinct from 'PENDING')`,
  'the points in the lots are the points of the account': `select l.customer_id from (select tenant_id, customer_id, sum(points_remaining) as points
      from loyalty_lots group by 1, 2) l left join ledger_accounts a on a.tenant_id = l.tenant_id and a.holder_id = l.customer_id and a.kind = 'POINTS'
    where l.points <> -coalesce(a.balance_minor, 0)
    union all select a.holder_id from ledger_accounts a where a.kind = 'POINTS' and a.balance_minor <> 0
      and not exists (select from loyalty_lots l where l.tenant_id = a.tenant_id and l.customer_id = a.holder_id)`,
  'cashback in the lots is cashback in the accounts': `select l.customer_id, l.currency_code from (
      select tenant_id, customer_id, currency_code, sum(cashback_pending_minor) as pending,
        sum(cashback_minor - cashback_pending_minor - cashback_taken_back_minor) as credited from loyalty_lots group by 1, 2, 3) l
    left join ledger_accounts p on p.tenant_id = l.tenant_id and p.holder_id = l.customer_id and p.currency_code = l.currency_code and p.kind = 'CASHBACK_PENDING'
    left join ledger_accounts c on c.tenant_id = l.tenant_id and c.holder_id = l.customer_id and c.currency_code = l.currency_code and c.kind = 'CASHBACK_CREDITED'
    where l.pending <> -coalesce(p.balance_minor, 0) or l.credited <> -coalesce(c.balance_minor, 0)`,
  'what refunds took back of an order’s earnings is the refunded part of them': `select l.order_id from loyalty_lots l
    join orders o on o.tenant_id = l.tenant_id and o.id = l.order_id
    where l.points_taken_back <> l.points - div(l.points * (o.paid_minor - o.refunded_minor), o.paid_minor)
      or l.cashback_taken_back_minor <> l.cashback_minor - div(l.cashback_minor * (o.paid_minor - o.refunded_minor), o.paid_minor)`,
  'a top-up earns nothing, and nobody owes what they have': `select l.order_id from loyalty_lots l join orders o on o.tenant_id = l.tenant_id and o.id = l.order_id
      where o.type = 'TOP_UP'
    union all select p.holder_id from ledger_accounts p join ledger_accounts w using (tenant_id, holder_id, currency_code)
      where p.kind = 'POINTS' and w.kind = 'POINTS_OWED' and p.balance_minor <> 0 and w.balance_minor <> 0`,
  'an order counts one payment as revenue at most': `select p.order_id from payments p join ledger_transactions t
      on t.tenant_id = p.tenant_id and t.subject_id = p.id and t.kind = 'SETTLEMENT' group by 1 having count(*) > 1`,
  'a cancelled order keeps nothing of the stock': `select t.order_id from stock_takings t join orders o on o.tenant_id = t.tenant_id and o.id = t.order_id
    where o.status = 'CANCELLED' and t.returned_at is null`,
  'order numbers have no gaps': `select tenant_id from orders where number is not null group by 1
    having count(*) <> count(distinct number) or max(substr(number, 5)::int) <> count(*)`,
  'invoice numbers have no gaps': `select tenant_id from invoices where kind = 'INVOICE' group by 1
    having count(*) <> count(distinct number) or max(substr(number, 5)::int) <> count(*)`,
  'credit note numbers have no gaps': `select tenant_id from invoices where kind = 'CREDIT_NOTE' group by 1
    having count(*) <> count(distinct number) or max(substr(number, 4)::int) <> count(*)`,
  'credit notes take back what was refunded of an order, and its tax': `select o.id from orders o
    left join lateral (select coalesce(sum(v.total_minor), 0) as total from invoices v
      where v.tenant_id = o.tenant_id and v.order_id = o.id and v.kind = 'CREDIT_NOTE') c on true
    left join lateral (select coalesce(sum(r.tax_minor), 0) as tax from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
      where p.tenant_id = o.tenant_id and p.order_id = o.id and r.status = 'DONE') t on true
    where o.type <> 'TOP_UP' and (c.total <> o.refunded_minor or t.tax > o.tax_minor or (o.refunded_minor = o.total_minor and t.tax <> o.tax_minor))`,
  'events of a status follow on each other and end where it stands': `with told as (
      select e.*, payload ->> 'previousStatus' as came, payload ->> 'status' as went,
        lag(payload ->> 'status') over w as before, lead(payload ->> 'status') over w as after
      from events e where type in ('payment.status', 'order.status')
      window w as (partition by tenant_id, aggregate_id order by position))
    select t.aggregate_id, t.came, t.went from told t
      left join payments p on p.tenant_id = t.tenant_id and p.id = t.aggregate_id
      left join orders o on o.tenant_id = t.tenant_id and o.id = t.aggregate_id
    where t.came <> coalesce(t.before, case when t.type = 'payment.status' then 'UNPAID' else 'DRAFT' end)
      or (t.after is null and t.went <> coalesce(p.status::text, o.status::text))`,
  'nothing moves backwards': `select e.aggregate_id, payload ->> 'previousStatus' as came, payload ->> 'status' as went from events e
    where type in ('payment.status', 'order.status') and (type, payload ->> 'previousStatus', payload ->> 'status') not in (
      select 'payment.status', came, went from (values ${pairs({
        UNPAID: 'PENDING PAID FAILED EXPIRED CANCELLED UNDER_REVIEW',
        PENDING: 'PAID FAILED EXPIRED CANCELLED UNDER_REVIEW',
        FAILED: 'PAID UNDER_REVIEW',
        EXPIRED: 'PAID UNDER_REVIEW',
        CANCELLED: 'PAID UNDER_REVIEW',
        UNDER_REVIEW: 'PAID REFUNDED',
        PAID: 'PARTIALLY_REFUNDED REFUNDED',
        PARTIALLY_REFUNDED: 'PARTIALLY_REFUNDED REFUNDED',
      })}) as m (came, went)
      union all select 'order.status', came, went from (values ${pairs({
        DRAFT: 'ISSUED PAID CANCELLED',
        ISSUED: 'PAID CANCELLED EXPIRED',
        EXPIRED: 'PAID',
        PAID: 'PARTIALLY_REFUNDED REFUNDED',
        PARTIALLY_REFUNDED: 'PARTIALLY_REFUNDED REFUNDED',
      })}) as m (came, went))`,
  'what went back of a payment is what its refunds say, and no more than came': `select p.id from payments p
      left join refunds r on r.tenant_id = p.tenant_id and r.payment_id = p.id and r.status = 'DONE'
    group by p.tenant_id, p.id
    having p.refunded_minor <> coalesce(sum(r.amount_minor), 0) or p.refunded_minor > p.captured_minor`,
  'one refund of a payment is under way at most': `select payment_id from refunds where status = 'REQUESTED' group by tenant_id, payment_id having count(*) > 1`,
  'versions of an aggregate grow with its events': `select aggregate_id from (select aggregate_id, version,
      lag(version) over (partition by tenant_id, aggregate_id order by position) as before from events
      where type in ('payment.status', 'order.status')) e where version <= before`,
  'a delivery with a verdict of its own is accepted once': `select payment_id, dedupe_key from webhook_deliveries
    where verdict = 'ACCEPTED' group by 1, 2 having count(*) > 1`,
};

/** @returns the laws that are broken, with the rows that break them; empty where all is well. */
export async function brokenLaws(world: Pick<TestApp, 'owner'>): Promise<Record<string, unknown[]>> {
  const broken: Record<string, unknown[]> = {};
  for (const [law, text] of Object.entries(LAWS)) {
    const rows = await world.owner(text);
    if (rows.length > 0) broken[law] = rows.slice(0, 5);
  }
  return broken;
}
