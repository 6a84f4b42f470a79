-- What is a person's: taken away where the law lets us (TEN-10, decisions.md "Personal data stands only where erasure can reach it"); and
-- what mail still lacked: suppressions that are lifted, and a marketing stream that pauses by itself (BIZ-4).

-- ------------------------------------------------------------ who was erased is nobody any more
-- Whoever orders, books or signs in at the moment of their erasure waits for it here, and comes too late: nothing new is written for
-- somebody who is no more.
create function check_not_erased(p_tenant uuid, p_user uuid) returns void language plpgsql as $$
declare
  v_erased timestamptz;
begin
  -- Asked after the lock is there: a condition in the statement would be judged by the row as it was before.
  select erased_at into v_erased from users where tenant_id = p_tenant and id = p_user for key share;
  if v_erased is not null then
    raise exception 'this person was erased' using errcode = 'restrict_violation', constraint = 'person_erased';
  end if;
end
$$;
create function refuse_erased_customer() returns trigger language plpgsql as $$
begin
  perform check_not_erased(new.tenant_id, new.customer_id);
  return new;
end
$$;
create function refuse_erased_user() returns trigger language plpgsql as $$
begin
  perform check_not_erased(new.tenant_id, new.user_id);
  return new;
end
$$;
-- First of all, so that these tables are locked in the order in which everybody locks them (decisions.md, "Global lock order": orders before
-- people): under traffic the other order ends in a deadlock. Nobody sees the triggers before the column that they ask for is there.
create trigger not_erased before insert on orders for each row execute function refuse_erased_customer();
create trigger not_erased before insert on bookings for each row execute function refuse_erased_customer();
create trigger not_erased before insert on packages for each row execute function refuse_erased_customer();
create trigger not_erased before insert on sessions for each row execute function refuse_erased_user();

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "erased_at" TIMESTAMPTZ(6);

-- AlterTable
ALTER TABLE "webhook_deliveries" ADD COLUMN     "about_id" UUID;

-- AlterTable
ALTER TABLE "mail_suppressions" ADD COLUMN     "id" UUID NOT NULL DEFAULT gen_random_uuid(),
ADD COLUMN     "lifted_at" TIMESTAMPTZ(6);

-- CreateTable
CREATE TABLE "marketing_pauses" (
    "tenant_id" UUID NOT NULL,
    "reason" TEXT NOT NULL,
    "mails" INTEGER NOT NULL,
    "bounces" INTEGER NOT NULL,
    "complaints" INTEGER NOT NULL,
    "paused_at" TIMESTAMPTZ(6) NOT NULL,
    "resumed_at" TIMESTAMPTZ(6),

    CONSTRAINT "marketing_pauses_pkey" PRIMARY KEY ("tenant_id")
);

-- CreateIndex
CREATE INDEX "mail_messages_tenant_id_about_id_idx" ON "mail_messages"("tenant_id", "about_id");

-- CreateIndex
CREATE UNIQUE INDEX "mail_suppressions_tenant_id_id_key" ON "mail_suppressions"("tenant_id", "id");

-- CreateIndex
CREATE INDEX "mail_suppressions_tenant_id_created_at_id_idx" ON "mail_suppressions"("tenant_id", "created_at" DESC, "id" DESC);

-- AddForeignKey
ALTER TABLE "marketing_pauses" ADD CONSTRAINT "marketing_pauses_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- ------------------------------------------------------------ who may see and do what
alter table marketing_pauses enable row level security;
alter table marketing_pauses force row level security;
create policy tenant on marketing_pauses using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
create policy customer on marketing_pauses as restrictive for select using (current_customer() is null);
do $$ begin execute format('create policy owner on marketing_pauses to %I using (true) with check (true)', current_user); end $$;
grant select, insert, update on marketing_pauses to portolan_app;
grant update (address, reason, created_at, lifted_at) on mail_suppressions to portolan_app;

-- ------------------------------------------------------------ rules of rows
-- Who was erased is nobody any more: not to be signed in as, and not to be written to.
alter table users
  add constraint users_erased check (erased_at is null or (not active and first_name is null and last_name is null and phone is null))
  not valid;
alter table users validate constraint users_erased;
alter table marketing_pauses
  add constraint marketing_pauses_counts check (mails >= 0 and bounces >= 0 and complaints >= 0 and reason in ('BOUNCES', 'COMPLAINTS'));

create index users_erased on users (erased_at) where erased_at is not null;
-- By the id alone: what is told of a tenant's mail is kept by whoever's topic it came over, the platform's too.
create index webhook_deliveries_about on webhook_deliveries (about_id) where about_id is not null;
create index mail_messages_waiting_for on mail_messages (tenant_id, to_address) where to_address is not null;
-- How many went out and what came back of them; the stream is in the condition, because its enum can't be sought by under row-level security.
create index mail_messages_marketing on mail_messages (tenant_id, accepted_at) include (state)
  where stream = 'MARKETING' and accepted_at is not null;

-- Issuing freezes an order's items and amounts (COM-4). Only words may go, and only where erase_person takes them: the application has no
-- right to update items at all.
create or replace function freeze_items() returns trigger language plpgsql as $$
declare
  of_order orders.status%type;
begin
  if tg_op = 'UPDATE' and current_setting('app.erasing', true) = 'on'
    and to_jsonb(new) - 'descriptions' = to_jsonb(old) - 'descriptions' then
    return new;
  end if;
  select status into of_order from orders
    where tenant_id = coalesce(new.tenant_id, old.tenant_id) and id = coalesce(new.order_id, old.order_id);
  if of_order is distinct from 'DRAFT' then
    raise exception 'the items of an issued order are frozen' using errcode = 'restrict_violation';
  end if;
  return coalesce(new, old);
end
$$;

-- ------------------------------------------------------------ erasure
-- What gateways and providers told of somebody, in their own words: processed, so nobody needs the words any more.
create function bodies_about(p_tenant uuid, p_customer uuid) returns table (tenant_id uuid, id uuid) language sql stable as $$
  select w.tenant_id, w.id from orders o join payments p on p.tenant_id = o.tenant_id and p.order_id = o.id
    join webhook_deliveries w on w.tenant_id = p.tenant_id and w.payment_id = p.id
    where o.tenant_id = p_tenant and o.customer_id = p_customer and w.processed_at is not null and w.body_sealed is not null
  union all
  select w.tenant_id, w.id from bookings b join webhook_deliveries w on w.tenant_id = b.tenant_id and w.about_id = b.id
    where b.tenant_id = p_tenant and b.customer_id = p_customer and w.processed_at is not null and w.body_sealed is not null
$$;

-- Whether it is still known whom a mail went to. Whoever is about to write down what was said of it holds the answer until they commit:
-- an erasure at the same time either has told them no, or waits and finds what they wrote.
create function mail_has_address(p_tenant uuid, p_mail uuid) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform from mail_messages where tenant_id = p_tenant and id = p_mail and address_hash is not null for share;
  return found;
end
$$;

-- Takes away what is known of a customer, everywhere at once. What stays, and why: ledger, audit and invoices (the law's and ours for good;
-- with an invoice its order's lines, which are printed on it), ids and amounts, and the hash of an address that wants no mail. Whether
-- anything is still open is asked by the verb, under the lock that it holds of the person's row.
-- What is known by the address alone goes only where the address was proven to be theirs: whoever registers with somebody else's can't
-- take away what that person subscribed to. Links to a new password are theirs without that: they are sent to this account only.
-- p_address_hash: the person's address as mails and suppressions know it.
create function erase_person(p_customer uuid, p_address_hash bytea, p_now timestamptz) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_tenant uuid := current_tenant();
  v_email text;
  v_proven boolean;
  v_newsletter uuid;
  v_mails uuid[];
begin
  if v_tenant is null or current_customer() is not null then
    raise exception 'no tenant, or a customer''s transaction' using errcode = 'insufficient_privilege';
  end if;
  select email, email_verified_at is not null into v_email, v_proven from users
    where tenant_id = v_tenant and id = p_customer and role = 'CUSTOMER' and erased_at is null for update;
  if not found then
    raise exception 'no customer to erase' using errcode = 'no_data_found';
  end if;
  perform set_config('app.erasing', 'on', true);

  select id into v_newsletter from newsletter_subscriptions where v_proven and tenant_id = v_tenant and address = v_email;
  select array_agg(t.id) into v_mails from (
    select m.id from mail_messages m where m.tenant_id = v_tenant and m.about_id = p_customer
    union select m.id from mail_messages m where m.tenant_id = v_tenant and m.about_id = v_newsletter
    union select m.id from mail_messages m where m.tenant_id = v_tenant and m.address_hash = p_address_hash and (v_proven or m.kind = 'PASSWORD_RESET')
    union select m.id from mail_messages m where m.tenant_id = v_tenant and m.to_address = v_email and (v_proven or m.kind = 'PASSWORD_RESET')
    union select m.id from orders o join invoices i on i.tenant_id = o.tenant_id and i.order_id = o.id
      join mail_messages m on m.tenant_id = i.tenant_id and m.about_id = i.id
      where o.tenant_id = v_tenant and o.customer_id = p_customer) t;
  update mail_messages set address_hash = null, to_address = null, next_attempt_at = null,
      settled_at = case when state = 'QUEUED' then p_now else settled_at end,
      reason = case when state = 'QUEUED' then 'ERASED' else reason end,
      state = case when state = 'QUEUED' then 'NOT_SENT' else state end
    where tenant_id = v_tenant and id = any(v_mails);
  -- After the mails themselves, see mail_has_address; and of every tenant, as the topic may be another's or the platform's.
  update webhook_deliveries set body_sealed = null, headers = '{}' where about_id = any(v_mails) and body_sealed is not null;
  delete from one_time_tokens where tenant_id = v_tenant and subject_id in (p_customer, v_newsletter);
  delete from newsletter_subscriptions where tenant_id = v_tenant and id = v_newsletter;
  -- The wish not to be written to outlives the person: whoever registers with the address anew did not ask for mail either.
  update mail_suppressions set address = null where v_proven and tenant_id = v_tenant and address_hash = p_address_hash;

  update order_items i set descriptions = '{"en": "Erased"}' from orders o
    where o.tenant_id = v_tenant and o.customer_id = p_customer and i.tenant_id = o.tenant_id and i.order_id = o.id
      and i.product_id is null
      and not exists (select from invoices v where v.tenant_id = o.tenant_id and v.order_id = o.id);
  update orders set cancel_reason = null where tenant_id = v_tenant and customer_id = p_customer and cancel_reason is not null;
  update bookings set guests = '[]', special_requests = null, notes = null, contact = null, cancel_reason = null
    where tenant_id = v_tenant and customer_id = p_customer;
  update packages set note = null where tenant_id = v_tenant and customer_id = p_customer;
  -- Where a page of the gateway's shows the name, and where the customer came back to.
  update payments p set payment_url = null, return_url = null, review_reason = null, failure_reason = null from orders o
    where o.tenant_id = v_tenant and o.customer_id = p_customer and p.tenant_id = o.tenant_id and p.order_id = o.id;
  update refunds r set reason = 'Erased', failure_reason = null from orders o join payments p on p.tenant_id = o.tenant_id and p.order_id = o.id
    where o.tenant_id = v_tenant and o.customer_id = p_customer and r.tenant_id = p.tenant_id and r.payment_id = p.id;
  update webhook_deliveries d set body_sealed = null, headers = '{}' from bodies_about(v_tenant, p_customer) w
    where d.tenant_id = w.tenant_id and d.id = w.id;
  -- Their keys are words of their own, and nobody can ask for them any more.
  delete from operations where tenant_id = v_tenant and actor = 'user:' || p_customer and mutation <> 'eraseCustomer';
  update users set email = 'erased-' || id || '@erased.invalid', first_name = null, last_name = null, phone = null, locale = null,
      password_hash = 'erased', active = false, email_verified_at = null, erased_at = p_now
    where tenant_id = v_tenant and id = p_customer;
  perform set_config('app.erasing', '', true);
end
$$;

-- Vendors go on telling of people who are gone: what came since is forgotten when old rows are, so many bodies at once.
create function forget_erased(p_now timestamptz) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_now timestamptz := least(p_now, clock_timestamp());
  v_count bigint;
begin
  update webhook_deliveries d set body_sealed = null, headers = '{}' from (
    select w.tenant_id, w.id from users u cross join lateral bodies_about(u.tenant_id, u.id) w
      where u.erased_at > v_now - interval '180 days' limit 500) t
    where d.tenant_id = t.tenant_id and d.id = t.id;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
revoke all on function bodies_about(uuid, uuid), mail_has_address(uuid, uuid), erase_person(uuid, bytea, timestamptz),
  forget_erased(timestamptz) from public;
grant execute on function mail_has_address(uuid, uuid), erase_person(uuid, bytea, timestamptz), forget_erased(timestamptz) to portolan_app;
