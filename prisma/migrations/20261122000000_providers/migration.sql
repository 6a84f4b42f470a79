-- Travel providers: the catalogue, slots, routing decisions, health, what a tenant uses of a provider, bookings at a provider, packages.

-- AlterEnum
ALTER TYPE "webhook_verdict" ADD VALUE 'UNKNOWN_BOOKING' AFTER 'UNKNOWN_PAYMENT';

-- CreateEnum
CREATE TYPE "vertical" AS ENUM ('LODGING', 'FLIGHTS_BOOKING', 'FLIGHTS_DISCOVERY');

-- CreateEnum
CREATE TYPE "environment_mode" AS ENUM ('SANDBOX', 'PRODUCTION');

-- CreateEnum
CREATE TYPE "health_status" AS ENUM ('HEALTHY', 'DEGRADED', 'UNHEALTHY', 'UNKNOWN');

-- CreateEnum
CREATE TYPE "circuit_state" AS ENUM ('CLOSED', 'OPEN', 'HALF_OPEN');

-- CreateEnum
CREATE TYPE "slot_scope" AS ENUM ('TENANT', 'GLOBAL');

-- CreateEnum
CREATE TYPE "booking_terms" AS ENUM ('PAY_FIRST', 'ON_ACCOUNT');

-- CreateEnum
CREATE TYPE "rollback_policy" AS ENUM ('ALL_OR_NOTHING', 'KEEP_CONFIRMED', 'MANUAL_REVIEW');

-- CreateEnum
CREATE TYPE "package_status" AS ENUM ('PENDING', 'BOOKING', 'CONFIRMED', 'PARTIALLY_CONFIRMED', 'COMPENSATING', 'CANCELLED', 'FAILED', 'NEEDS_ATTENTION');

-- AlterTable
ALTER TABLE "bookings" ADD COLUMN     "attempt" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "attempt_reference" TEXT,
ADD COLUMN     "attempted_at" TIMESTAMPTZ(6),
ADD COLUMN     "cancel_reason" TEXT,
ADD COLUMN     "cancellation_fees" JSONB,
ADD COLUMN     "contact" JSONB,
ADD COLUMN     "failure_reason" TEXT,
ADD COLUMN     "hold_expires_at" TIMESTAMPTZ(6),
ADD COLUMN     "leased_until" TIMESTAMPTZ(6),
ADD COLUMN     "next_step_at" TIMESTAMPTZ(6),
ADD COLUMN     "offer" JSONB,
ADD COLUMN     "package_id" UUID,
ADD COLUMN     "package_leg" INTEGER,
ADD COLUMN     "pay_at_property_minor" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "phase" TEXT,
ADD COLUMN     "provider_keys" JSONB,
ADD COLUMN     "provider_mode" "environment_mode",
ADD COLUMN     "provider_refund_minor" BIGINT,
ADD COLUMN     "provider_slug" TEXT,
ADD COLUMN     "refundable" BOOLEAN,
ADD COLUMN     "step_attempts" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "credentials" ADD COLUMN     "grace_until" TIMESTAMPTZ(6);

-- AlterTable
ALTER TABLE "tenants" ADD COLUMN     "booking_terms" "booking_terms" NOT NULL DEFAULT 'PAY_FIRST';

-- CreateTable
CREATE TABLE "providers" (
    "slug" TEXT NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "verticals" "vertical"[],
    "mode" "environment_mode" NOT NULL DEFAULT 'SANDBOX',
    "enabled" BOOLEAN NOT NULL DEFAULT false,
    "base_urls" JSONB NOT NULL DEFAULT '{}',
    "settings" JSONB NOT NULL DEFAULT '{}',
    "cache_seconds" JSONB NOT NULL DEFAULT '{}',
    "calls_per_minute" INTEGER NOT NULL,
    "concurrent_max" INTEGER NOT NULL DEFAULT 32,
    "check_every_seconds" INTEGER NOT NULL DEFAULT 300,
    "tests" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "providers_pkey" PRIMARY KEY ("slug")
);

-- CreateTable
CREATE TABLE "provider_slots" (
    "id" UUID NOT NULL,
    "tenant_id" UUID,
    "vertical" "vertical" NOT NULL,
    "provider_slug" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "priority" INTEGER NOT NULL,
    "rules" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "deleted_at" TIMESTAMPTZ(6),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "provider_slots_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "provider_health" (
    "slug" TEXT NOT NULL,
    "state" JSONB NOT NULL,
    "status" "health_status" NOT NULL,
    "circuit" "circuit_state" NOT NULL,
    "error_rate" DOUBLE PRECISION NOT NULL,
    "p95_latency_ms" DOUBLE PRECISION,
    "reason" TEXT,
    "checked_at" TIMESTAMPTZ(6),
    "next_check_at" TIMESTAMPTZ(6) NOT NULL,
    "updated_at" TIMESTAMPTZ(6) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "provider_health_pkey" PRIMARY KEY ("slug")
);

-- CreateTable
CREATE TABLE "provider_health_records" (
    "slug" TEXT NOT NULL,
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(6) NOT NULL,
    "status" "health_status" NOT NULL,
    "previous_status" "health_status",
    "circuit" "circuit_state" NOT NULL,
    "error_rate" DOUBLE PRECISION NOT NULL,
    "p95_latency_ms" DOUBLE PRECISION,
    "evidence" JSONB,

    CONSTRAINT "provider_health_records_pkey" PRIMARY KEY ("slug","id")
);

-- CreateTable
CREATE TABLE "routing_decisions" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "vertical" "vertical" NOT NULL,
    "purpose" TEXT NOT NULL,
    "scope" "slot_scope" NOT NULL,
    "context" JSONB NOT NULL,
    "candidates" JSONB NOT NULL,
    "selected_slug" TEXT,
    "answered_slug" TEXT,
    "outcome" TEXT,
    "latency_ms" INTEGER,
    "decided_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "routing_decisions_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "provider_usage" (
    "tenant_id" UUID NOT NULL,
    "provider_slug" TEXT NOT NULL,
    "minute" TIMESTAMPTZ(0) NOT NULL,
    "calls" INTEGER NOT NULL,
    "refused" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "provider_usage_pkey" PRIMARY KEY ("tenant_id","provider_slug","minute")
);

-- CreateTable
CREATE TABLE "package_policies" (
    "id" UUID NOT NULL,
    "tenant_id" UUID,
    "rollback" "rollback_policy" NOT NULL,
    "leg_order" "vertical"[],
    "updated_at" TIMESTAMPTZ(6) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "package_policies_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "packages" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "reference" TEXT NOT NULL,
    "status" "package_status" NOT NULL,
    "customer_id" UUID NOT NULL,
    "order_id" UUID,
    "rollback" "rollback_policy" NOT NULL,
    "total_minor" BIGINT NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "risk_cap_minor" BIGINT,
    "plan" JSONB NOT NULL,
    "note" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "leased_until" TIMESTAMPTZ(6),
    "next_step_at" TIMESTAMPTZ(6),
    "step_attempts" INTEGER NOT NULL DEFAULT 0,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "packages_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "providers_id_key" ON "providers"("id");

-- CreateIndex
CREATE INDEX "provider_slots_tenant_id_vertical_idx" ON "provider_slots"("tenant_id", "vertical");

-- CreateIndex
CREATE INDEX "provider_health_records_slug_at_id_idx" ON "provider_health_records"("slug", "at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "routing_decisions_tenant_id_decided_at_id_idx" ON "routing_decisions"("tenant_id", "decided_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "routing_decisions_age" ON "routing_decisions" USING BRIN ("decided_at");

-- CreateIndex
CREATE UNIQUE INDEX "package_policies_tenant_id_key" ON "package_policies"("tenant_id");

-- CreateIndex
CREATE INDEX "packages_tenant_id_created_at_id_idx" ON "packages"("tenant_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "packages_tenant_id_customer_id_idx" ON "packages"("tenant_id", "customer_id");

-- CreateIndex
CREATE UNIQUE INDEX "packages_tenant_id_reference_key" ON "packages"("tenant_id", "reference");

-- CreateIndex
CREATE UNIQUE INDEX "bookings_provider_slug_attempt_reference_key" ON "bookings"("provider_slug", "attempt_reference");

-- CreateIndex
CREATE UNIQUE INDEX "bookings_tenant_id_package_id_package_leg_key" ON "bookings"("tenant_id", "package_id", "package_leg");

-- AddForeignKey
ALTER TABLE "bookings" ADD CONSTRAINT "bookings_provider_slug_fkey" FOREIGN KEY ("provider_slug") REFERENCES "providers"("slug") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "bookings" ADD CONSTRAINT "bookings_tenant_id_package_id_fkey" FOREIGN KEY ("tenant_id", "package_id") REFERENCES "packages"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "provider_slots" ADD CONSTRAINT "provider_slots_provider_slug_fkey" FOREIGN KEY ("provider_slug") REFERENCES "providers"("slug") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "provider_slots" ADD CONSTRAINT "provider_slots_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "provider_health" ADD CONSTRAINT "provider_health_slug_fkey" FOREIGN KEY ("slug") REFERENCES "providers"("slug") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "provider_health_records" ADD CONSTRAINT "provider_health_records_slug_fkey" FOREIGN KEY ("slug") REFERENCES "providers"("slug") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "package_policies" ADD CONSTRAINT "package_policies_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "packages" ADD CONSTRAINT "packages_tenant_id_customer_id_fkey" FOREIGN KEY ("tenant_id", "customer_id") REFERENCES "users"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "packages" ADD CONSTRAINT "packages_tenant_id_order_id_fkey" FOREIGN KEY ("tenant_id", "order_id") REFERENCES "orders"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- ------------------------------------------------------------ who may see and do what
-- The catalogue and its health are the platform's: everybody's process routes by them, and the platform alone changes them.
do $$
declare
  name text;
begin
  foreach name in array array['providers', 'provider_health', 'provider_health_records'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy everyone on %I for select using (true)', name);
    execute format('create policy platform_adds on %I for insert with check (current_tenant() = platform_tenant())', name);
    execute format('create policy platform_changes on %I for update using (current_tenant() = platform_tenant())', name);
    execute format('create policy owner on %I to %I using (true) with check (true)', name, current_user);
  end loop;
  -- Global rows are everybody's to read, a tenant's are its own; both are the platform's to write.
  foreach name in array array['provider_slots', 'package_policies'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy mine_or_global on %I for select using (current_tenant() is not null
      and (tenant_id is null or tenant_id = current_tenant() or current_tenant() = platform_tenant()))', name);
    execute format('create policy owner on %I to %I using (true) with check (true)', name, current_user);
  end loop;
  foreach name in array array['routing_decisions', 'provider_usage', 'packages'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant on %I using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', name);
    execute format('create policy owner on %I to %I using (true) with check (true)', name, current_user);
  end loop;
end
$$;
create policy platform_adds on provider_slots for insert with check (current_tenant() = platform_tenant());
create policy platform_changes on provider_slots for update using (current_tenant() = platform_tenant());
-- A tenant may choose how its own packages are taken back.
create policy policy_added on package_policies for insert
  with check (tenant_id = current_tenant() or (tenant_id is null and current_tenant() = platform_tenant()));
create policy policy_changed on package_policies for update
  using (tenant_id = current_tenant() or (tenant_id is null and current_tenant() = platform_tenant()));
create policy customer on packages as restrictive using (current_customer() is null or customer_id = current_customer());
create policy customer on routing_decisions as restrictive for select using (current_customer() is null);
create policy customer on provider_usage as restrictive for select using (current_customer() is null);

grant select on providers, provider_health, provider_health_records, provider_slots, package_policies, routing_decisions, provider_usage,
  packages to portolan_app;
grant insert on providers, provider_health, provider_health_records, provider_slots, package_policies, routing_decisions, provider_usage,
  packages to portolan_app;
grant update on providers, provider_health, provider_slots, package_policies, provider_usage, packages to portolan_app;
grant update (grace_until) on credentials to portolan_app;

-- ------------------------------------------------------------ rules of rows
alter table providers
  add constraint providers_slug_form check (slug ~ '^[a-z][a-z0-9-]{1,39}$'),
  add constraint providers_verticals check (cardinality(verticals) between 1 and 3),
  add constraint providers_limits check (calls_per_minute between 1 and 1000000 and concurrent_max between 1 and 10000
    and check_every_seconds between 10 and 86400);
alter table provider_slots
  add constraint provider_slots_priority check (priority between 0 and 1000000);
alter table provider_usage
  add constraint provider_usage_counts check (calls >= 0 and refused >= 0);
alter table routing_decisions
  add constraint routing_decisions_purpose check (purpose in ('EXPLAIN', 'SEARCH', 'BOOK'));
alter table bookings
  add constraint bookings_reference_form check (attempt_reference is null or attempt_reference ~ '^[A-Za-z0-9-]{3,28}$'),
  add constraint bookings_phase check ((provider_slug is null) = (phase is null));
alter table packages
  add constraint packages_amounts check (total_minor >= 0 and (risk_cap_minor is null or risk_cap_minor >= 0));
create unique index package_policies_global on package_policies ((true)) where tenant_id is null;

-- Records are written once.
create trigger append_only before update on routing_decisions for each row execute function refuse_change();
create trigger append_only before update on provider_health_records for each row execute function refuse_change();

create index bookings_due on bookings (next_step_at) where next_step_at is not null;
create index packages_due on packages (next_step_at) where next_step_at is not null;
create index bookings_provider_reference on bookings (provider_slug, provider_reference) where provider_reference is not null;
create index provider_health_records_age on provider_health_records using brin (at);
create index provider_usage_age on provider_usage using brin (minute);

-- ------------------------------------------------------------ asked before a tenant is known
-- Whose booking a provider's notification is about.
create function find_booking(p_slug text, p_reference text, p_provider_reference text) returns table (tenant_id uuid, id uuid)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select b.tenant_id, b.id from bookings b where b.provider_slug = p_slug and b.attempt_reference = p_reference
    union
    select b.tenant_id, b.id from bookings b where b.provider_slug = p_slug and b.provider_reference = p_provider_reference
    limit 2 $$;
revoke all on function find_booking(text, text, text) from public;
grant execute on function find_booking(text, text, text) to portolan_app;

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
      where v.enabled and coalesce(h.next_check_at, p_now) <= p_now order by h.next_check_at limit p_limit) $$;

-- It says more than it did.
drop function forget_old(timestamptz);
create function forget_old(p_now timestamptz) returns table (events bigint, operations bigint, bodies bigint, tokens bigint, records bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_now timestamptz := least(p_now, clock_timestamp());
  v_events bigint; v_operations bigint; v_bodies bigint; v_tokens bigint; v_records bigint; v_more bigint;
begin
  with old as (
    select e.tenant_id, max(e.position) as position
    from (select v.tenant_id, v.position from events v where v.occurred_at < v_now - interval '30 days' limit 10000) e group by 1
  ), told as (
    update streams s set pruned_to = greatest(s.pruned_to, old.position) from old where s.tenant_id = old.tenant_id
    returning s.tenant_id, s.pruned_to
  )
  delete from events e using told where e.tenant_id = told.tenant_id and e.position <= told.pruned_to;
  get diagnostics v_events = row_count;
  -- Who holds a lease that ended long ago is gone.
  delete from operations o where (o.tenant_id, o.actor, o.key) in (select p.tenant_id, p.actor, p.key from operations p
    where p.started_at < v_now - interval '72 hours' and p.lease_until < v_now limit 10000);
  get diagnostics v_operations = row_count;
  update webhook_deliveries d set body_sealed = null where (d.tenant_id, d.id) in (select w.tenant_id, w.id from webhook_deliveries w
    where w.received_at < v_now - interval '90 days' and w.body_sealed is not null limit 10000);
  get diagnostics v_bodies = row_count;
  delete from refresh_tokens t where (t.tenant_id, t.hash) in (select r.tenant_id, r.hash from refresh_tokens r
    where r.expires_at < v_now - interval '7 days' limit 10000);
  get diagnostics v_tokens = row_count;
  -- A budget of yesterday limits nobody; every address that was ever tried has left one.
  delete from rate_budgets b where (b.tenant_id, b.bucket) in (select r.tenant_id, r.bucket from rate_budgets r
    where r.window_start < v_now - interval '1 day' limit 10000);
  -- Counts of refused deliveries, as long as their bodies were kept.
  delete from webhook_rejections j where (j.tenant_id, j.minute) in (select r.tenant_id, r.minute from webhook_rejections r
    where r.minute < v_now - interval '90 days' limit 10000);
  -- Records of routing and of health (decisions.md, "Running").
  delete from routing_decisions d where (d.tenant_id, d.id) in (select r.tenant_id, r.id from routing_decisions r
    where r.decided_at < v_now - interval '30 days' limit 10000);
  get diagnostics v_records = row_count;
  delete from provider_health_records h where (h.slug, h.id) in (select r.slug, r.id from provider_health_records r
    where r.at < v_now - interval '14 days' limit 10000);
  get diagnostics v_more = row_count;
  v_records := greatest(v_records, v_more);
  delete from provider_usage u where (u.tenant_id, u.provider_slug, u.minute) in (select r.tenant_id, r.provider_slug, r.minute
    from provider_usage r where r.minute < v_now - interval '30 days' limit 10000);
  get diagnostics v_more = row_count;
  v_records := greatest(v_records, v_more);
  -- What took over from it has proved itself: an old secret is only a risk by now.
  delete from credentials c where (c.tenant_id, c.id) in (select k.tenant_id, k.id from credentials k
    where k.grace_until < v_now and k.version < (select max(n.version) from credentials n
      where n.tenant_id = k.tenant_id and n.owner = k.owner and n.name = k.name) limit 10000);
  return query select v_events, v_operations, v_bodies, v_tokens, v_records;
end
$$;
revoke all on function forget_old(timestamptz) from public;
grant execute on function forget_old(timestamptz) to portolan_app;
