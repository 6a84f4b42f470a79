-- Who may see and do what, said by the database itself: roles, row-level security, rules of rows, append-only tables.

-- The group role holds every right of the application; logins are members of it. Roles are cluster-wide, hence the test.
do $$
begin
  if not exists (select from pg_roles where rolname = 'portolan_app') then
    create role portolan_app nologin nosuperuser nobypassrls nocreatedb nocreaterole;
  end if;
exception when duplicate_object or unique_violation then
  null; -- Another database of the cluster migrated at the same moment.
end
$$;

grant usage on schema public to portolan_app;
-- Since PostgreSQL 15 so by itself; a database that was upgraded may still let everybody create there.
revoke create on schema public from public;

-- The tenant of the current transaction; null outside one, so that every policy fails closed.
create function current_tenant() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.tenant_id', true), '')::uuid;

-- The customer the transaction works for; null for staff, partners, webhooks and jobs.
create function current_customer() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.customer_id', true), '')::uuid;

-- The reserved tenant whose users are the platform's staff.
create function platform_tenant() returns uuid language sql immutable parallel safe
  return '00000000-0000-4000-8000-000000000001'::uuid;

-- ------------------------------------------------------------ row-level security
do $$
declare
  name text;
begin
  foreach name in array array[
    'portal_configs', 'api_keys', 'users', 'sessions', 'refresh_tokens', 'credentials', 'payment_gateway_configs', 'orders',
    'order_items', 'bookings', 'payments', 'refunds', 'inquiries', 'number_counters', 'ledger_accounts', 'ledger_transactions',
    'ledger_entries', 'invoices', 'webhook_deliveries', 'webhook_rejections', 'streams', 'events', 'operations', 'audit_entries',
    'rate_budgets'
  ] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant on %I using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', name);
    -- Only the closed list of look-ups (next migrations) runs as the owner; the application never does.
    execute format('create policy owner on %I to %I using (true) with check (true)', name, current_user);
  end loop;
end
$$;

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_read on tenants for select using (id = current_tenant() or current_tenant() = platform_tenant());
create policy tenant_change on tenants for update using (id = current_tenant() or current_tenant() = platform_tenant());
create policy tenant_create on tenants for insert with check (current_tenant() = platform_tenant());
do $$ begin execute format('create policy owner on tenants to %I using (true) with check (true)', current_user); end $$;

alter table signing_keys enable row level security;
alter table signing_keys force row level security;
-- The platform's own keys: every process needs them before any tenant is known; the private half is sealed.
create policy everyone on signing_keys using (true) with check (true);

-- A customer's transaction sees only what is theirs (COM-2), whatever the verb forgot to check.
create policy customer on users as restrictive using (current_customer() is null or id = current_customer());
create policy customer on sessions as restrictive using (current_customer() is null or user_id = current_customer());
create policy customer on orders as restrictive using (current_customer() is null or customer_id = current_customer());
create policy customer on bookings as restrictive using (current_customer() is null or customer_id = current_customer());
create policy customer on payments as restrictive using (current_customer() is null or customer_id = current_customer());
create policy customer on invoices as restrictive using (current_customer() is null or customer_id = current_customer());
create policy customer on operations as restrictive using (current_customer() is null or actor = 'user:' || current_customer());
create policy customer on refunds as restrictive using (
  current_customer() is null or exists (
    select from payments p where p.tenant_id = refunds.tenant_id and p.id = refunds.payment_id));
create policy customer on order_items as restrictive for insert with check (
  current_customer() is null or exists (
    select from orders o where o.tenant_id = order_items.tenant_id and o.id = order_items.order_id));
do $$
declare
  name text;
begin
  foreach name in array array['webhook_deliveries', 'webhook_rejections', 'audit_entries', 'api_keys', 'credentials',
    'ledger_accounts', 'ledger_transactions', 'ledger_entries'] loop
    execute format('create policy customer on %I as restrictive for select using (current_customer() is null)', name);
  end loop;
end
$$;

-- ------------------------------------------------------------ rights: least first, and nothing is ever deleted by the application
grant select on all tables in schema public to portolan_app;
grant insert on tenants, portal_configs, api_keys, users, sessions, refresh_tokens, signing_keys, credentials,
  payment_gateway_configs, orders, order_items, bookings, payments, refunds, inquiries, number_counters, invoices,
  webhook_deliveries, webhook_rejections, operations, events, audit_entries to portolan_app;
grant update on tenants, portal_configs, users, sessions, payment_gateway_configs, orders, bookings, payments, refunds,
  inquiries, number_counters, operations, webhook_rejections to portolan_app;
grant update (expires_at, revoked_at, last_used_at) on api_keys to portolan_app;
grant update (used_at) on refresh_tokens to portolan_app;
grant update (retired_at) on signing_keys to portolan_app;
grant update (verdict, detail, payment_id, dedupe_key, processed_at) on webhook_deliveries to portolan_app;

-- ------------------------------------------------------------ rules of rows
alter table tenants
  add constraint tenants_slug_form check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  add constraint tenants_currency_form check (currency_code ~ '^[A-Z]{3}$');
alter table portal_configs
  add constraint portal_rate_limit_range check (rate_limit_per_minute between 1 and 10000000),
  add constraint portal_origins_bound check (cardinality(cors_origins) <= 100);
alter table users
  add constraint users_email_form check (email = lower(email) and length(email) between 3 and 254);
alter table orders
  add constraint orders_total check (total_minor = subtotal_minor + tax_minor),
  add constraint orders_amounts check (subtotal_minor >= 0 and tax_minor >= 0 and paid_minor between 0 and total_minor
    and refunded_minor between 0 and paid_minor),
  add constraint orders_number check (status in ('DRAFT', 'CANCELLED') or number is not null);
alter table order_items
  add constraint order_items_amounts check (quantity > 0 and unit_price_minor >= 0 and gross_minor = net_minor + tax_minor);
alter table payments
  add constraint payments_amounts check (amount_minor > 0 and captured_minor >= 0 and refunded_minor between 0 and captured_minor);
alter table refunds
  add constraint refunds_amount check (amount_minor > 0);
alter table bookings
  add constraint bookings_span check (ends_at > starts_at and amount_minor >= 0);
alter table operations
  add constraint operations_key_bound check (length(key) between 1 and 200);

-- One live payment per order and method: a pending one is continued, not repeated (COM-5).
create unique index payments_one_pending on payments (tenant_id, order_id, gateway, method_id) where status = 'PENDING';
create index payments_due on payments (next_poll_at) where next_poll_at is not null;
create index inquiries_due on inquiries (next_look_up_at) where resolution = 'OPEN';
create index orders_due on orders (expires_at) where status = 'ISSUED' and expires_at is not null;
-- The code a customer pays with is how some webhooks name a payment.
create index payments_reference_code on payments (tenant_id, reference_code) where reference_code is not null;
-- Stored and not yet worked: a process ended in between, or the gateway could not be asked (due_work).
create index webhook_deliveries_open on webhook_deliveries (received_at) where processed_at is null;
create index webhook_deliveries_bodies on webhook_deliveries (received_at) where body_sealed is not null;
-- Events are written in the order of their time: a few pages tell where the old ones lie (forget_old).
create index events_age on events using brin (occurred_at) with (pages_per_range = 32);
create index webhook_deliveries_accepted on webhook_deliveries (tenant_id, source, dedupe_key) where verdict = 'ACCEPTED';

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$$;

do $$
declare
  name text;
begin
  foreach name in array array['ledger_transactions', 'ledger_entries', 'invoices'] loop
    execute format('create trigger append_only before update or delete on %I for each row execute function refuse_change()', name);
    execute format('create trigger append_only_whole before truncate on %I execute function refuse_change()', name);
  end loop;
end
$$;

-- Issuing freezes an order's items and amounts (COM-4).
create function freeze_items() returns trigger language plpgsql as $$
declare
  of_order orders.status%type;
begin
  select status into of_order from orders
    where tenant_id = coalesce(new.tenant_id, old.tenant_id) and id = coalesce(new.order_id, old.order_id);
  if of_order is distinct from 'DRAFT' then
    raise exception 'the items of an issued order are frozen' using errcode = 'restrict_violation';
  end if;
  return coalesce(new, old);
end
$$;
create trigger frozen before insert or update or delete on order_items for each row execute function freeze_items();

create function freeze_order() returns trigger language plpgsql as $$
begin
  if (new.tenant_id, new.id, new.customer_id, new.created_at, new.type)
    is distinct from (old.tenant_id, old.id, old.customer_id, old.created_at, old.type)
    or (old.status <> 'DRAFT' and (new.number, new.currency_code, new.subtotal_minor, new.tax_minor, new.total_minor)
      is distinct from (old.number, old.currency_code, old.subtotal_minor, old.tax_minor, old.total_minor))
  then
    raise exception 'an issued order keeps its number, customer and amounts' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger frozen before update on orders for each row execute function freeze_order();

create function freeze_payment() returns trigger language plpgsql as $$
begin
  if (new.tenant_id, new.id, new.order_id, new.customer_id, new.gateway, new.amount_minor, new.currency_code)
    is distinct from (old.tenant_id, old.id, old.order_id, old.customer_id, old.gateway, old.amount_minor, old.currency_code)
    or new.captured_minor < old.captured_minor or new.refunded_minor < old.refunded_minor
  then
    raise exception 'a payment keeps its order and amount, and never gives money back in time' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger frozen before update on payments for each row execute function freeze_payment();

-- ------------------------------------------------------------ ledger (decisions.md, "Money"; LOY-1)
-- Debits are positive, credits negative. An account never leaves the side of its kind.
alter table ledger_accounts add constraint ledger_accounts_side check (
  case when kind in ('GATEWAY_CLEARING', 'GATEWAY_FEES', 'REFUNDS') then balance_minor >= 0 else balance_minor <= 0 end);

-- Posts one balanced transaction; entries: [{ kind, holderId, amountMinor }]. Accounts are made when first used and locked in the
-- order of their ids; not FOR UPDATE, because the entries' foreign keys of everybody else hold a key share of the same accounts. The application has no other way to write the ledger.
create function post_ledger(p_id uuid, p_kind text, p_subject uuid, p_currency text, p_occurred timestamptz, p_entries jsonb)
returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
begin
  if v_tenant is null then
    raise exception 'no tenant' using errcode = 'insufficient_privilege';
  end if;
  if jsonb_array_length(p_entries) < 2
    or (select sum((e ->> 'amountMinor')::bigint) from jsonb_array_elements(p_entries) e) <> 0 then
    raise exception 'ledger transaction does not balance' using errcode = 'check_violation';
  end if;
  insert into ledger_accounts (tenant_id, id, kind, currency_code, holder_id)
    select v_tenant, md5(concat_ws(':', v_tenant, k, p_currency, h))::uuid, k, p_currency, h
    from (select distinct (e ->> 'kind')::ledger_account_kind as k, (e ->> 'holderId')::uuid as h
      from jsonb_array_elements(p_entries) e) wanted
    order by 2
    on conflict do nothing;
  insert into ledger_transactions (tenant_id, id, kind, subject_id, currency_code, occurred_at)
    values (v_tenant, p_id, p_kind, p_subject, p_currency, p_occurred);
  insert into ledger_entries (tenant_id, transaction_id, position, account_id, amount_minor)
    select v_tenant, p_id, n, md5(concat_ws(':', v_tenant, e ->> 'kind', p_currency, e ->> 'holderId'))::uuid, (e ->> 'amountMinor')::bigint
    from jsonb_array_elements(p_entries) with ordinality t (e, n);
  perform 1 from ledger_accounts a
    where a.tenant_id = v_tenant and a.id in (select account_id from ledger_entries where tenant_id = v_tenant and transaction_id = p_id)
    order by a.id for no key update;
  update ledger_accounts a set balance_minor = a.balance_minor + moved.amount
    from (select account_id, sum(amount_minor) as amount from ledger_entries
      where tenant_id = v_tenant and transaction_id = p_id group by account_id) moved
    where a.tenant_id = v_tenant and a.id = moved.account_id;
end
$$;
revoke all on function post_ledger(uuid, text, uuid, text, timestamptz, jsonb) from public;
grant execute on function post_ledger(uuid, text, uuid, text, timestamptz, jsonb) to portolan_app;

-- Holds whoever writes entries, the owner included: at commit every transaction sums to zero.
create function check_ledger_balance() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if (select sum(amount_minor) from ledger_entries where tenant_id = new.tenant_id and transaction_id = new.transaction_id) <> 0 then
    raise exception 'ledger transaction % does not balance', new.transaction_id using errcode = 'check_violation';
  end if;
  return null;
end
$$;
create constraint trigger balanced after insert on ledger_entries deferrable initially deferred
  for each row execute function check_ledger_balance();
