-- CreateEnum
CREATE TYPE "tenant_type" AS ENUM ('EMBEDDED', 'STANDALONE');

-- CreateEnum
CREATE TYPE "subscription_plan" AS ENUM ('WHITE_LABEL', 'STANDARD', 'ENTERPRISE');

-- CreateEnum
CREATE TYPE "user_role" AS ENUM ('CUSTOMER', 'OPERATOR', 'TENANT_ADMIN', 'PLATFORM_ADMIN');

-- CreateEnum
CREATE TYPE "api_key_kind" AS ENUM ('PUBLISHABLE', 'SECRET');

-- CreateEnum
CREATE TYPE "key_mode" AS ENUM ('LIVE', 'TEST');

-- CreateEnum
CREATE TYPE "order_type" AS ENUM ('MANUAL_INVOICE', 'PRODUCT', 'APPOINTMENT', 'STAY', 'FLIGHT', 'PACKAGE', 'TOP_UP');

-- CreateEnum
CREATE TYPE "order_status" AS ENUM ('DRAFT', 'ISSUED', 'PAID', 'PARTIALLY_REFUNDED', 'REFUNDED', 'CANCELLED', 'EXPIRED');

-- CreateEnum
CREATE TYPE "payment_status" AS ENUM ('UNPAID', 'PENDING', 'PAID', 'FAILED', 'EXPIRED', 'CANCELLED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'UNDER_REVIEW');

-- CreateEnum
CREATE TYPE "payment_gateway" AS ENUM ('FAWATERK', 'PAYFAST', 'PAYU', 'WALLET');

-- CreateEnum
CREATE TYPE "payment_method_kind" AS ENUM ('REDIRECT', 'REFERENCE_CODE', 'WALLET');

-- CreateEnum
CREATE TYPE "refund_target" AS ENUM ('GATEWAY', 'WALLET');

-- CreateEnum
CREATE TYPE "refund_status" AS ENUM ('REQUESTED', 'DONE', 'REJECTED');

-- CreateEnum
CREATE TYPE "inquiry_resolution" AS ENUM ('OPEN', 'DONE', 'NOT_DONE', 'HANDED_TO_PERSON');

-- CreateEnum
CREATE TYPE "invoice_kind" AS ENUM ('INVOICE', 'CREDIT_NOTE');

-- CreateEnum
CREATE TYPE "webhook_verdict" AS ENUM ('RECEIVED', 'ACCEPTED', 'ALREADY_PROCESSED', 'UNCONFIRMED', 'BAD_SIGNATURE', 'UNKNOWN_PAYMENT', 'MISMATCH', 'MALFORMED');

-- CreateEnum
CREATE TYPE "operation_status" AS ENUM ('IN_FLIGHT', 'SUCCEEDED', 'FAILED', 'UNKNOWN');

-- CreateEnum
CREATE TYPE "booking_kind" AS ENUM ('APPOINTMENT', 'STAY', 'FLIGHT');

-- CreateEnum
CREATE TYPE "booking_status" AS ENUM ('PENDING', 'CONFIRMED', 'CANCELLED', 'COMPLETED', 'NO_SHOW', 'FAILED');

-- CreateEnum
CREATE TYPE "sync_status" AS ENUM ('NOT_NEEDED', 'PENDING', 'SYNCED', 'NEEDS_ATTENTION');

-- CreateEnum
CREATE TYPE "ledger_account_kind" AS ENUM ('GATEWAY_CLEARING', 'PAYMENTS_UNDER_REVIEW', 'CUSTOMER_CREDIT', 'REVENUE', 'TAX_PAYABLE', 'GATEWAY_FEES', 'COMMISSION_INCOME', 'REFUNDS');

-- CreateTable
CREATE TABLE "tenants" (
    "id" UUID NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "domain" TEXT,
    "type" "tenant_type" NOT NULL DEFAULT 'STANDALONE',
    "plan" "subscription_plan" NOT NULL DEFAULT 'WHITE_LABEL',
    "active" BOOLEAN NOT NULL DEFAULT true,
    "currency_code" CHAR(3) NOT NULL,
    "locale" TEXT NOT NULL DEFAULT 'en',
    "time_zone" TEXT NOT NULL DEFAULT 'UTC',
    "tax_profile" JSONB NOT NULL,
    "legal" JSONB NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "portal_configs" (
    "tenant_id" UUID NOT NULL,
    "cors_origins" TEXT[],
    "rate_limit_per_minute" INTEGER NOT NULL DEFAULT 60,
    "active" BOOLEAN NOT NULL DEFAULT true,

    CONSTRAINT "portal_configs_pkey" PRIMARY KEY ("tenant_id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "kind" "api_key_kind" NOT NULL,
    "mode" "key_mode" NOT NULL,
    "prefix" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "scopes" TEXT[],
    "last_used_at" TIMESTAMPTZ(6),
    "expires_at" TIMESTAMPTZ(6),
    "revoked_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "users" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "first_name" TEXT,
    "last_name" TEXT,
    "phone" TEXT,
    "locale" TEXT,
    "role" "user_role" NOT NULL,
    "password_hash" TEXT NOT NULL,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "users_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "sessions" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "revoked_at" TIMESTAMPTZ(6),
    "revoked_reason" TEXT,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "refresh_tokens" (
    "tenant_id" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "session_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "used_at" TIMESTAMPTZ(6),

    CONSTRAINT "refresh_tokens_pkey" PRIMARY KEY ("tenant_id","hash")
);

-- CreateTable
CREATE TABLE "signing_keys" (
    "kid" TEXT NOT NULL,
    "public_jwk" JSONB NOT NULL,
    "sealed" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "retired_at" TIMESTAMPTZ(6),

    CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("kid")
);

-- CreateTable
CREATE TABLE "credentials" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "owner" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "sealed" BYTEA NOT NULL,
    "master_key_version" INTEGER NOT NULL,
    "last_four" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "credentials_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "payment_gateway_configs" (
    "tenant_id" UUID NOT NULL,
    "gateway" "payment_gateway" NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "test_mode" BOOLEAN NOT NULL,
    "base_url" TEXT,
    "amount_rule" TEXT NOT NULL DEFAULT 'EQUAL',
    "updated_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "payment_gateway_configs_pkey" PRIMARY KEY ("tenant_id","gateway")
);

-- CreateTable
CREATE TABLE "orders" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "number" TEXT,
    "type" "order_type" NOT NULL,
    "status" "order_status" NOT NULL,
    "payment_status" "payment_status" NOT NULL DEFAULT 'UNPAID',
    "customer_id" UUID NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "subtotal_minor" BIGINT NOT NULL,
    "tax_minor" BIGINT NOT NULL,
    "total_minor" BIGINT NOT NULL,
    "paid_minor" BIGINT NOT NULL DEFAULT 0,
    "refunded_minor" BIGINT NOT NULL DEFAULT 0,
    "cancel_reason" TEXT,
    "expires_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "issued_at" TIMESTAMPTZ(6),
    "paid_at" TIMESTAMPTZ(6),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "orders_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "order_items" (
    "tenant_id" UUID NOT NULL,
    "order_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "descriptions" JSONB NOT NULL,
    "quantity" INTEGER NOT NULL,
    "unit_price_minor" BIGINT NOT NULL,
    "tax_rate" TEXT,
    "net_minor" BIGINT NOT NULL,
    "tax_minor" BIGINT NOT NULL,
    "gross_minor" BIGINT NOT NULL,

    CONSTRAINT "order_items_pkey" PRIMARY KEY ("tenant_id","order_id","position")
);

-- CreateTable
CREATE TABLE "bookings" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "reference" TEXT NOT NULL,
    "kind" "booking_kind" NOT NULL,
    "status" "booking_status" NOT NULL,
    "customer_id" UUID NOT NULL,
    "order_id" UUID,
    "starts_at" TIMESTAMPTZ(6) NOT NULL,
    "ends_at" TIMESTAMPTZ(6) NOT NULL,
    "amount_minor" BIGINT NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "provider_reference" TEXT,
    "sync_status" "sync_status" NOT NULL DEFAULT 'NOT_NEEDED',
    "guests" JSONB NOT NULL,
    "special_requests" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "bookings_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "payments" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "order_id" UUID NOT NULL,
    "customer_id" UUID NOT NULL,
    "gateway" "payment_gateway" NOT NULL,
    "method_id" TEXT NOT NULL,
    "method" TEXT,
    "method_kind" "payment_method_kind" NOT NULL,
    "status" "payment_status" NOT NULL,
    "amount_minor" BIGINT NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "captured_minor" BIGINT NOT NULL DEFAULT 0,
    "refunded_minor" BIGINT NOT NULL DEFAULT 0,
    "payment_url" TEXT,
    "reference_code" TEXT,
    "gateway_reference" TEXT,
    "gateway_key" TEXT,
    "failure_reason" TEXT,
    "review_reason" TEXT,
    "expires_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "settled_at" TIMESTAMPTZ(6),
    "next_poll_at" TIMESTAMPTZ(6),
    "poll_attempts" INTEGER NOT NULL DEFAULT 0,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "payments_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "refunds" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "payment_id" UUID NOT NULL,
    "amount_minor" BIGINT NOT NULL,
    "reason" TEXT NOT NULL,
    "target" "refund_target" NOT NULL,
    "status" "refund_status" NOT NULL,
    "requested_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "completed_at" TIMESTAMPTZ(6),

    CONSTRAINT "refunds_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "inquiries" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "about_type" TEXT NOT NULL,
    "about_id" UUID NOT NULL,
    "reason" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_look_up_at" TIMESTAMPTZ(6),
    "resolution" "inquiry_resolution" NOT NULL DEFAULT 'OPEN',
    "note" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL,
    "resolved_at" TIMESTAMPTZ(6),

    CONSTRAINT "inquiries_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "number_counters" (
    "tenant_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "last" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "number_counters_pkey" PRIMARY KEY ("tenant_id","kind")
);

-- CreateTable
CREATE TABLE "ledger_accounts" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "kind" "ledger_account_kind" NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "holder_id" UUID NOT NULL,
    "balance_minor" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "ledger_accounts_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "ledger_transactions" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "subject_id" UUID NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "occurred_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "ledger_transactions_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "ledger_entries" (
    "tenant_id" UUID NOT NULL,
    "transaction_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "account_id" UUID NOT NULL,
    "amount_minor" BIGINT NOT NULL,

    CONSTRAINT "ledger_entries_pkey" PRIMARY KEY ("tenant_id","transaction_id","position")
);

-- CreateTable
CREATE TABLE "invoices" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "number" TEXT NOT NULL,
    "kind" "invoice_kind" NOT NULL,
    "order_id" UUID NOT NULL,
    "customer_id" UUID NOT NULL,
    "total_minor" BIGINT NOT NULL,
    "currency_code" CHAR(3) NOT NULL,
    "document" JSONB NOT NULL,
    "issued_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "invoices_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "webhook_deliveries" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "source" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(6) NOT NULL,
    "verdict" "webhook_verdict" NOT NULL DEFAULT 'RECEIVED',
    "detail" TEXT,
    "headers" JSONB NOT NULL,
    "body_sealed" BYTEA,
    "body_bytes" INTEGER NOT NULL,
    "dedupe_key" TEXT,
    "payment_id" UUID,
    "processed_at" TIMESTAMPTZ(6),

    CONSTRAINT "webhook_deliveries_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "webhook_rejections" (
    "tenant_id" UUID NOT NULL,
    "minute" TIMESTAMPTZ(0) NOT NULL,
    "kept" INTEGER NOT NULL DEFAULT 0,
    "counted" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "webhook_rejections_pkey" PRIMARY KEY ("tenant_id","minute")
);

-- CreateTable
CREATE TABLE "streams" (
    "tenant_id" UUID NOT NULL,
    "epoch" UUID NOT NULL,
    "position" BIGINT NOT NULL DEFAULT 0,
    "pruned_to" BIGINT NOT NULL DEFAULT 0,
    "audit_position" BIGINT NOT NULL DEFAULT 0,
    "audit_head" BYTEA NOT NULL,

    CONSTRAINT "streams_pkey" PRIMARY KEY ("tenant_id")
);

-- CreateTable
CREATE TABLE "events" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "position" BIGINT,
    "type" TEXT NOT NULL,
    "aggregate_type" TEXT NOT NULL,
    "aggregate_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "payload" JSONB NOT NULL,
    "occurred_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "events_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "operations" (
    "tenant_id" UUID NOT NULL,
    "actor" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "mutation" TEXT NOT NULL,
    "fingerprint" JSONB NOT NULL,
    "status" "operation_status" NOT NULL,
    "result_type" TEXT,
    "result_id" UUID,
    "user_errors" JSONB NOT NULL DEFAULT '[]',
    "inquiry_id" UUID,
    "lease_until" TIMESTAMPTZ(6) NOT NULL,
    "started_at" TIMESTAMPTZ(6) NOT NULL,
    "finished_at" TIMESTAMPTZ(6),

    CONSTRAINT "operations_pkey" PRIMARY KEY ("tenant_id","actor","key")
);

-- CreateTable
CREATE TABLE "audit_entries" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "position" BIGINT,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "occurred_at" TIMESTAMPTZ(6) NOT NULL,
    "previous_hash" BYTEA,
    "hash" BYTEA,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "rate_budgets" (
    "tenant_id" UUID NOT NULL,
    "bucket" TEXT NOT NULL,
    "window_start" TIMESTAMPTZ(0) NOT NULL,
    "used" INTEGER NOT NULL,

    CONSTRAINT "rate_budgets_pkey" PRIMARY KEY ("tenant_id","bucket")
);

-- CreateIndex
CREATE UNIQUE INDEX "tenants_slug_key" ON "tenants"("slug");

-- CreateIndex
CREATE INDEX "tenants_created_at_id_idx" ON "tenants"("created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_hash_key" ON "api_keys"("hash");

-- CreateIndex
CREATE UNIQUE INDEX "users_tenant_id_email_key" ON "users"("tenant_id", "email");

-- CreateIndex
CREATE INDEX "sessions_tenant_id_user_id_idx" ON "sessions"("tenant_id", "user_id");

-- CreateIndex
CREATE INDEX "refresh_tokens_tenant_id_session_id_idx" ON "refresh_tokens"("tenant_id", "session_id");

-- CreateIndex
CREATE UNIQUE INDEX "credentials_tenant_id_owner_name_version_key" ON "credentials"("tenant_id", "owner", "name", "version");

-- CreateIndex
CREATE INDEX "orders_tenant_id_created_at_id_idx" ON "orders"("tenant_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "orders_tenant_id_customer_id_created_at_id_idx" ON "orders"("tenant_id", "customer_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "orders_tenant_id_number_key" ON "orders"("tenant_id", "number");

-- CreateIndex
CREATE INDEX "bookings_tenant_id_order_id_idx" ON "bookings"("tenant_id", "order_id");

-- CreateIndex
CREATE INDEX "bookings_tenant_id_created_at_id_idx" ON "bookings"("tenant_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "bookings_tenant_id_customer_id_created_at_id_idx" ON "bookings"("tenant_id", "customer_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "bookings_tenant_id_reference_key" ON "bookings"("tenant_id", "reference");

-- CreateIndex
CREATE INDEX "payments_tenant_id_order_id_created_at_idx" ON "payments"("tenant_id", "order_id", "created_at");

-- CreateIndex
CREATE UNIQUE INDEX "payments_tenant_id_gateway_reference_gateway_key" ON "payments"("tenant_id", "gateway_reference", "gateway");

-- CreateIndex
CREATE INDEX "refunds_tenant_id_payment_id_idx" ON "refunds"("tenant_id", "payment_id");

-- CreateIndex
CREATE INDEX "inquiries_tenant_id_about_type_about_id_idx" ON "inquiries"("tenant_id", "about_type", "about_id");

-- CreateIndex
CREATE UNIQUE INDEX "ledger_accounts_tenant_id_kind_currency_code_holder_id_key" ON "ledger_accounts"("tenant_id", "kind", "currency_code", "holder_id");

-- CreateIndex
CREATE UNIQUE INDEX "ledger_transactions_tenant_id_kind_subject_id_key" ON "ledger_transactions"("tenant_id", "kind", "subject_id");

-- CreateIndex
CREATE INDEX "ledger_entries_tenant_id_account_id_idx" ON "ledger_entries"("tenant_id", "account_id");

-- CreateIndex
CREATE INDEX "invoices_tenant_id_order_id_idx" ON "invoices"("tenant_id", "order_id");

-- CreateIndex
CREATE UNIQUE INDEX "invoices_tenant_id_number_key" ON "invoices"("tenant_id", "number");

-- CreateIndex
CREATE INDEX "webhook_deliveries_tenant_id_received_at_id_idx" ON "webhook_deliveries"("tenant_id", "received_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "webhook_deliveries_tenant_id_payment_id_idx" ON "webhook_deliveries"("tenant_id", "payment_id");

-- CreateIndex
CREATE UNIQUE INDEX "events_tenant_id_position_key" ON "events"("tenant_id", "position");

-- CreateIndex
CREATE INDEX "operations_started_at_idx" ON "operations"("started_at");

-- CreateIndex
CREATE UNIQUE INDEX "audit_entries_tenant_id_position_key" ON "audit_entries"("tenant_id", "position");

-- AddForeignKey
ALTER TABLE "portal_configs" ADD CONSTRAINT "portal_configs_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "users" ADD CONSTRAINT "users_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "users"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "refresh_tokens" ADD CONSTRAINT "refresh_tokens_tenant_id_session_id_fkey" FOREIGN KEY ("tenant_id", "session_id") REFERENCES "sessions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "payment_gateway_configs" ADD CONSTRAINT "payment_gateway_configs_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "orders" ADD CONSTRAINT "orders_tenant_id_customer_id_fkey" FOREIGN KEY ("tenant_id", "customer_id") REFERENCES "users"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "order_items" ADD CONSTRAINT "order_items_tenant_id_order_id_fkey" FOREIGN KEY ("tenant_id", "order_id") REFERENCES "orders"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "bookings" ADD CONSTRAINT "bookings_tenant_id_customer_id_fkey" FOREIGN KEY ("tenant_id", "customer_id") REFERENCES "users"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "bookings" ADD CONSTRAINT "bookings_tenant_id_order_id_fkey" FOREIGN KEY ("tenant_id", "order_id") REFERENCES "orders"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "payments" ADD CONSTRAINT "payments_tenant_id_order_id_fkey" FOREIGN KEY ("tenant_id", "order_id") REFERENCES "orders"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "refunds" ADD CONSTRAINT "refunds_tenant_id_payment_id_fkey" FOREIGN KEY ("tenant_id", "payment_id") REFERENCES "payments"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "ledger_entries" ADD CONSTRAINT "ledger_entries_tenant_id_transaction_id_fkey" FOREIGN KEY ("tenant_id", "transaction_id") REFERENCES "ledger_transactions"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "ledger_entries" ADD CONSTRAINT "ledger_entries_tenant_id_account_id_fkey" FOREIGN KEY ("tenant_id", "account_id") REFERENCES "ledger_accounts"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "invoices" ADD CONSTRAINT "invoices_tenant_id_order_id_fkey" FOREIGN KEY ("tenant_id", "order_id") REFERENCES "orders"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- CreateIndex
CREATE INDEX "portal_configs_origins" ON "portal_configs" USING GIN ("cors_origins");
