-- What a tenant's days were in money: summed from the ledger once a day is over, and compared with what payments, refunds and orders say.

-- AlterTable
ALTER TABLE "orders" ADD COLUMN     "closed_at" TIMESTAMPTZ(6);

-- CreateTable
CREATE TABLE "ledger_days" (
    "tenant_id" UUID NOT NULL,
    "starts_at" TIMESTAMPTZ(6) NOT NULL,
    "ends_at" TIMESTAMPTZ(6) NOT NULL,
    "transactions" BIGINT NOT NULL,
    "sums" JSONB NOT NULL,

    CONSTRAINT "ledger_days_pkey" PRIMARY KEY ("tenant_id","starts_at")
);

-- CreateIndex
CREATE INDEX "ledger_transactions_tenant_id_occurred_at_id_idx" ON "ledger_transactions"("tenant_id", "occurred_at", "id");

-- ------------------------------------------------------------ when an unpaid order stopped to be one
-- As far as anything still tells: the event of it, or when it was to run out. What nobody remembers was never outstanding.
update orders o set closed_at = e.at
  from (select v.tenant_id, v.aggregate_id, min(v.occurred_at) as at from events v
    where v.type = 'order.status' and v.payload ->> 'status' in ('CANCELLED', 'EXPIRED') group by 1, 2) e
  where o.tenant_id = e.tenant_id and o.id = e.aggregate_id;
update orders set closed_at = coalesce(case when status = 'EXPIRED' then expires_at end, issued_at)
  where closed_at is null and status in ('CANCELLED', 'EXPIRED');

-- Orders by the time at which they stopped to wait for money: those open on any of some days are one range of it.
create index orders_open on orders (tenant_id, coalesce(least(paid_at, closed_at), 'infinity'), issued_at) where issued_at is not null;
create index orders_paid on orders (tenant_id, paid_at) where paid_at is not null;
create index payments_settled on payments (tenant_id, settled_at) where settled_at is not null;
-- Money that is held, or went back without having counted.
create index payments_held on payments (tenant_id, created_at) where settled_at is null and captured_minor > 0;
create index refunds_completed on refunds (tenant_id, completed_at) where completed_at is not null;
create index loyalty_lots_pending on loyalty_lots (tenant_id, customer_id) where cashback_pending_minor > 0;

-- ------------------------------------------------------------ days of the ledger
alter table ledger_days add constraint ledger_days_length check (starts_at < ends_at and transactions > 0);
alter table ledger_days enable row level security;
alter table ledger_days force row level security;
create policy tenant on ledger_days using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
create policy customer on ledger_days as restrictive for select using (current_customer() is null);
do $$ begin execute format('create policy owner on ledger_days to %I using (true) with check (true)', current_user); end $$;
grant select on ledger_days to portolan_app;

-- The tenant's entries of a period with what their transactions say. Runs with the caller's rights and row-level security, as all here but
-- keep_ledger_days do. Found by the transactions' time, then by key, whatever the planner believes of a period it does not know.
create function ledger_movements(p_from timestamptz, p_to timestamptz)
returns table (transaction_id uuid, kind text, subject_id uuid, currency_code text, occurred_at timestamptz, account_id uuid, amount_minor bigint)
language sql stable rows 100000 set search_path = public, pg_temp set enable_hashjoin = off set enable_mergejoin = off set jit = off
begin atomic
  with period as materialized (
    select t.id, t.kind, t.subject_id, t.currency_code, t.occurred_at from ledger_transactions t
    where t.tenant_id = current_tenant() and t.occurred_at >= p_from and t.occurred_at < p_to)
  select t.id, t.kind, t.subject_id, t.currency_code, t.occurred_at, e.account_id, e.amount_minor from period t
  cross join lateral (select l.account_id, l.amount_minor from ledger_entries l
    where l.tenant_id = current_tenant() and l.transaction_id = t.id) e;
end;

-- What a period's entries sum to, by day (its number among p_bounds), kind of transaction and kind of account. Debits and credits apart.
create function sum_ledger(p_from timestamptz, p_to timestamptz, p_bounds timestamptz[])
returns table (day int, currency text, kind text, account text, debit bigint, credit bigint)
language sql stable set search_path = public, pg_temp set enable_sort = off set jit = off
begin atomic
  select width_bucket(m.occurred_at, p_bounds), m.currency_code, m.kind, a.kind::text,
    coalesce(sum(m.amount_minor) filter (where m.amount_minor > 0), 0)::bigint,
    coalesce(-sum(m.amount_minor) filter (where m.amount_minor < 0), 0)::bigint
  from ledger_movements(p_from, p_to) m
  join ledger_accounts a on a.tenant_id = current_tenant() and a.id = m.account_id
  group by 1, 2, 3, 4;
end;

-- The sums of the days between p_bounds, numbered from 1, and of everything after the last bound as one more. A day that was summed already
-- is taken as it was kept, as long as the ledger still has as many transactions in it: none is ever changed or deleted, so whatever came
-- late makes them more. The rest is summed now.
create function sum_ledger_days(p_bounds timestamptz[])
returns table (day int, currency text, kind text, account text, debit bigint, credit bigint)
language sql stable set search_path = public, pg_temp set jit = off
begin atomic
  with kept as materialized (
    select d.starts_at, d.ends_at, d.sums, width_bucket(d.starts_at, p_bounds) as day from ledger_days d
    where d.tenant_id = current_tenant() and d.starts_at >= p_bounds[1]
      -- All of it in one of the days: the tenant may have moved to another time zone.
      and d.ends_at <= coalesce(p_bounds[width_bucket(d.starts_at, p_bounds) + 1], 'infinity')
      and d.transactions = (select count(*) from ledger_transactions t
        where t.tenant_id = current_tenant() and t.occurred_at >= d.starts_at and t.occurred_at < d.ends_at)),
  gaps as materialized (
    select coalesce(lag(k.ends_at) over (order by k.starts_at), p_bounds[1]) as gap_from, k.starts_at as gap_to from kept k
    union all
    select coalesce((select max(k.ends_at) from kept k), p_bounds[1]), 'infinity'),
  sums as (
    select k.day, s.currency, s.kind, s.account, s.debit, s.credit from kept k
    cross join lateral jsonb_to_recordset(k.sums) as s (currency text, kind text, account text, debit bigint, credit bigint)
    union all
    select s.day, s.currency, s.kind, s.account, s.debit, s.credit from gaps g
    cross join lateral sum_ledger(g.gap_from, g.gap_to, p_bounds) s where g.gap_from < g.gap_to)
  select s.day, s.currency, s.kind, s.account, sum(s.debit)::bigint, sum(s.credit)::bigint from sums s group by 1, 2, 3, 4;
end;

-- Keeps the sums of the tenant's days between p_bounds that are not kept yet, or had something come late; gives how many it summed. Whoever
-- calls it says which days are over; one that was not is summed anew, because the ledger has more in it then. What is kept of that time
-- otherwise, in another time zone, is forgotten.
create function keep_ledger_days(p_bounds timestamptz[]) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_kept int := 0;
  v record;
begin
  if v_tenant is null or current_customer() is not null then
    raise exception 'no tenant' using errcode = 'insufficient_privilege';
  end if;
  -- One at a time for a tenant, so that no two days ever overlap.
  perform pg_advisory_xact_lock(x'4c440001'::int, hashtext(v_tenant::text));
  delete from ledger_days d where d.tenant_id = v_tenant and d.ends_at > p_bounds[1] and d.starts_at < p_bounds[cardinality(p_bounds)]
    and not exists (select from generate_subscripts(p_bounds, 1) n where p_bounds[n] = d.starts_at and p_bounds[n + 1] = d.ends_at);
  for v in
    select w.starts_at, w.ends_at, c.transactions
    from (select p_bounds[n] as starts_at, p_bounds[n + 1] as ends_at from generate_subscripts(p_bounds, 1) n) w
    cross join lateral (select count(*) as transactions from ledger_transactions t
      where t.tenant_id = v_tenant and t.occurred_at >= w.starts_at and t.occurred_at < w.ends_at) c
    where c.transactions > 0 and not exists (select from ledger_days d
      where d.tenant_id = v_tenant and d.starts_at = w.starts_at and d.transactions = c.transactions)
  loop
    insert into ledger_days (tenant_id, starts_at, ends_at, transactions, sums)
      select v_tenant, v.starts_at, v.ends_at, v.transactions, jsonb_agg(to_jsonb(s) - 'day')
      from sum_ledger(v.starts_at, v.ends_at, array[v.starts_at]) s
      on conflict (tenant_id, starts_at) do update set transactions = excluded.transactions, sums = excluded.sums;
    v_kept := v_kept + 1;
  end loop;
  return v_kept;
end
$$;

-- For the scheduler (see 03_lookups): tenants whose ledger has something behind the last day that is kept which is older than any day is
-- long, so that its own is over wherever the tenant is.
create function ledgers_to_sum(p_now timestamptz, p_limit int) returns table (tenant_id uuid)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select t.id from tenants t
    where exists (select from ledger_transactions x where x.tenant_id = t.id and x.occurred_at < p_now - interval '26 hours'
      and x.occurred_at >= coalesce((select max(d.ends_at) from ledger_days d where d.tenant_id = t.id), '-infinity'))
    limit p_limit $$;

do $$
declare
  signature text;
begin
  foreach signature in array array['ledger_movements(timestamptz, timestamptz)', 'sum_ledger(timestamptz, timestamptz, timestamptz[])',
    'sum_ledger_days(timestamptz[])', 'keep_ledger_days(timestamptz[])', 'ledgers_to_sum(timestamptz, int)'] loop
    execute format('revoke all on function %s from public', signature);
    execute format('grant execute on function %s to portolan_app', signature);
  end loop;
end
$$;
