-- The ledger of everything that counts (LOY-1, BEY-11): wallet money, points and cashback beside the sales. Two phases (hold, then
-- capture, release or expiry), a running balance and a hash chain per account, and a function that finds the first thing that is wrong.

-- CreateEnum
CREATE TYPE "ledger_hold_outcome" AS ENUM ('CAPTURED', 'RELEASED', 'EXPIRED');

-- AlterTable
ALTER TABLE "ledger_accounts" ADD COLUMN     "entry_count" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "head" BYTEA NOT NULL DEFAULT '\x',
ADD COLUMN     "held_minor" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "ledger_entries" ADD COLUMN     "balance_minor" BIGINT,
ADD COLUMN     "hash" BYTEA,
ADD COLUMN     "holder_id" UUID,
ADD COLUMN     "sequence" BIGINT;

-- CreateTable
CREATE TABLE "ledger_holds" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "holder_id" UUID NOT NULL,
    "amount_minor" BIGINT NOT NULL,
    "kind" TEXT NOT NULL,
    "subject_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "expires_at" TIMESTAMPTZ(6),
    "outcome" "ledger_hold_outcome",
    "ended_at" TIMESTAMPTZ(6),

    CONSTRAINT "ledger_holds_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "ledger_holds_tenant_id_kind_subject_id_key" ON "ledger_holds"("tenant_id", "kind", "subject_id");

-- CreateIndex
CREATE INDEX "ledger_holds_tenant_id_account_id_idx" ON "ledger_holds"("tenant_id", "account_id");

-- AddForeignKey
ALTER TABLE "ledger_holds" ADD CONSTRAINT "ledger_holds_tenant_id_account_id_fkey" FOREIGN KEY ("tenant_id", "account_id") REFERENCES "ledger_accounts"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

create index ledger_holds_expiry on ledger_holds (expires_at) where outcome is null and expires_at is not null;

-- ------------------------------------------------------------ the chain
-- What an entry's hash covers: the entry before it on its account, its own place and amount, and what its transaction says.
create function ledger_hash(p_before bytea, p_tenant uuid, p_account uuid, p_sequence bigint, p_amount bigint, p_balance bigint,
  p_transaction uuid, p_kind text, p_subject uuid, p_currency text, p_occurred timestamptz)
returns bytea language sql immutable parallel safe
  return sha256(p_before || convert_to(concat_ws('|', p_tenant, p_account, p_sequence, p_amount, p_balance, p_transaction, p_kind, p_subject,
    p_currency, extract(epoch from p_occurred)), 'UTF8'));

-- Entries that were there before the chain get their places in the order of their time.
alter table ledger_entries disable trigger append_only;
do $$
declare
  v record;
  v_account ledger_accounts;
  v_hash bytea;
begin
  update ledger_accounts set balance_minor = 0;
  for v in select e.*, t.kind, t.subject_id, t.currency_code, t.occurred_at from ledger_entries e
    join ledger_transactions t on t.tenant_id = e.tenant_id and t.id = e.transaction_id order by t.occurred_at, t.id, e.position
  loop
    select * into strict v_account from ledger_accounts a where a.tenant_id = v.tenant_id and a.id = v.account_id;
    v_hash := ledger_hash(v_account.head, v.tenant_id, v.account_id, v_account.entry_count + 1, v.amount_minor,
      v_account.balance_minor + v.amount_minor, v.transaction_id, v.kind, v.subject_id, v.currency_code, v.occurred_at);
    update ledger_accounts a set balance_minor = a.balance_minor + v.amount_minor, entry_count = a.entry_count + 1, head = v_hash
      where a.tenant_id = v.tenant_id and a.id = v.account_id;
    update ledger_entries e set sequence = v_account.entry_count + 1, balance_minor = v_account.balance_minor + v.amount_minor,
        holder_id = v_account.holder_id, hash = v_hash
      where e.tenant_id = v.tenant_id and e.transaction_id = v.transaction_id and e.position = v.position;
  end loop;
end
$$;
alter table ledger_entries enable trigger append_only;

-- AlterTable
ALTER TABLE "ledger_entries" ALTER COLUMN "balance_minor" SET NOT NULL,
ALTER COLUMN "hash" SET NOT NULL,
ALTER COLUMN "holder_id" SET NOT NULL,
ALTER COLUMN "sequence" SET NOT NULL;

-- DropIndex
DROP INDEX "ledger_entries_tenant_id_account_id_idx";

-- CreateIndex
CREATE UNIQUE INDEX "ledger_entries_tenant_id_account_id_sequence_key" ON "ledger_entries"("tenant_id", "account_id", "sequence");

-- ------------------------------------------------------------ who may see and do what
alter table ledger_holds enable row level security;
alter table ledger_holds force row level security;
create policy tenant on ledger_holds using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
grant select on ledger_holds to portolan_app;

-- A hold ends once, and nothing else about it ever changes.
create function refuse_change_of_hold() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.outcome is null and new.outcome is not null and new.ended_at is not null
    and to_jsonb(new) - 'outcome' - 'ended_at' = to_jsonb(old) - 'outcome' - 'ended_at' then
    return new;
  end if;
  raise exception 'a hold only ends' using errcode = 'restrict_violation';
end
$$;
create trigger append_only before update or delete on ledger_holds for each row execute function refuse_change_of_hold();
create trigger append_only_whole before truncate on ledger_holds execute function refuse_change();

do $$
declare
  name text;
begin
  execute format('create policy owner on ledger_holds to %I using (true) with check (true)', current_user);
  -- A customer reads what is theirs; the tenant's own accounts stay the tenant's.
  foreach name in array array['ledger_accounts', 'ledger_entries'] loop
    execute format('drop policy customer on %I', name);
  end loop;
  foreach name in array array['ledger_accounts', 'ledger_entries', 'ledger_holds'] loop
    execute format('create policy customer on %I as restrictive for select using (current_customer() is null or holder_id = current_customer())', name);
  end loop;
end
$$;
drop policy customer on ledger_transactions;
create policy customer on ledger_transactions as restrictive for select using (current_customer() is null or exists (
  select from ledger_entries e where e.tenant_id = ledger_transactions.tenant_id and e.transaction_id = ledger_transactions.id
    and e.holder_id = current_customer()));

-- ------------------------------------------------------------ rules of rows
-- Debits are positive, credits negative. An account never leaves the side of its kind, and what is held of it is there.
alter table ledger_accounts drop constraint ledger_accounts_side;
alter table ledger_accounts add constraint ledger_accounts_side check (
  case when kind in ('GATEWAY_CLEARING', 'GATEWAY_FEES', 'REFUNDS', 'WALLET_OWED', 'CASHBACK_TOTAL', 'LOYALTY_COST', 'ADJUSTMENTS_GIVEN',
      'POINTS_OWED', 'POINTS_ISSUED')
    then balance_minor >= held_minor else -balance_minor >= held_minor end and held_minor >= 0);
alter table ledger_holds add constraint ledger_holds_amount check (amount_minor > 0);
alter table ledger_accounts set (fillfactor = 50);

create function ledger_account_id(p_tenant uuid, p_kind text, p_currency text, p_holder uuid) returns uuid language sql immutable parallel safe
  return md5(concat_ws(':', p_tenant, p_kind, p_currency, p_holder))::uuid;

-- The accounts of a piece of work: made when first used, then locked in the order of their ids (not FOR UPDATE, because the entries'
-- foreign keys of everybody else hold a key share of the same accounts). Everything one transaction posts is locked here at once.
create function lock_ledger_accounts(p_accounts jsonb, p_hold_ids uuid[]) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_wanted uuid[];
  v_found int;
begin
  if v_tenant is null then
    raise exception 'no tenant' using errcode = 'insufficient_privilege';
  end if;
  select array_agg(distinct id) into v_wanted from (
    select ledger_account_id(v_tenant, a ->> 'kind', a ->> 'currencyCode', (a ->> 'holderId')::uuid) as id from jsonb_array_elements(p_accounts) a
    union all
    select h.account_id from ledger_holds h where h.tenant_id = v_tenant and h.id = any (p_hold_ids)) w;
  perform 1 from ledger_accounts a where a.tenant_id = v_tenant and a.id = any (v_wanted) order by a.id for no key update;
  get diagnostics v_found = row_count;
  if v_found = coalesce(cardinality(v_wanted), 0) then
    return;
  end if;
  insert into ledger_accounts (tenant_id, id, kind, currency_code, holder_id)
    select distinct on (2) v_tenant, ledger_account_id(v_tenant, a ->> 'kind', a ->> 'currencyCode', (a ->> 'holderId')::uuid),
      (a ->> 'kind')::ledger_account_kind, a ->> 'currencyCode', (a ->> 'holderId')::uuid
    from jsonb_array_elements(p_accounts) a order by 2
    on conflict do nothing;
  perform 1 from ledger_accounts a where a.tenant_id = v_tenant and a.id = any (v_wanted) order by a.id for no key update;
end
$$;

-- Sets money of an account aside: it stays in the balance and can't be spent by anything else until the hold ends.
-- Refused with the constraint ledger_accounts_side where there is not enough.
create function hold_ledger(p_id uuid, p_account text, p_holder uuid, p_currency text, p_amount bigint, p_kind text, p_subject uuid,
  p_at timestamptz, p_expires timestamptz)
returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_account uuid := ledger_account_id(v_tenant, p_account, p_currency, p_holder);
begin
  perform lock_ledger_accounts(jsonb_build_array(jsonb_build_object('kind', p_account, 'currencyCode', p_currency, 'holderId', p_holder)), '{}');
  insert into ledger_holds (tenant_id, id, account_id, holder_id, amount_minor, kind, subject_id, created_at, expires_at)
    values (v_tenant, p_id, v_account, p_holder, p_amount, p_kind, p_subject, p_at, p_expires);
  update ledger_accounts a set held_minor = a.held_minor + p_amount where a.tenant_id = v_tenant and a.id = v_account;
end
$$;

-- Writes balanced transactions and ends holds, all of one database transaction at once.
-- p_postings: [{ id, kind, subjectId, currencyCode, occurredAt, entries: [{ kind, holderId, amountMinor }] }]
-- p_ends: [{ holdId, outcome, endedAt }]; a hold that ended already is left as it is.
-- The application has no other way to write the ledger.
create function post_ledger(p_postings jsonb, p_ends jsonb) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_posting record;
  v_entry record;
  v_end record;
  v_account ledger_accounts;
  v_hash bytea;
begin
  perform lock_ledger_accounts(
    (select coalesce(jsonb_agg(e || jsonb_build_object('currencyCode', p ->> 'currencyCode')), '[]')
      from jsonb_array_elements(p_postings) p cross join jsonb_array_elements(p -> 'entries') e),
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
    for v_entry in
      select t.n, (t.e ->> 'amountMinor')::bigint as amount,
        ledger_account_id(v_tenant, t.e ->> 'kind', v_posting."currencyCode", (t.e ->> 'holderId')::uuid) as account
      from jsonb_array_elements(v_posting.entries) with ordinality t (e, n)
    loop
      select * into strict v_account from ledger_accounts a where a.tenant_id = v_tenant and a.id = v_entry.account;
      v_hash := ledger_hash(v_account.head, v_tenant, v_account.id, v_account.entry_count + 1, v_entry.amount,
        v_account.balance_minor + v_entry.amount, v_posting.id, v_posting.kind, v_posting."subjectId", v_posting."currencyCode",
        v_posting."occurredAt");
      update ledger_accounts a set balance_minor = a.balance_minor + v_entry.amount, entry_count = a.entry_count + 1, head = v_hash
        where a.tenant_id = v_tenant and a.id = v_account.id;
      insert into ledger_entries (tenant_id, transaction_id, position, account_id, holder_id, amount_minor, balance_minor, sequence, hash)
        values (v_tenant, v_posting.id, v_entry.n, v_account.id, v_account.holder_id, v_entry.amount,
          v_account.balance_minor + v_entry.amount, v_account.entry_count + 1, v_hash);
    end loop;
  end loop;
end
$$;
drop function post_ledger(uuid, text, uuid, text, timestamptz, jsonb);

-- ------------------------------------------------------------ a ledger one can check (BEY-11)
-- The first thing that does not hold in a tenant's ledger, or no row: balance of every transaction, the chain and running balance of every
-- account, what is held, and the side each account must stay on. Runs with the caller's rights and row-level security.
create function first_ledger_fault(p_tenant uuid) returns table (fault text, account_id uuid, transaction_id uuid, detail text)
language plpgsql stable set search_path = public, pg_temp as $$
begin
  return query
    select 'UNBALANCED', null::uuid, t.id, format('%s entries sum to %s', count(e.position), coalesce(sum(e.amount_minor), 0))
    from ledger_transactions t left join ledger_entries e on e.tenant_id = t.tenant_id and e.transaction_id = t.id
    where t.tenant_id = p_tenant group by t.id having count(e.position) < 2 or sum(e.amount_minor) <> 0 order by t.id limit 1;
  if found then return; end if;
  return query
    with chained as (
      select e.*, lag(e.hash, 1, ''::bytea) over w as before, row_number() over w as place, sum(e.amount_minor) over w as running
      from ledger_entries e where e.tenant_id = p_tenant window w as (partition by e.account_id order by e.sequence))
    select case when c.place <> c.sequence then 'GAP' when c.running <> c.balance_minor then 'RUNNING_BALANCE' else 'CHAIN' end,
      c.account_id, c.transaction_id, format('entry %s of its account', c.sequence)
    from chained c
    left join ledger_transactions t on t.tenant_id = c.tenant_id and t.id = c.transaction_id
    left join ledger_accounts a on a.tenant_id = c.tenant_id and a.id = c.account_id
    where c.place <> c.sequence or c.running <> c.balance_minor or c.holder_id is distinct from a.holder_id
      or t.currency_code is distinct from a.currency_code
      or c.hash is distinct from ledger_hash(c.before, c.tenant_id, c.account_id, c.sequence, c.amount_minor, c.balance_minor, c.transaction_id,
        t.kind, t.subject_id, t.currency_code, t.occurred_at)
    order by c.account_id, c.sequence limit 1;
  if found then return; end if;
  return query
    select case when a.balance_minor <> coalesce(l.balance, 0) then 'BALANCE' when a.held_minor <> coalesce(h.held, 0) then 'HELD' else 'HEAD' end,
      a.id, null::uuid, format('%s %s', a.kind, a.currency_code)
    from ledger_accounts a
    left join (select e.account_id, sum(e.amount_minor) as balance, count(*) as entries from ledger_entries e
      where e.tenant_id = p_tenant group by 1) l on l.account_id = a.id
    left join lateral (select e.hash from ledger_entries e where e.tenant_id = p_tenant and e.account_id = a.id
      order by e.sequence desc limit 1) last on true
    left join (select o.account_id, sum(o.amount_minor) as held from ledger_holds o where o.tenant_id = p_tenant and o.outcome is null group by 1) h on h.account_id = a.id
    where a.tenant_id = p_tenant and (a.balance_minor <> coalesce(l.balance, 0) or a.entry_count <> coalesce(l.entries, 0)
      or a.head <> coalesce(last.hash, ''::bytea) or a.held_minor <> coalesce(h.held, 0))
    order by a.id limit 1;
  if found then return; end if;
  -- The database's own constraint says the same; a check that was dropped is found here.
  return query
    select 'SIDE', a.id, null::uuid, format('%s %s is %s', a.kind, a.currency_code, a.balance_minor) from ledger_accounts a
    where a.tenant_id = p_tenant and (a.held_minor < 0 or case when a.kind in ('GATEWAY_CLEARING', 'GATEWAY_FEES', 'REFUNDS', 'WALLET_OWED',
        'CASHBACK_TOTAL', 'LOYALTY_COST', 'ADJUSTMENTS_GIVEN', 'POINTS_OWED', 'POINTS_ISSUED')
      then a.balance_minor < a.held_minor else -a.balance_minor < a.held_minor end)
    order by a.id limit 1;
end
$$;

do $$
declare
  signature text;
begin
  foreach signature in array array['lock_ledger_accounts(jsonb, uuid[])', 'hold_ledger(uuid, text, uuid, text, bigint, text, uuid, timestamptz, timestamptz)',
    'post_ledger(jsonb, jsonb)', 'first_ledger_fault(uuid)'] loop
    execute format('revoke all on function %s from public', signature);
    execute format('grant execute on function %s to portolan_app', signature);
  end loop;
end
$$;
revoke execute on function lock_ledger_accounts(jsonb, uuid[]) from portolan_app;
