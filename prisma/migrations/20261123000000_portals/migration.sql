-- Portals: hours and rules of time, feature flags, the catalogue with its stock, resources and the times they are taken for.
-- Ranges of time in one exclusion constraint with the resource's id.
create extension if not exists btree_gist;

-- AlterTable
ALTER TABLE "bookings" ADD COLUMN     "notes" TEXT,
ADD COLUMN     "product_id" UUID;

-- AlterTable
ALTER TABLE "order_items" ADD COLUMN     "product_id" UUID;

-- AlterTable
ALTER TABLE "portal_configs" ADD COLUMN     "return_stock_on_expiry" BOOLEAN NOT NULL DEFAULT true;

-- CreateTable
CREATE TABLE "business_hours" (
    "tenant_id" UUID NOT NULL,
    "day" SMALLINT NOT NULL,
    "opens_minute" SMALLINT NOT NULL,
    "closes_minute" SMALLINT NOT NULL,

    CONSTRAINT "business_hours_pkey" PRIMARY KEY ("tenant_id","day")
);

-- CreateTable
CREATE TABLE "hours_exceptions" (
    "tenant_id" UUID NOT NULL,
    "date" DATE NOT NULL,
    "opens_minute" SMALLINT,
    "closes_minute" SMALLINT,

    CONSTRAINT "hours_exceptions_pkey" PRIMARY KEY ("tenant_id","date")
);

-- CreateTable
CREATE TABLE "booking_rules" (
    "tenant_id" UUID NOT NULL,
    "advance_booking_days" INTEGER NOT NULL,
    "min_advance_hours" INTEGER NOT NULL,
    "max_advance_days" INTEGER NOT NULL,
    "slot_duration_minutes" INTEGER NOT NULL,
    "buffer_minutes" INTEGER NOT NULL,
    "capacity" INTEGER NOT NULL,
    "cancel_notice_hours" INTEGER NOT NULL,
    "hold_minutes" INTEGER NOT NULL,

    CONSTRAINT "booking_rules_pkey" PRIMARY KEY ("tenant_id")
);

-- CreateTable
CREATE TABLE "feature_flags" (
    "tenant_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL,
    "config" JSONB NOT NULL,
    "updated_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "feature_flags_pkey" PRIMARY KEY ("tenant_id","key")
);

-- CreateTable
CREATE TABLE "products" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "code" TEXT,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "price_minor" BIGINT NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "tax_rate" TEXT,
    "category" TEXT NOT NULL,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "stock" INTEGER NOT NULL,
    "images" TEXT[],
    "bookable" BOOLEAN NOT NULL DEFAULT false,
    "duration_minutes" INTEGER,
    "buffer_minutes" INTEGER,
    "capacity" INTEGER,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "products_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "stock_takings" (
    "tenant_id" UUID NOT NULL,
    "order_id" UUID NOT NULL,
    "product_id" UUID NOT NULL,
    "quantity" INTEGER NOT NULL,
    "taken_at" TIMESTAMPTZ(6) NOT NULL,
    "returned_at" TIMESTAMPTZ(6),

    CONSTRAINT "stock_takings_pkey" PRIMARY KEY ("tenant_id","order_id","product_id")
);

-- CreateTable
CREATE TABLE "resources" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "capacity" INTEGER NOT NULL,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "resources_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "product_resources" (
    "tenant_id" UUID NOT NULL,
    "product_id" UUID NOT NULL,
    "resource_id" UUID NOT NULL,

    CONSTRAINT "product_resources_pkey" PRIMARY KEY ("tenant_id","product_id","resource_id")
);

-- CreateTable
CREATE TABLE "allocations" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "resource_id" UUID NOT NULL,
    "unit" INTEGER NOT NULL,
    "booking_id" UUID NOT NULL,
    "during" tstzrange NOT NULL,

    CONSTRAINT "allocations_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE INDEX "products_tenant_id_created_at_id_idx" ON "products"("tenant_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "products_tenant_id_code_key" ON "products"("tenant_id", "code");

-- CreateIndex
CREATE UNIQUE INDEX "resources_tenant_id_code_key" ON "resources"("tenant_id", "code");

-- CreateIndex
CREATE INDEX "allocations_tenant_id_booking_id_idx" ON "allocations"("tenant_id", "booking_id");

-- AddForeignKey
ALTER TABLE "order_items" ADD CONSTRAINT "order_items_tenant_id_product_id_fkey" FOREIGN KEY ("tenant_id", "product_id") REFERENCES "products"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "bookings" ADD CONSTRAINT "bookings_tenant_id_product_id_fkey" FOREIGN KEY ("tenant_id", "product_id") REFERENCES "products"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "business_hours" ADD CONSTRAINT "business_hours_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "hours_exceptions" ADD CONSTRAINT "hours_exceptions_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "booking_rules" ADD CONSTRAINT "booking_rules_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "feature_flags" ADD CONSTRAINT "feature_flags_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "products" ADD CONSTRAINT "products_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "stock_takings" ADD CONSTRAINT "stock_takings_tenant_id_product_id_fkey" FOREIGN KEY ("tenant_id", "product_id") REFERENCES "products"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "stock_takings" ADD CONSTRAINT "stock_takings_tenant_id_order_id_fkey" FOREIGN KEY ("tenant_id", "order_id") REFERENCES "orders"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "resources" ADD CONSTRAINT "resources_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "product_resources" ADD CONSTRAINT "product_resources_tenant_id_product_id_fkey" FOREIGN KEY ("tenant_id", "product_id") REFERENCES "products"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "product_resources" ADD CONSTRAINT "product_resources_tenant_id_resource_id_fkey" FOREIGN KEY ("tenant_id", "resource_id") REFERENCES "resources"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "allocations" ADD CONSTRAINT "allocations_tenant_id_resource_id_fkey" FOREIGN KEY ("tenant_id", "resource_id") REFERENCES "resources"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "allocations" ADD CONSTRAINT "allocations_tenant_id_booking_id_fkey" FOREIGN KEY ("tenant_id", "booking_id") REFERENCES "bookings"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- ------------------------------------------------------------ who may see and do what
do $$
declare
  name text;
begin
  foreach name in array array['business_hours', 'hours_exceptions', 'booking_rules', 'feature_flags', 'products', 'stock_takings', 'resources',
    'product_resources', 'allocations'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant on %I using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', name);
    execute format('create policy owner on %I to %I using (true) with check (true)', name, current_user);
  end loop;
end
$$;
grant select, insert on business_hours, hours_exceptions, booking_rules, feature_flags, products, stock_takings, resources, product_resources,
  allocations to portolan_app;
grant update on business_hours, hours_exceptions, booking_rules, feature_flags, products, resources to portolan_app;
grant update (returned_at) on stock_takings to portolan_app;
grant delete on business_hours, hours_exceptions, product_resources, allocations to portolan_app;

-- ------------------------------------------------------------ rules of rows
alter table business_hours
  add constraint business_hours_day check (day between 1 and 7),
  add constraint business_hours_order check (opens_minute >= 0 and opens_minute < closes_minute and closes_minute <= 1440);
alter table hours_exceptions
  add constraint hours_exceptions_whole check ((opens_minute is null) = (closes_minute is null)),
  add constraint hours_exceptions_order check (opens_minute >= 0 and opens_minute < closes_minute and closes_minute <= 1440);
alter table booking_rules
  add constraint booking_rules_bounds check (advance_booking_days between 0 and 3650 and min_advance_hours between 0 and 8760
    and max_advance_days between 1 and 3650 and slot_duration_minutes between 5 and 1440 and buffer_minutes between 0 and 1440
    and capacity between 1 and 1000 and cancel_notice_hours between 0 and 8760 and hold_minutes between 1 and 10080);
alter table feature_flags
  add constraint feature_flags_key check (key ~ '^[a-z][a-z0-9_-]{0,39}$'),
  add constraint feature_flags_config check (jsonb_typeof(config) = 'object');
-- The stock is a promise: whatever the code does, it never goes below zero (TEN-7).
alter table products
  add constraint products_stock check (stock >= 0),
  add constraint products_price check (price_minor >= 0),
  add constraint products_category check (category ~ '^[a-z][a-z0-9-]{0,59}$'),
  add constraint products_times check (duration_minutes between 5 and 1440 and buffer_minutes between 0 and 1440 and capacity between 1 and 1000);
alter table stock_takings
  add constraint stock_takings_quantity check (quantity > 0);
alter table resources
  add constraint resources_capacity check (capacity between 1 and 1000);
alter table allocations
  add constraint allocations_unit check (unit >= 1),
  add constraint allocations_during check (not isempty(during) and not lower_inf(during) and not upper_inf(during)),
  add constraint allocations_no_overlap exclude using gist (tenant_id with =, resource_id with =, unit with =, during with &&);
