-- A ledger one can check from end to end (BEY-11, LOY-1): holds get a chain of their own, accounts and transactions are closed once they
-- are written, the check goes in slices so that it can tell how far it has come, and posting is a few statements instead of some per entry.

-- AlterTable
ALTER TABLE "ledger_accounts" ADD COLUMN     "hold_changes" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "hold_head" BYTEA NOT NULL DEFAULT '\x';

-- AlterTable
ALTER TABLE "ledger_holds" ADD COLUMN     "end_hash" BYTEA,
ADD COLUMN     "end_sequence" BIGINT,
ADD COLUMN     "hash" BYTEA,
ADD COLUMN     "sequence" BIGINT;

-- ------------------------------------------------------------ what the rules are made of
-- 1 where an account's balance is never below zero (debits), -1 where never above (credits): domain/ledger.ts says what each is for.
create function ledger_side(p_kind ledger_account_kind) returns int language sql immutable parallel safe
  return case when p_kind in ('GATEWAY_CLEARING', 'GATEWAY_FEES', 'REFUNDS', 'WALLET_OWED', 'CASHBACK_TOTAL', 'LOYALTY_COST',
    'ADJUSTMENTS_GIVEN', 'POINTS_OWED', 'POINTS_ISSUED') then 1 else -1 end;
alter table ledger_accounts drop constraint ledger_accounts_side;
alter table ledger_accounts add constraint ledger_accounts_side check (ledger_side(kind) * balance_minor >= held_minor and held_minor >= 0);

-- The same id and the same hashes as before, said so that the planner can put them into the expression around them (stable, because
-- convert_to is): a call of its own for each entry was the larger part of checking a ledger.
create or replace function ledger_account_id(p_tenant uuid, p_kind text, p_currency text, p_holder uuid) returns uuid
language sql immutable parallel safe
  return md5(p_tenant::text || ':' || p_kind || ':' || p_currency || ':' || p_holder::text)::uuid;

create or replace function ledger_hash(p_before bytea, p_tenant uuid, p_account uuid, p_sequence bigint, p_amount bigint, p_balance bigint,
  p_transaction uuid, p_kind text, p_subject uuid, p_currency text, p_occurred timestamptz)
returns bytea language sql stable parallel safe
  return sha256(p_before || convert_to(p_tenant::text || '|' || p_account::text || '|' || p_sequence::text || '|' || p_amount::text || '|'
    || p_balance::text || '|' || p_transaction::text || '|' || p_kind || '|' || p_subject::text || '|' || p_currency || '|'
    || extract(epoch from p_occurred - timestamptz '1970-01-01 00:00:00+00')::text, 'UTF8'));

-- What a hold's opening covers, and its end: everything it says, its place among the changes of its account's holds, and the one before.
create function ledger_hold_hash(p_before bytea, p_sequence bigint, p_hold ledger_holds, p_outcome ledger_hold_outcome, p_ended timestamptz)
returns bytea language sql immutable
  return sha256(p_before || convert_to(jsonb_build_array(p_hold.tenant_id, p_hold.account_id, p_sequence, p_hold.id, p_hold.holder_id,
    p_hold.amount_minor, p_hold.kind, p_hold.subject_id, extract(epoch from p_hold.created_at)::text,
    extract(epoch from p_hold.expires_at)::text, p_outcome, extract(epoch from p_ended)::text)::text, 'UTF8'));

-- Holds that were there before the chain get their places in the order of their time.
alter table ledger_holds disable trigger append_only;
do $$
declare
  v record;
  v_hold ledger_holds;
  v_account ledger_accounts;
  v_hash bytea;
begin
  for v in select h.tenant_id, h.id, h.account_id, h.created_at as at, false as ends from ledger_holds h
    union all select h.tenant_id, h.id, h.account_id, h.ended_at, true from ledger_holds h where h.outcome is not null
    order by at, ends, id
  loop
    select * into strict v_account from ledger_accounts a where a.tenant_id = v.tenant_id and a.id = v.account_id;
    select * into strict v_hold from ledger_holds h where h.tenant_id = v.tenant_id and h.id = v.id;
    if v.ends then
      v_hash := ledger_hold_hash(v_account.hold_head, v_account.hold_changes + 1, v_hold, v_hold.outcome, v_hold.ended_at);
      update ledger_holds h set end_sequence = v_account.hold_changes + 1, end_hash = v_hash where h.tenant_id = v.tenant_id and h.id = v.id;
    else
      v_hash := ledger_hold_hash(v_account.hold_head, v_account.hold_changes + 1, v_hold, null, null);
      update ledger_holds h set sequence = v_account.hold_changes + 1, hash = v_hash where h.tenant_id = v.tenant_id and h.id = v.id;
    end if;
    update ledger_accounts a set hold_changes = a.hold_changes + 1, hold_head = v_hash where a.tenant_id = v.tenant_id and a.id = v.account_id;
  end loop;
end
$$;
alter table ledger_holds enable trigger append_only;

-- AlterTable
ALTER TABLE "ledger_holds" ALTER COLUMN "hash" SET NOT NULL,
ALTER COLUMN "sequence" SET NOT NULL;

-- DropIndex
DROP INDEX "ledger_holds_tenant_id_account_id_idx";

-- CreateIndex
CREATE UNIQUE INDEX "ledger_holds_tenant_id_account_id_sequence_key" ON "ledger_holds"("tenant_id", "account_id", "sequence");

-- ------------------------------------------------------------ what is written stays as it is
create or replace function refuse_change_of_hold() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.outcome is null and new.outcome is not null and new.ended_at is not null
    and new.end_sequence is not null and new.end_hash is not null
    and to_jsonb(new) - 'outcome' - 'ended_at' - 'end_sequence' - 'end_hash'
      = to_jsonb(old) - 'outcome' - 'ended_at' - 'end_sequence' - 'end_hash' then
    return new;
  end if;
  raise exception 'a hold only ends' using errcode = 'restrict_violation';
end
$$;

-- An account's balance moves with its entries; what it is never changes. By column, so that posting does not pay for it.
create trigger append_only before update of tenant_id, id, kind, currency_code, holder_id on ledger_accounts
  for each row execute function refuse_change();
create trigger append_only_rows before delete on ledger_accounts for each row execute function refuse_change();
create trigger append_only_whole before truncate on ledger_accounts execute function refuse_change();

-- Holds whoever writes entries, the owner included: all entries of a transaction come in one statement and sum to zero, so none can ever be
-- added to it. Once per statement and not per entry at commit, because it is on every posting's way.
drop trigger balanced on ledger_entries;
create or replace function check_ledger_balance() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v record;
begin
  select s.transaction_id, s.n <> s.there as late into v from (
    select a.transaction_id, count(*) as n, sum(a.amount_minor) as total,
      (select count(*) from ledger_entries e where e.tenant_id = a.tenant_id and e.transaction_id = a.transaction_id) as there
    from added a group by a.tenant_id, a.transaction_id) s
    where s.total <> 0 or s.n < 2 or s.n <> s.there limit 1;
  if v.late then
    raise exception 'ledger transaction % is complete: its entries are written together', v.transaction_id using errcode = 'check_violation';
  elsif found then
    raise exception 'ledger transaction % does not balance', v.transaction_id using errcode = 'check_violation';
  end if;
  return null;
end
$$;
create trigger balanced after insert on ledger_entries referencing new table as added
  for each statement execute function check_ledger_balance();

-- The owner's functions work for a customer's transaction, too, and touch the tenant's own accounts there; an owner who is no superuser
-- did not see them. What the customer sees is the application's to ask.
do $$
declare
  name text;
begin
  foreach name in array array['ledger_accounts', 'ledger_transactions', 'ledger_entries', 'ledger_holds'] loop
    execute format('alter policy customer on %I to portolan_app', name);
  end loop;
end
$$;

-- ------------------------------------------------------------ posting
-- The accounts of a piece of work, each locked, or made where it is missing, in the order of their ids: whoever makes one waits for nobody
-- who waits for them (not FOR UPDATE, because the entries' foreign keys of everybody else hold a key share of the same accounts).
-- p_accounts: [{ kind, currencyCode, holderId }]
create or replace function lock_ledger_accounts(p_accounts jsonb, p_hold_ids uuid[]) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v record;
begin
  if v_tenant is null then
    raise exception 'no tenant' using errcode = 'insufficient_privilege';
  end if;
  for v in
    select distinct on (id) w.* from (
      select ledger_account_id(v_tenant, a ->> 'kind', a ->> 'currencyCode', (a ->> 'holderId')::uuid) as id,
        a ->> 'kind' as kind, a ->> 'currencyCode' as currency, (a ->> 'holderId')::uuid as holder from jsonb_array_elements(p_accounts) a
      union all
      select h.account_id, null, null, null from ledger_holds h where h.tenant_id = v_tenant and h.id = any (p_hold_ids)) w
    order by id, kind
  loop
    for attempt in 1 .. 2 loop
      perform 1 from ledger_accounts a where a.tenant_id = v_tenant and a.id = v.id for no key update;
      exit when found;
      if attempt = 2 then
        raise exception 'ledger account % can be neither found nor made', v.id;
      end if;
      insert into ledger_accounts (tenant_id, id, kind, currency_code, holder_id)
        values (v_tenant, v.id, v.kind::ledger_account_kind, v.currency, v.holder) on conflict do nothing;
    end loop;
  end loop;
end
$$;

-- Sets money of an account aside: it stays in the balance and can't be spent by anything else until the hold ends.
-- Refused with the constraint ledger_accounts_side where there is not enough.
create or replace function hold_ledger(p_id uuid, p_account text, p_holder uuid, p_currency text, p_amount bigint, p_kind text, p_subject uuid,
  p_at timestamptz, p_expires timestamptz)
returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_account ledger_accounts;
  v_hold ledger_holds;
begin
  perform lock_ledger_accounts(jsonb_build_array(jsonb_build_object('kind', p_account, 'currencyCode', p_currency, 'holderId', p_holder)), '{}');
  select * into strict v_account from ledger_accounts a
    where a.tenant_id = v_tenant and a.id = ledger_account_id(v_tenant, p_account, p_currency, p_holder);
  v_hold.tenant_id := v_tenant;
  v_hold.id := p_id;
  v_hold.account_id := v_account.id;
  v_hold.holder_id := p_holder;
  v_hold.amount_minor := p_amount;
  v_hold.kind := p_kind;
  v_hold.subject_id := p_subject;
  v_hold.created_at := p_at;
  v_hold.expires_at := p_expires;
  v_hold.sequence := v_account.hold_changes + 1;
  v_hold.hash := ledger_hold_hash(v_account.hold_head, v_hold.sequence, v_hold, null, null);
  insert into ledger_holds select v_hold.*;
  update ledger_accounts a set held_minor = a.held_minor + p_amount, hold_changes = v_hold.sequence, hold_head = v_hold.hash
    where a.tenant_id = v_tenant and a.id = v_account.id;
end
$$;

-- Ends those of the holds that have not ended yet; their accounts are locked.
create function end_ledger_holds(p_ends jsonb) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_end record;
  v_hold ledger_holds;
  v_account ledger_accounts;
begin
  for v_end in select (e ->> 'holdId')::uuid as id, (e ->> 'outcome')::ledger_hold_outcome as outcome, (e ->> 'endedAt')::timestamptz as at
    from jsonb_array_elements(p_ends) e
  loop
    select * into v_hold from ledger_holds h where h.tenant_id = v_tenant and h.id = v_end.id and h.outcome is null;
    continue when not found;
    select * into strict v_account from ledger_accounts a where a.tenant_id = v_tenant and a.id = v_hold.account_id;
    update ledger_accounts a set held_minor = a.held_minor - v_hold.amount_minor, hold_changes = a.hold_changes + 1,
        hold_head = ledger_hold_hash(v_account.hold_head, v_account.hold_changes + 1, v_hold, v_end.outcome, v_end.at)
      where a.tenant_id = v_tenant and a.id = v_account.id returning * into v_account;
    update ledger_holds h set outcome = v_end.outcome, ended_at = v_end.at, end_sequence = v_account.hold_changes, end_hash = v_account.hold_head
      where h.tenant_id = v_tenant and h.id = v_hold.id;
  end loop;
end
$$;

-- Writes balanced transactions and ends holds, all of one database transaction at once.
-- p_postings: [{ id, kind, subjectId, currencyCode, occurredAt, entries: [{ kind, holderId, amountMinor, restKind }] }]
-- An entry with a restKind brings its account as far towards zero as it goes (what is held stays); the rest falls on that other account of
-- the same holder: cashback taken back from a wallet that no longer has it, or money that pays back a debt first. Known only here, because
-- only here the accounts are locked.
-- p_ends: [{ holdId, outcome, endedAt }]; a hold that ended already is left as it is.
-- The application has no other way to write the ledger. Accounts move in the order of their ids, one statement an entry, which locks the
-- account, reckons balance, place and hash, and checks the side; an account's own entries keep the order in which they are given, which
-- is all its chain asks for. Where holds end or an entry may fall on two accounts, all accounts are locked first, and entries are written
-- in the order given. The entries' trigger refuses what does not balance.
create or replace function post_ledger(p_postings jsonb, p_ends jsonb) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_splits boolean := jsonb_path_exists(p_postings, '$[*].entries[*].restKind');
  v record;
  v_posting jsonb;
  v_account ledger_accounts;
  v_target uuid;
  v_amount bigint;
  v_rest bigint;
  v_of int := 0;
  v_position int := 0;
  v_n int := 0;
  v_transactions uuid[] := '{}';
  v_positions int[] := '{}';
  v_accounts uuid[] := '{}';
  v_holders uuid[] := '{}';
  v_amounts bigint[] := '{}';
  v_balances bigint[] := '{}';
  v_sequences bigint[] := '{}';
  v_hashes bytea[] := '{}';
begin
  if v_tenant is null then
    raise exception 'no tenant' using errcode = 'insufficient_privilege';
  end if;
  if v_splits or p_ends <> '[]' then
    perform lock_ledger_accounts(
      (select coalesce(jsonb_agg(e || jsonb_build_object('currencyCode', p ->> 'currencyCode')), '[]')
        from jsonb_array_elements(p_postings) p cross join jsonb_array_elements(p -> 'entries') w
        cross join lateral (select w as e union all select w || jsonb_build_object('kind', w ->> 'restKind') where w ? 'restKind') accounts),
      (select coalesce(array_agg((h ->> 'holdId')::uuid), '{}') from jsonb_array_elements(p_ends) h));
    perform end_ledger_holds(p_ends);
  end if;
  for v in
    select p.n as posting, (p.v ->> 'id')::uuid as id, p.v ->> 'kind' as kind, (p.v ->> 'subjectId')::uuid as subject,
      p.v ->> 'currencyCode' as currency, (p.v ->> 'occurredAt')::timestamptz as at, e.n as position, e.v ->> 'kind' as account_kind,
      (e.v ->> 'holderId')::uuid as holder, (e.v ->> 'amountMinor')::bigint as amount, e.v ->> 'restKind' as rest_kind,
      ledger_account_id(v_tenant, e.v ->> 'kind', p.v ->> 'currencyCode', (e.v ->> 'holderId')::uuid) as account
    from jsonb_array_elements(p_postings) with ordinality p (v, n) cross join jsonb_array_elements(p.v -> 'entries') with ordinality e (v, n)
    order by case when not v_splits then ledger_account_id(v_tenant, e.v ->> 'kind', p.v ->> 'currencyCode', (e.v ->> 'holderId')::uuid) end,
      p.n, e.n
  loop
    v_position := case when not v_splits then v.position - 1 when v.posting = v_of then v_position else 0 end;
    v_of := v.posting;
    v_target := v.account;
    v_amount := v.amount;
    v_rest := 0;
    if v.rest_kind is not null then
      select * into strict v_account from ledger_accounts a where a.tenant_id = v_tenant and a.id = v.account;
      v_amount := case when v.amount > 0 then least(v.amount, greatest(0, -v_account.balance_minor - v_account.held_minor))
        else greatest(v.amount, least(0, v_account.held_minor - v_account.balance_minor)) end;
      v_rest := v.amount - v_amount;
    end if;
    for part in 1 .. 2 loop
      if v_amount <> 0 or v_rest = 0 then
        for attempt in 1 .. 2 loop
          update ledger_accounts a set balance_minor = a.balance_minor + v_amount, entry_count = a.entry_count + 1,
              head = ledger_hash(a.head, v_tenant, a.id, a.entry_count + 1, v_amount, a.balance_minor + v_amount, v.id, v.kind, v.subject,
                v.currency, v.at)
            where a.tenant_id = v_tenant and a.id = v_target returning * into v_account;
          exit when found;
          if attempt = 2 then
            raise exception 'ledger account % can be neither found nor made', v_target;
          end if;
          insert into ledger_accounts (tenant_id, id, kind, currency_code, holder_id)
            values (v_tenant, v.account, v.account_kind::ledger_account_kind, v.currency, v.holder) on conflict do nothing;
        end loop;
        v_n := v_n + 1;
        v_position := v_position + 1;
        v_transactions[v_n] := v.id;
        v_positions[v_n] := v_position;
        v_accounts[v_n] := v_target;
        v_holders[v_n] := v.holder;
        v_amounts[v_n] := v_amount;
        v_balances[v_n] := v_account.balance_minor;
        v_sequences[v_n] := v_account.entry_count;
        v_hashes[v_n] := v_account.head;
      end if;
      exit when v_rest = 0;
      v_target := ledger_account_id(v_tenant, v.rest_kind, v.currency, v.holder);
      v_amount := v_rest;
      v_rest := 0;
    end loop;
  end loop;
  for p in 0 .. jsonb_array_length(p_postings) - 1 loop
    v_posting := p_postings -> p;
    insert into ledger_transactions (tenant_id, id, kind, subject_id, currency_code, occurred_at)
      values (v_tenant, (v_posting ->> 'id')::uuid, v_posting ->> 'kind', (v_posting ->> 'subjectId')::uuid, v_posting ->> 'currencyCode',
        (v_posting ->> 'occurredAt')::timestamptz);
    -- One without entries has none that its trigger could look at.
    if jsonb_array_length(v_posting -> 'entries') < 2 then
      raise exception 'ledger transaction does not balance' using errcode = 'check_violation';
    end if;
  end loop;
  if v_n = 0 then
    return;
  end if;
  insert into ledger_entries (tenant_id, transaction_id, position, account_id, holder_id, amount_minor, balance_minor, sequence, hash)
    select v_tenant, e.* from unnest(v_transactions, v_positions, v_accounts, v_holders, v_amounts, v_balances, v_sequences, v_hashes) e;
end
$$;

-- ------------------------------------------------------------ a ledger one can check (BEY-11)
-- Four walks over all of a tenant's ledger, each in slices of p_limit rows, so that who asks hears how far it has come and can stop. One row
-- each: how many were looked at, where the slice ended (null: nothing is left), and the first fault in it, if any. They run with the
-- caller's rights and row-level security; a ledger must be walked in one snapshot. Nested loops by key are what a slice needs, whatever the
-- planner believes of a limit it does not know.

-- Every transaction has entries that sum to zero, numbered from 1.
create function check_ledger_transactions(p_tenant uuid, p_after uuid, p_limit int)
returns table (checked bigint, last_id uuid, fault text, account_id uuid, transaction_id uuid, detail text)
language sql stable set search_path = public, pg_temp set enable_hashjoin = off set enable_mergejoin = off set jit = off
begin atomic
  with slice as materialized (
    select t.id from ledger_transactions t where t.tenant_id = p_tenant and t.id > p_after order by t.id limit p_limit),
  sums as materialized (
    select s.id, count(e.position) as entries, max(e.position) as last_position, coalesce(sum(e.amount_minor), 0) as total
    from slice s left join ledger_entries e on e.tenant_id = p_tenant and e.transaction_id = s.id group by s.id),
  faults as (
    select s.id, format('%s entries sum to %s', s.entries, s.total)
        || case when s.last_position <> s.entries then format(', the last is number %s', s.last_position) else '' end as detail
    from sums s where s.entries < 2 or s.total <> 0 or s.last_position <> s.entries order by s.id limit 1)
  select c.checked, case when c.checked < p_limit then null else c.last_id end,
    case when f.id is not null then 'UNBALANCED' end, null::uuid, f.id, f.detail
  from (select count(*) as checked, (array_agg(s.id order by s.id desc))[1] as last_id from slice s) c left join faults f on true;
end;

-- Every entry stands in its place on its account, continues the balance and the hash before it, never crosses the account's side, and says
-- what its transaction and its account say.
create function check_ledger_entries(p_tenant uuid, p_account uuid, p_sequence bigint, p_limit int)
returns table (checked bigint, last_account uuid, last_sequence bigint, fault text, account_id uuid, transaction_id uuid, detail text)
language sql stable set search_path = public, pg_temp set enable_hashjoin = off set enable_mergejoin = off set jit = off
begin atomic
  -- The entry that the slice begins behind comes with it: it is what the next one continues.
  with slice as materialized (
    select e.* from ledger_entries e where e.tenant_id = p_tenant and (e.account_id, e.sequence) >= (p_account, p_sequence)
    order by e.account_id, e.sequence limit p_limit + 1),
  chained as (
    select s.*, lag(s.sequence, 1, 0::bigint) over w as sequence_before, lag(s.balance_minor, 1, 0::bigint) over w as balance_before,
      lag(s.hash, 1, ''::bytea) over w as hash_before
    from slice s window w as (partition by s.account_id order by s.sequence)),
  judged as materialized (
    select c.account_id, c.sequence, c.transaction_id, c.balance_minor, c.balance_before + c.amount_minor as balance_expected,
      case when a.id is null then 'ACCOUNT'
        when c.sequence <> c.sequence_before + 1 then 'GAP'
        when t.id is null then 'TRANSACTION'
        when c.holder_id <> a.holder_id or t.currency_code <> a.currency_code then 'ACCOUNT'
        when c.balance_minor <> c.balance_before + c.amount_minor then 'RUNNING_BALANCE'
        when ledger_side(a.kind) * c.balance_minor < 0 then 'SIDE'
        when c.hash is distinct from ledger_hash(c.hash_before, c.tenant_id, c.account_id, c.sequence, c.amount_minor, c.balance_minor,
          c.transaction_id, t.kind, t.subject_id, t.currency_code, t.occurred_at) then 'CHAIN' end as fault,
      case when a.id is null then 'has no account'
        when c.sequence <> c.sequence_before + 1 then format('follows on entry %s', c.sequence_before)
        when t.id is null then 'has no transaction'
        when c.holder_id <> a.holder_id or t.currency_code <> a.currency_code then 'is of another holder or currency than its account'
        when c.balance_minor <> c.balance_before + c.amount_minor
          then format('leaves a balance of %s instead of %s', c.balance_minor, c.balance_before + c.amount_minor)
        when ledger_side(a.kind) * c.balance_minor < 0 then format('leaves a balance of %s on the wrong side', c.balance_minor)
        else 'has another hash than it and its transaction give' end as detail
    from chained c
    left join ledger_accounts a on a.tenant_id = p_tenant and a.id = c.account_id
    left join ledger_transactions t on t.tenant_id = p_tenant and t.id = c.transaction_id
    where (c.account_id, c.sequence) > (p_account, p_sequence)),
  faults as (
    select j.* from judged j where j.fault is not null order by j.account_id, j.sequence limit 1),
  lasts as (
    select j.account_id, j.sequence from judged j order by j.account_id desc, j.sequence desc limit 1)
  select c.checked, case when c.checked >= p_limit then l.account_id end, case when c.checked >= p_limit then l.sequence end,
    f.fault, f.account_id, f.transaction_id, format('entry %s of its account %s', f.sequence, f.detail)
  from (select count(*) as checked from judged) c left join lasts l on true left join faults f on true;
end;

-- Every account is what its id says and stands where its last entry left it; what is held of it is what its open holds hold, and the chain
-- of its holds is whole.
create function check_ledger_accounts(p_tenant uuid, p_after uuid, p_limit int)
returns table (checked bigint, last_id uuid, fault text, account_id uuid, transaction_id uuid, detail text)
language sql stable set search_path = public, pg_temp set enable_hashjoin = off set enable_mergejoin = off set jit = off
begin atomic
  with slice as materialized (
    select a.* from ledger_accounts a where a.tenant_id = p_tenant and a.id > p_after order by a.id limit p_limit),
  judged as materialized (
    select s.id, case
        when s.id is distinct from ledger_account_id(s.tenant_id, s.kind::text, s.currency_code, s.holder_id) then 'ACCOUNT'
        when s.balance_minor <> coalesce(e.balance_minor, 0) then 'BALANCE'
        when s.entry_count <> coalesce(e.sequence, 0) or s.head is distinct from coalesce(e.hash, ''::bytea) then 'HEAD'
        when s.held_minor <> coalesce(h.held, 0) then 'HELD'
        when s.held_minor < 0 or ledger_side(s.kind) * s.balance_minor < s.held_minor then 'SIDE'
        when h.broken is not null then 'HOLD'
        when s.hold_changes <> coalesce(h.changes, 0) or s.hold_head is distinct from coalesce(h.last_hash, ''::bytea) then 'HOLD' end as fault,
      format('%s %s of %s: ', s.kind, s.currency_code, s.holder_id) || case
        when s.id is distinct from ledger_account_id(s.tenant_id, s.kind::text, s.currency_code, s.holder_id) then 'its id is another account''s'
        when s.balance_minor <> coalesce(e.balance_minor, 0)
          then format('the balance is %s and its entries leave %s', s.balance_minor, coalesce(e.balance_minor, 0))
        when s.entry_count <> coalesce(e.sequence, 0)
          then format('%s entries were written and the last is number %s', s.entry_count, coalesce(e.sequence, 0))
        when s.head is distinct from coalesce(e.hash, ''::bytea) then 'its head is not the hash of its last entry'
        when s.held_minor <> coalesce(h.held, 0) then format('%s is held and its open holds sum to %s', s.held_minor, coalesce(h.held, 0))
        when s.held_minor < 0 or ledger_side(s.kind) * s.balance_minor < s.held_minor
          then format('the balance %s does not cover %s held', s.balance_minor, s.held_minor)
        when h.broken is not null then format('change %s of its holds does not continue the one before', h.broken)
        else format('its holds were changed %s times and the last is number %s', s.hold_changes, coalesce(h.changes, 0)) end as detail
    from slice s
    left join lateral (select e.balance_minor, e.sequence, e.hash from ledger_entries e
      where e.tenant_id = p_tenant and e.account_id = s.id order by e.sequence desc limit 1) e on true
    left join lateral (
      select sum(c.held) as held, max(c.sequence) as changes, min(c.sequence) filter (where c.fault) as broken,
        (array_agg(c.hash order by c.sequence desc))[1] as last_hash
      from (
        select o.sequence, o.hash, o.held, o.sequence <> row_number() over w
          or o.hash is distinct from ledger_hold_hash(lag(o.hash, 1, ''::bytea) over w, o.sequence, o.hold, o.outcome, o.ended_at) as fault
        from (
          select h.sequence, h.hash, h as hold, null::ledger_hold_outcome as outcome, null::timestamptz as ended_at,
            case when h.outcome is null then h.amount_minor else 0 end as held
          from ledger_holds h where h.tenant_id = p_tenant and h.account_id = s.id
          union all
          select coalesce(h.end_sequence, 0), h.end_hash, h, h.outcome, h.ended_at, 0
          from ledger_holds h where h.tenant_id = p_tenant and h.account_id = s.id
            and (h.outcome is not null or h.ended_at is not null or h.end_sequence is not null)) o
        window w as (order by o.sequence)) c) h on true),
  faults as (
    select j.* from judged j where j.fault is not null order by j.id limit 1)
  select c.checked, case when c.checked < p_limit then null else c.last_id end, f.fault, f.id, null::uuid, f.detail
  from (select count(*) as checked, (array_agg(s.id order by s.id desc))[1] as last_id from slice s) c left join faults f on true;
end;

-- Every hold is of an account that is there. One row, as above; all at once, because it only looks whose account is missing.
create function check_ledger_holds(p_tenant uuid)
returns table (checked bigint, fault text, account_id uuid, transaction_id uuid, detail text)
language sql stable set search_path = public, pg_temp
begin atomic
  with orphans as (
    select h.account_id, h.id from ledger_holds h where h.tenant_id = p_tenant
      and not exists (select from ledger_accounts a where a.tenant_id = p_tenant and a.id = h.account_id) order by h.id limit 1)
  select c.checked, case when o.id is not null then 'ACCOUNT' end, o.account_id, null::uuid, format('hold %s has no account', o.id)
  from (select count(*) as checked from ledger_holds h where h.tenant_id = p_tenant) c left join orphans o on true;
end;

-- The first thing that does not hold in a tenant's ledger, or no row.
create or replace function first_ledger_fault(p_tenant uuid) returns table (fault text, account_id uuid, transaction_id uuid, detail text)
language plpgsql stable set search_path = public, pg_temp as $$
declare
  v record;
  v_nil constant uuid := '00000000-0000-0000-0000-000000000000';
  v_slice constant int := 10000;
  v_id uuid := v_nil;
  v_sequence bigint := 0;
begin
  while v_id is not null loop
    select * into v from check_ledger_transactions(p_tenant, v_id, v_slice);
    if v.fault is not null then return query select v.fault, v.account_id, v.transaction_id, v.detail; return; end if;
    v_id := v.last_id;
  end loop;
  v_id := v_nil;
  while v_id is not null loop
    select * into v from check_ledger_entries(p_tenant, v_id, v_sequence, v_slice);
    if v.fault is not null then return query select v.fault, v.account_id, v.transaction_id, v.detail; return; end if;
    v_id := v.last_account;
    v_sequence := v.last_sequence;
  end loop;
  v_id := v_nil;
  while v_id is not null loop
    select * into v from check_ledger_accounts(p_tenant, v_id, v_slice);
    if v.fault is not null then return query select v.fault, v.account_id, v.transaction_id, v.detail; return; end if;
    v_id := v.last_id;
  end loop;
  return query select h.fault, h.account_id, h.transaction_id, h.detail from check_ledger_holds(p_tenant) h where h.fault is not null;
end
$$;

do $$
declare
  signature text;
begin
  foreach signature in array array['check_ledger_transactions(uuid, uuid, int)', 'check_ledger_entries(uuid, uuid, bigint, int)',
    'check_ledger_accounts(uuid, uuid, int)', 'check_ledger_holds(uuid)'] loop
    execute format('revoke all on function %s from public', signature);
    execute format('grant execute on function %s to portolan_app', signature);
  end loop;
end
$$;
revoke all on function end_ledger_holds(jsonb) from public;
