-- What a payment's settlement costs the database, by the same laws: postings and events are written in a few statements instead of some
-- for each of their rows, and rules are said so that a statement need not compile them anew.

-- ------------------------------------------------------------ the ledger's laws (LOY-1)
-- A rule of a table is read and compiled by every statement that writes it: one call of a function that is compiled once in a session is
-- cheaper than the same sum written out. Names carry their schema, because a restored dump has no search path.
create function ledger_keeps_side(p_kind ledger_account_kind, p_balance bigint, p_held bigint) returns boolean language plpgsql immutable as $$
begin
  return public.ledger_side(p_kind) * p_balance >= p_held and p_held >= 0;
end
$$;
alter table ledger_accounts drop constraint ledger_accounts_side;
alter table ledger_accounts add constraint ledger_accounts_side check (ledger_keeps_side(kind, balance_minor, held_minor));

-- Holds whoever writes entries, the owner included: all entries of a transaction come in one statement and sum to zero, so none can ever be
-- added to it. Nothing is read for that: each statement must number its entries of a transaction from 1 without a gap, and the primary key
-- refuses a second number 1.
create or replace function check_ledger_balance() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v record;
begin
  select a.transaction_id, count(*) < 2 or sum(a.amount_minor) <> 0 as unbalanced into v
    from added a group by a.tenant_id, a.transaction_id
    having count(*) < 2 or sum(a.amount_minor) <> 0 or min(a.position) <> 1 or max(a.position) <> count(*) limit 1;
  if v.unbalanced then
    raise exception 'ledger transaction % does not balance', v.transaction_id using errcode = 'check_violation';
  elsif found then
    raise exception 'ledger transaction % is complete: its entries are written together', v.transaction_id using errcode = 'check_violation';
  end if;
  return null;
end
$$;

-- The same once more where nothing comes after it: at commit each transaction written in it has entries, and they sum to zero. By the
-- transaction's own row, so that one without any entry is refused, too.
drop trigger balanced_at_commit on ledger_entries;
create or replace function check_balanced_at_commit() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if (select count(*) < 2 or sum(e.amount_minor) <> 0 from ledger_entries e where e.tenant_id = new.tenant_id and e.transaction_id = new.id) then
    raise exception 'ledger transaction % does not balance', new.id using errcode = 'check_violation';
  end if;
  return null;
end
$$;
create constraint trigger balanced_at_commit after insert on ledger_transactions deferrable initially deferred
  for each row execute function check_balanced_at_commit();

-- ------------------------------------------------------------ posting
-- The accounts of a piece of work, each locked, or made where it is missing, in the order of their ids: whoever makes one waits for nobody
-- who waits for them (not FOR UPDATE, because the entries' foreign keys of everybody else hold a key share of the same accounts). Usually
-- none is missing, which is known before any lock is taken, because no account ever goes away: then one statement locks them all, each
-- looked up by its whole key: a plan for a list of ids, or for "exists", may read all accounts of the tenant.
-- p_accounts: [{ kind, currencyCode, holderId }]
create or replace function lock_ledger_accounts(p_accounts jsonb, p_hold_ids uuid[]) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_wanted uuid[];
  v_known boolean;
  v record;
begin
  if v_tenant is null then
    raise exception 'no tenant' using errcode = 'insufficient_privilege';
  end if;
  select array_agg(w.id), count((select 1 from ledger_accounts a where a.tenant_id = v_tenant and a.id = w.id)) = count(*) into v_wanted, v_known
    from (
      select distinct ledger_account_id(v_tenant, a ->> 'kind', a ->> 'currencyCode', (a ->> 'holderId')::uuid) as id
        from jsonb_array_elements(p_accounts) a
      union
      select h.account_id from ledger_holds h where h.tenant_id = v_tenant and h.id = any (p_hold_ids)) w;
  if v_known then
    perform 1 from (select unnest(v_wanted) as id order by 1) w cross join lateral (
      select from ledger_accounts a where a.tenant_id = v_tenant and a.id = w.id for no key update) l;
    return;
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

-- Writes the entries of a transaction one after the other, whatever they are: accounts that are not there yet or move more than once, and
-- entries that may fall on two accounts (restKind). Without those, accounts move in the order of their ids, which locks them in that order;
-- an account's own entries keep the order in which they are given, which is all its chain asks for.
create function post_ledger_entries(p_posting jsonb) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_id uuid := p_posting ->> 'id';
  v_splits boolean := jsonb_path_exists(p_posting, '$.entries[*].restKind');
  v record;
  v_account ledger_accounts;
  v_target uuid;
  v_amount bigint;
  v_rest bigint;
  v_position int := 0;
  v_n int := 0;
  v_positions int[] := '{}';
  v_accounts uuid[] := '{}';
  v_holders uuid[] := '{}';
  v_amounts bigint[] := '{}';
  v_balances bigint[] := '{}';
  v_sequences bigint[] := '{}';
  v_hashes bytea[] := '{}';
begin
  for v in
    select t.kind, t.subject_id, t.currency_code as currency, t.occurred_at as at, e.n as position, e.v ->> 'kind' as account_kind,
      (e.v ->> 'holderId')::uuid as holder, (e.v ->> 'amountMinor')::bigint as amount, e.v ->> 'restKind' as rest_kind,
      ledger_account_id(v_tenant, e.v ->> 'kind', t.currency_code, (e.v ->> 'holderId')::uuid) as account
    from ledger_transactions t cross join jsonb_array_elements(p_posting -> 'entries') with ordinality e (v, n)
    where t.tenant_id = v_tenant and t.id = v_id
    order by case when not v_splits then ledger_account_id(v_tenant, e.v ->> 'kind', t.currency_code, (e.v ->> 'holderId')::uuid) end, e.n
  loop
    v_position := case when v_splits then v_position else v.position - 1 end;
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
              head = ledger_hash(a.head, v_tenant, a.id, a.entry_count + 1, v_amount, a.balance_minor + v_amount, v_id, v.kind, v.subject_id,
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
  insert into ledger_entries (tenant_id, transaction_id, position, account_id, holder_id, amount_minor, balance_minor, sequence, hash)
    select v_tenant, v_id, e.* from unnest(v_positions, v_accounts, v_holders, v_amounts, v_balances, v_sequences, v_hashes) e;
end
$$;
revoke all on function post_ledger_entries(jsonb) from public;

-- Writes balanced transactions and ends holds, all of one database transaction at once.
-- p_postings: [{ id, kind, subjectId, currencyCode, occurredAt, entries: [{ kind, holderId, amountMinor, restKind }] }]
-- An entry with a restKind brings its account as far towards zero as it goes (what is held stays); the rest falls on that other account of
-- the same holder: cashback taken back from a wallet that no longer has it, or money that pays back a debt first. Known only here, because
-- only here the accounts are locked.
-- p_ends: [{ holdId, outcome, endedAt }]; a hold that ended already is left as it is.
-- The application has no other way to write the ledger. All accounts are locked in the order of their ids: those of several transactions,
-- or where holds end, before anything else; those of one alone when its turn comes. Usually they are all there and each moves once: then one
-- statement reckons each account's balance, place and hash, checks its side and writes the entries. It finds the accounts where they lie
-- (ctid), which can't change under the lock, and never by a plan for some average tenant that reads all accounts of a large one. Otherwise
-- the entries are written one after the other.
create or replace function post_ledger(p_postings jsonb, p_ends jsonb) returns void
language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off as $$
declare
  v_tenant uuid := current_tenant();
  v_postings int := jsonb_array_length(p_postings);
  v_splits boolean := jsonb_path_exists(p_postings, '$[*].entries[*].restKind');
  v_posting jsonb;
  v_id uuid;
  v_kind text;
  v_subject uuid;
  v_currency text;
  v_at timestamptz;
  v_accounts uuid[];
  v_amounts bigint[];
  v_known boolean;
  v_places tid[];
begin
  if v_tenant is null then
    raise exception 'no tenant' using errcode = 'insufficient_privilege';
  end if;
  if v_postings > 1 or v_splits or p_ends <> '[]' then
    perform lock_ledger_accounts(
      (select coalesce(jsonb_agg(e || jsonb_build_object('currencyCode', p ->> 'currencyCode')), '[]')
        from jsonb_array_elements(p_postings) p cross join jsonb_array_elements(p -> 'entries') w
        cross join lateral (select w as e union all select w || jsonb_build_object('kind', w ->> 'restKind') where w ? 'restKind') accounts),
      (select coalesce(array_agg((h ->> 'holdId')::uuid), '{}') from jsonb_array_elements(p_ends) h));
    perform end_ledger_holds(p_ends);
  end if;
  for p in 0 .. v_postings - 1 loop
    v_posting := p_postings -> p;
    v_id := v_posting ->> 'id';
    v_kind := v_posting ->> 'kind';
    v_subject := v_posting ->> 'subjectId';
    v_currency := v_posting ->> 'currencyCode';
    v_at := v_posting ->> 'occurredAt';
    insert into ledger_transactions (tenant_id, id, kind, subject_id, currency_code, occurred_at)
      values (v_tenant, v_id, v_kind, v_subject, v_currency, v_at);
    -- One without entries has none that their trigger could look at.
    if jsonb_array_length(v_posting -> 'entries') < 2 then
      raise exception 'ledger transaction does not balance' using errcode = 'check_violation';
    end if;
    if not v_splits then
      select array_agg(w.id), array_agg(w.amount),
          count((select 1 from ledger_accounts a where a.tenant_id = v_tenant and a.id = w.id)) = count(*)
        into v_accounts, v_amounts, v_known
        from (select ledger_account_id(v_tenant, e ->> 'kind', v_currency, (e ->> 'holderId')::uuid) as id, (e ->> 'amountMinor')::bigint as amount
          from jsonb_array_elements(v_posting -> 'entries') e) w;
      if v_known then
        select array_agg(l.place) into v_places from (select distinct unnest(v_accounts) as id order by 1) w cross join lateral (
          select a.ctid as place from ledger_accounts a where a.tenant_id = v_tenant and a.id = w.id for no key update) l;
        if cardinality(v_places) = cardinality(v_accounts) then
          with moved as (
            update ledger_accounts a set balance_minor = a.balance_minor + v_amounts[array_position(v_accounts, a.id)],
                entry_count = a.entry_count + 1,
                head = ledger_hash(a.head, v_tenant, a.id, a.entry_count + 1, v_amounts[array_position(v_accounts, a.id)],
                  a.balance_minor + v_amounts[array_position(v_accounts, a.id)], v_id, v_kind, v_subject, v_currency, v_at)
              where a.ctid = any (v_places)
              returning a.id, a.holder_id, a.balance_minor, a.entry_count, a.head, array_position(v_accounts, a.id) as at)
          insert into ledger_entries (tenant_id, transaction_id, position, account_id, holder_id, amount_minor, balance_minor, sequence, hash)
            select v_tenant, v_id, m.at, m.id, m.holder_id, v_amounts[m.at], m.balance_minor, m.entry_count, m.head from moved m;
          continue;
        end if;
      end if;
    end if;
    perform post_ledger_entries(v_posting);
  end loop;
end
$$;
