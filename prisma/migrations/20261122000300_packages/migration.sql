-- Packages: where one stands between its legs, and what of its money goes back.

-- AlterTable
ALTER TABLE "bookings" ADD COLUMN     "refund_due_minor" BIGINT;

-- AlterTable. Who works at a package is known by the leases of its legs.
ALTER TABLE "packages" DROP COLUMN "leased_until",
DROP COLUMN "step_attempts",
ADD COLUMN     "asked_back_minor" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "loss_max_minor" BIGINT NOT NULL,
ADD COLUMN     "phase" TEXT NOT NULL;

-- CreateIndex
CREATE INDEX "packages_tenant_id_order_id_idx" ON "packages"("tenant_id", "order_id");

-- ------------------------------------------------------------ rules of rows
alter table bookings
  add constraint bookings_refund_due check (refund_due_minor between 0 and amount_minor),
  add constraint bookings_leg check ((package_id is null) = (package_leg is null));
alter table packages
  add constraint packages_phase check (phase in ('HOLDING', 'PAYABLE', 'BOOKING', 'ROLLING_BACK', 'CANCELLING', 'STOPPED', 'ENDED')),
  add constraint packages_back check (asked_back_minor between 0 and total_minor and loss_max_minor >= 0);
