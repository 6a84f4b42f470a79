-- Mail: who sends it, the outbox, where nothing is sent any more, links that work once, and the newsletter (BIZ-4, TEN-10, TEN-12).

-- CreateEnum
CREATE TYPE "mail_transport_kind" AS ENUM ('SMTP', 'SES');

-- CreateEnum
CREATE TYPE "mail_stream" AS ENUM ('TRANSACTIONAL', 'MARKETING');

-- CreateEnum
CREATE TYPE "mail_kind" AS ENUM ('PASSWORD_RESET', 'EMAIL_VERIFICATION', 'NEWSLETTER_CONFIRMATION', 'ORDER_PAID');

-- CreateEnum
CREATE TYPE "mail_state" AS ENUM ('QUEUED', 'ACCEPTED', 'DELIVERED', 'BOUNCED', 'COMPLAINED', 'REJECTED', 'NOT_SENT');

-- CreateEnum
CREATE TYPE "newsletter_state" AS ENUM ('PENDING', 'CONFIRMED', 'UNSUBSCRIBED');

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "email_verified_at" TIMESTAMPTZ(6);

-- CreateTable
CREATE TABLE "email_senders" (
    "tenant_id" UUID NOT NULL,
    "transport" "mail_transport_kind" NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "from_address" TEXT NOT NULL,
    "from_name" TEXT,
    "reply_to" TEXT,
    "smtp_host" TEXT,
    "smtp_port" INTEGER,
    "ses_region" TEXT,
    "transactional_set" TEXT,
    "marketing_set" TEXT,
    "topic_arn" TEXT,
    "verified_at" TIMESTAMPTZ(6),
    "updated_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "email_senders_pkey" PRIMARY KEY ("tenant_id")
);

-- CreateTable
CREATE TABLE "mail_templates" (
    "tenant_id" UUID NOT NULL,
    "kind" "mail_kind" NOT NULL,
    "locale" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "updated_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "mail_templates_pkey" PRIMARY KEY ("tenant_id","kind","locale")
);

-- CreateTable
CREATE TABLE "mail_messages" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "kind" "mail_kind" NOT NULL,
    "stream" "mail_stream" NOT NULL,
    "state" "mail_state" NOT NULL DEFAULT 'QUEUED',
    "reason" TEXT,
    "about_id" UUID,
    "to_address" TEXT,
    "address_hash" BYTEA,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(6),
    "transport" "mail_transport_kind",
    "sent_by" UUID,
    "reference" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "accepted_at" TIMESTAMPTZ(6),
    "settled_at" TIMESTAMPTZ(6),

    CONSTRAINT "mail_messages_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "mail_suppressions" (
    "tenant_id" UUID NOT NULL,
    "address_hash" BYTEA NOT NULL,
    "stream" "mail_stream" NOT NULL,
    "address" TEXT,
    "reason" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "mail_suppressions_pkey" PRIMARY KEY ("tenant_id","address_hash","stream")
);

-- CreateTable
CREATE TABLE "one_time_tokens" (
    "tenant_id" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "purpose" "mail_kind" NOT NULL,
    "subject_id" UUID NOT NULL,
    "address_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "used_at" TIMESTAMPTZ(6),

    CONSTRAINT "one_time_tokens_pkey" PRIMARY KEY ("tenant_id","hash")
);

-- CreateTable
CREATE TABLE "newsletter_subscriptions" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "address" TEXT NOT NULL,
    "locale" TEXT,
    "state" "newsletter_state" NOT NULL DEFAULT 'PENDING',
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "confirmed_at" TIMESTAMPTZ(6),
    "unsubscribed_at" TIMESTAMPTZ(6),

    CONSTRAINT "newsletter_subscriptions_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE INDEX "mail_messages_tenant_id_created_at_id_idx" ON "mail_messages"("tenant_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "mail_messages_tenant_id_address_hash_settled_at_idx" ON "mail_messages"("tenant_id", "address_hash", "settled_at");

-- CreateIndex
CREATE INDEX "mail_messages_sent_by_reference_idx" ON "mail_messages"("sent_by", "reference");

-- CreateIndex
CREATE INDEX "one_time_tokens_tenant_id_subject_id_idx" ON "one_time_tokens"("tenant_id", "subject_id");

-- CreateIndex
CREATE UNIQUE INDEX "newsletter_subscriptions_tenant_id_address_key" ON "newsletter_subscriptions"("tenant_id", "address");

-- AddForeignKey
ALTER TABLE "email_senders" ADD CONSTRAINT "email_senders_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "mail_templates" ADD CONSTRAINT "mail_templates_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- ------------------------------------------------------------ who may see and do what
do $$
declare
  name text;
begin
  foreach name in array array['email_senders', 'mail_templates', 'mail_messages', 'mail_suppressions', 'one_time_tokens',
    'newsletter_subscriptions'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant on %I using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', name);
    execute format('create policy customer on %I as restrictive for select using (current_customer() is null)', name);
    execute format('create policy owner on %I to %I using (true) with check (true)', name, current_user);
  end loop;
end
$$;
grant select, insert on email_senders, mail_templates, mail_messages, mail_suppressions, one_time_tokens, newsletter_subscriptions
  to portolan_app;
grant update on email_senders, mail_templates to portolan_app;
grant update (state, reason, to_address, address_hash, attempts, next_attempt_at, transport, sent_by, reference, accepted_at, settled_at)
  on mail_messages to portolan_app;
grant update (used_at) on one_time_tokens to portolan_app;
grant update (locale, state, created_at, confirmed_at, unsubscribed_at) on newsletter_subscriptions to portolan_app;
grant delete on mail_templates to portolan_app;

-- ------------------------------------------------------------ rules of rows
-- No address or name may begin a header of its own.
alter table email_senders
  add constraint email_senders_from check (from_address ~ '^[^[:cntrl:][:space:]@<>]+@[^[:cntrl:][:space:]@<>]+$' and length(from_address) <= 254),
  add constraint email_senders_texts check (from_name !~ '[[:cntrl:]]' and reply_to !~ '[[:cntrl:][:space:]]'),
  add constraint email_senders_smtp check (transport <> 'SMTP' or smtp_host is not null),
  add constraint email_senders_port check (smtp_port between 1 and 65535);
alter table mail_messages
  add constraint mail_messages_attempts check (attempts >= 0),
  -- What waits has a time; what came to its end has none, and nobody's address.
  add constraint mail_messages_waiting check ((state = 'QUEUED') = (next_attempt_at is not null)),
  add constraint mail_messages_address check (state = 'QUEUED' or to_address is null);
alter table one_time_tokens
  add constraint one_time_tokens_span check (expires_at > created_at);
create index mail_messages_due on mail_messages (next_attempt_at) where next_attempt_at is not null;

-- ------------------------------------------------------------ before a tenant is known
-- Whose messages of SNS they are: by the topic, and where the address names a tenant, that tenant's only.
create function find_mail_topic(p_slug text, p_topic text) returns table (tenant_id uuid)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select s.tenant_id from email_senders s join tenants t on t.id = s.tenant_id
    where s.topic_arn = p_topic and (p_slug is null or t.slug = p_slug) limit 100 $$;
create index email_senders_topic on email_senders (topic_arn);
-- The mail of a transport's event, whoever's it is among those that this sender sent.
create function find_mail(p_sent_by uuid, p_reference text) returns table (tenant_id uuid, id uuid)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select m.tenant_id, m.id from mail_messages m where m.sent_by = p_sent_by and m.reference = p_reference limit 1 $$;
-- Old mail and links that are over tell nobody anything.
create function forget_mail(p_now timestamptz) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_now timestamptz := least(p_now, clock_timestamp());
  v_mails bigint; v_tokens bigint;
begin
  delete from mail_messages m where (m.tenant_id, m.id) in (select o.tenant_id, o.id from mail_messages o
    where o.created_at < v_now - interval '90 days' and o.next_attempt_at is null limit 10000);
  get diagnostics v_mails = row_count;
  delete from one_time_tokens t where (t.tenant_id, t.hash) in (select o.tenant_id, o.hash from one_time_tokens o
    where o.expires_at < v_now - interval '7 days' limit 10000);
  get diagnostics v_tokens = row_count;
  return greatest(v_mails, v_tokens);
end
$$;
create index mail_messages_old on mail_messages (created_at) where next_attempt_at is null;
create index one_time_tokens_old on one_time_tokens (expires_at);
revoke all on function find_mail_topic(text, text), find_mail(uuid, text), forget_mail(timestamptz) from public;
grant execute on function find_mail_topic(text, text), find_mail(uuid, text), forget_mail(timestamptz) to portolan_app;

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
      order by d.received_at limit p_limit)
    union all
    (select 'booking', b.tenant_id, b.id from bookings b where b.next_step_at <= p_now order by b.next_step_at limit p_limit)
    union all
    (select 'package', k.tenant_id, k.id from packages k where k.next_step_at <= p_now order by k.next_step_at limit p_limit)
    union all
    (select 'provider', platform_tenant(), v.id from providers v left join provider_health h on h.slug = v.slug
      where v.enabled and coalesce(h.next_check_at, p_now) <= p_now order by h.next_check_at limit p_limit)
    union all
    (select 'mail', m.tenant_id, m.id from mail_messages m where m.next_attempt_at <= p_now order by m.next_attempt_at limit p_limit) $$;
