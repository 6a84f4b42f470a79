-- The diary: when an appointment itself is, beside what is kept free for it, in columns that can be sought for under row-level security
-- (an operator of ranges may not run before a policy, so the exclusion constraint's index finds nothing for a reader).
ALTER TABLE "allocations" ADD COLUMN     "ends_at" TIMESTAMPTZ(6) NOT NULL,
ADD COLUMN     "starts_at" TIMESTAMPTZ(6) NOT NULL;

-- CreateIndex
CREATE INDEX "allocations_tenant_id_resource_id_ends_at_idx" ON "allocations"("tenant_id", "resource_id", "ends_at");

-- What lies behind the end is the buffer, of a day at most: a reader looks that much further back.
alter table allocations
  add constraint allocations_times check (starts_at = lower(during) and starts_at < ends_at and ends_at <= upper(during)
    and upper(during) <= ends_at + interval '1 day' and lower_inc(during) and not upper_inc(during));

-- Whoever books looks at everybody's times, which say nothing of anybody; a customer takes and frees only for bookings of their own.
create policy customer_takes on allocations as restrictive for insert to portolan_app with check (
  current_customer() is null or exists (select from bookings b where b.tenant_id = allocations.tenant_id and b.id = allocations.booking_id));
create policy customer_frees on allocations as restrictive for delete to portolan_app using (
  current_customer() is null or exists (select from bookings b where b.tenant_id = allocations.tenant_id and b.id = allocations.booking_id));
create policy customer_takes on stock_takings as restrictive for insert to portolan_app with check (
  current_customer() is null or exists (select from orders o where o.tenant_id = stock_takings.tenant_id and o.id = stock_takings.order_id));
create policy customer_returns on stock_takings as restrictive for update to portolan_app using (
  current_customer() is null or exists (select from orders o where o.tenant_id = stock_takings.tenant_id and o.id = stock_takings.order_id));
