-- Rules of points, cashback and top-ups per tenant, and what every order earned (LOY-2, LOY-3, LOY-4).

-- CreateTable
CREATE TABLE "loyalty_rules" (
    "tenant_id" UUID NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "points_enabled" BOOLEAN NOT NULL,
    "points_per_unit" TEXT NOT NULL,
    "points_expire_days" INTEGER,
    "redemption_rate" TEXT NOT NULL,
    "redeem_points_min" INTEGER NOT NULL,
    "cashback_enabled" BOOLEAN NOT NULL,
    "cashback_percent" TEXT NOT NULL,
    "cashback_pending_days" INTEGER NOT NULL,
    "earn_on_tax" BOOLEAN NOT NULL,
    "top_up_enabled" BOOLEAN NOT NULL,
    "top_up_min_minor" BIGINT NOT NULL,
    "top_up_max_minor" BIGINT,

    CONSTRAINT "loyalty_rules_pkey" PRIMARY KEY ("tenant_id")
);

-- CreateTable
CREATE TABLE "loyalty_lots" (
    "tenant_id" UUID NOT NULL,
    "order_id" UUID NOT NULL,
    "customer_id" UUID NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "points" BIGINT NOT NULL,
    "points_remaining" BIGINT NOT NULL,
    "points_expired" BIGINT NOT NULL DEFAULT 0,
    "points_taken_back" BIGINT NOT NULL DEFAULT 0,
    "points_expire_at" TIMESTAMPTZ(6),
    "cashback_minor" BIGINT NOT NULL,
    "cashback_pending_minor" BIGINT NOT NULL,
    "cashback_taken_back_minor" BIGINT NOT NULL DEFAULT 0,
    "cashback_due_at" TIMESTAMPTZ(6) NOT NULL,
    "earned_at" TIMESTAMPTZ(6) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "loyalty_lots_pkey" PRIMARY KEY ("tenant_id","order_id")
);

-- AddForeignKey
ALTER TABLE "loyalty_rules" ADD CONSTRAINT "loyalty_rules_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "loyalty_lots" ADD CONSTRAINT "loyalty_lots_tenant_id_order_id_fkey" FOREIGN KEY ("tenant_id", "order_id") REFERENCES "orders"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "loyalty_lots" ADD CONSTRAINT "loyalty_lots_tenant_id_customer_id_fkey" FOREIGN KEY ("tenant_id", "customer_id") REFERENCES "users"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- What a customer can spend, and what is due (due_work).
create index loyalty_lots_live on loyalty_lots (tenant_id, customer_id, points_expire_at, order_id) where points_remaining > 0;
create index loyalty_lots_expiry on loyalty_lots (points_expire_at) where points_remaining > 0 and points_expire_at is not null;
create index loyalty_lots_cashback on loyalty_lots (cashback_due_at) where cashback_pending_minor > 0;

-- ------------------------------------------------------------ who may see and do what
do $$
declare
  name text;
begin
  foreach name in array array['loyalty_rules', 'loyalty_lots'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant on %I using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', name);
    execute format('create policy owner on %I to %I using (true) with check (true)', name, current_user);
    execute format('grant select, insert, update on %I to portolan_app', name);
  end loop;
end
$$;
create policy customer on loyalty_lots as restrictive using (current_customer() is null or customer_id = current_customer());

-- ------------------------------------------------------------ rules of rows
alter table loyalty_rules
  add constraint loyalty_rules_numbers check (points_per_unit ~ '^\d{1,6}(\.\d{1,4})?$' and redemption_rate ~ '^\d{1,6}(\.\d{1,6})?$'
    and cashback_percent ~ '^\d{1,3}(\.\d{1,4})?$'),
  add constraint loyalty_rules_ranges check (redeem_points_min >= 1 and points_expire_days >= 1 and cashback_pending_days >= 0
    and top_up_min_minor >= 1 and top_up_max_minor >= top_up_min_minor);
alter table loyalty_lots
  add constraint loyalty_lots_points check (points_remaining >= 0 and points_expired >= 0 and points_taken_back >= 0
    and points_remaining + points_expired + points_taken_back <= points),
  add constraint loyalty_lots_cashback check (cashback_pending_minor >= 0 and cashback_taken_back_minor >= 0
    and cashback_pending_minor + cashback_taken_back_minor <= cashback_minor);

-- What was earned stays what it was; what was taken back of it never comes again.
create function freeze_loyalty_lot() returns trigger language plpgsql as $$
begin
  if (new.tenant_id, new.order_id, new.customer_id, new.currency_code, new.points, new.cashback_minor, new.earned_at)
    is distinct from (old.tenant_id, old.order_id, old.customer_id, old.currency_code, old.points, old.cashback_minor, old.earned_at)
    or new.points_taken_back < old.points_taken_back or new.cashback_taken_back_minor < old.cashback_taken_back_minor
    or new.points_remaining > old.points_remaining or new.cashback_pending_minor > old.cashback_pending_minor
  then
    raise exception 'a lot keeps what was earned and only grows less' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger frozen before update on loyalty_lots for each row execute function freeze_loyalty_lot();

-- ------------------------------------------------------------ the ledger, with entries of two accounts
-- Writes balanced transactions and ends holds, all of one database transaction at once.
-- p_postings: [{ id, kind, subjectId, currencyCode, occurredAt, entries: [{ kind, holderId, amountMinor, restKind }] }]
-- An entry with a restKind brings its account as far towards zero as it goes (what is held stays); the rest falls on that other account of
-- the same holder: cashback taken back from a wallet that no longer has it, or money that pays back a debt first. Known only here, because
-- only here the accounts are locked.
-- p_ends: [{ holdId, outcome, endedAt }]; a hold that ended already is left as it is.
-- The application has no other way to write the ledger.
create or replace function post_ledger(p_postings jsonb, p_ends jsonb) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_posting record;
  v_entry record;
  v_end record;
  v_account ledger_accounts;
  v_hash bytea;
  v_account_id uuid;
  v_amount bigint;
  v_rest bigint;
  v_position int;
begin
  perform lock_ledger_accounts(
    (select coalesce(jsonb_agg(e || jsonb_build_object('currencyCode', p ->> 'currencyCode')), '[]')
      from jsonb_array_elements(p_postings) p cross join jsonb_array_elements(p -> 'entries') w
      cross join lateral (select w as e union all select w || jsonb_build_object('kind', w ->> 'restKind') where w ? 'restKind') both_accounts),
    (select coalesce(array_agg((h ->> 'holdId')::uuid), '{}') from jsonb_array_elements(p_ends) h));
  for v_end in
    update ledger_holds h set outcome = (e ->> 'outcome')::ledger_hold_outcome, ended_at = (e ->> 'endedAt')::timestamptz
      from jsonb_array_elements(p_ends) e
      where h.tenant_id = v_tenant and h.id = (e ->> 'holdId')::uuid and h.outcome is null
      returning h.account_id, h.amount_minor
  loop
    update ledger_accounts a set held_minor = a.held_minor - v_end.amount_minor where a.tenant_id = v_tenant and a.id = v_end.account_id;
  end loop;
  for v_posting in
    select * from jsonb_to_recordset(p_postings) as p (id uuid, kind text, "subjectId" uuid, "currencyCode" text, "occurredAt" timestamptz,
      entries jsonb)
  loop
    if jsonb_array_length(v_posting.entries) < 2
      or (select sum((e ->> 'amountMinor')::bigint) from jsonb_array_elements(v_posting.entries) e) <> 0 then
      raise exception 'ledger transaction does not balance' using errcode = 'check_violation';
    end if;
    insert into ledger_transactions (tenant_id, id, kind, subject_id, currency_code, occurred_at)
      values (v_tenant, v_posting.id, v_posting.kind, v_posting."subjectId", v_posting."currencyCode", v_posting."occurredAt");
    v_position := 0;
    for v_entry in
      select (t.e ->> 'amountMinor')::bigint as amount,
        ledger_account_id(v_tenant, t.e ->> 'kind', v_posting."currencyCode", (t.e ->> 'holderId')::uuid) as account,
        case when t.e ? 'restKind' then ledger_account_id(v_tenant, t.e ->> 'restKind', v_posting."currencyCode", (t.e ->> 'holderId')::uuid) end as rest
      from jsonb_array_elements(v_posting.entries) with ordinality t (e, n) order by t.n
    loop
      v_account_id := v_entry.account;
      v_amount := v_entry.amount;
      v_rest := 0;
      if v_entry.rest is not null then
        select * into strict v_account from ledger_accounts a where a.tenant_id = v_tenant and a.id = v_account_id;
        v_amount := case when v_amount > 0 then least(v_amount, greatest(0, -v_account.balance_minor - v_account.held_minor))
          else greatest(v_amount, least(0, -v_account.balance_minor + v_account.held_minor)) end;
        v_rest := v_entry.amount - v_amount;
      end if;
      loop
        if v_amount <> 0 then
          select * into strict v_account from ledger_accounts a where a.tenant_id = v_tenant and a.id = v_account_id;
          v_hash := ledger_hash(v_account.head, v_tenant, v_account.id, v_account.entry_count + 1, v_amount,
            v_account.balance_minor + v_amount, v_posting.id, v_posting.kind, v_posting."subjectId", v_posting."currencyCode",
            v_posting."occurredAt");
          update ledger_accounts a set balance_minor = a.balance_minor + v_amount, entry_count = a.entry_count + 1, head = v_hash
            where a.tenant_id = v_tenant and a.id = v_account.id;
          v_position := v_position + 1;
          insert into ledger_entries (tenant_id, transaction_id, position, account_id, holder_id, amount_minor, balance_minor, sequence, hash)
            values (v_tenant, v_posting.id, v_position, v_account.id, v_account.holder_id, v_amount,
              v_account.balance_minor + v_amount, v_account.entry_count + 1, v_hash);
        end if;
        exit when v_rest = 0;
        v_account_id := v_entry.rest;
        v_amount := v_rest;
        v_rest := 0;
      end loop;
    end loop;
  end loop;
end
$$;

-- ------------------------------------------------------------ what is due
-- For the scheduler (see 03_lookups), with cashback whose return period is over and points that ran out.
create or replace function due_work(p_now timestamptz, p_limit int) returns table (kind text, tenant_id uuid, id uuid)
  language sql stable security definer set search_path = public, pg_temp
  as $$ (select 'payment', p.tenant_id, p.id from payments p where p.next_poll_at <= p_now order by p.next_poll_at limit p_limit)
    union all
    (select 'inquiry', i.tenant_id, i.id from inquiries i where i.resolution = 'OPEN' and i.next_look_up_at <= p_now
      order by i.next_look_up_at limit p_limit)
    union all
    (select 'order', o.tenant_id, o.id from orders o where o.status = 'ISSUED' and o.expires_at <= p_now
      order by o.expires_at limit p_limit)
    union all
    (select 'refund', r.tenant_id, r.id from refunds r where r.status = 'REQUESTED' and r.next_poll_at <= p_now
      order by r.next_poll_at limit p_limit)
    union all
    (select 'hold', h.tenant_id, h.id from ledger_holds h where h.outcome is null and h.expires_at <= p_now
      order by h.expires_at limit p_limit)
    union all
    (select 'cashback', l.tenant_id, l.order_id from loyalty_lots l where l.cashback_pending_minor > 0 and l.cashback_due_at <= p_now
      order by l.cashback_due_at limit p_limit)
    union all
    (select 'points', l.tenant_id, l.order_id from loyalty_lots l where l.points_remaining > 0 and l.points_expire_at <= p_now
      order by l.points_expire_at limit p_limit)
    union all
    (select 'delivery', d.tenant_id, d.id from webhook_deliveries d where d.processed_at is null
      and d.received_at <= p_now - interval '1 minute' and d.received_at > p_now - interval '4 days'
      order by d.received_at limit p_limit) $$;
