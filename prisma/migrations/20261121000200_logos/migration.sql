-- The pictures that stand on tenants' invoices (COM-11). A picture is named by its own SHA-256 and never changed, so that an invoice
-- that names it keeps its bytes, whatever its tenant puts in its place later.

-- AlterTable
ALTER TABLE "tenants" ADD COLUMN     "logo_sha256" TEXT;

-- CreateTable
CREATE TABLE "tenant_logos" (
    "tenant_id" UUID NOT NULL,
    "sha256" TEXT NOT NULL,
    "media_type" TEXT NOT NULL,
    "width" INTEGER NOT NULL,
    "height" INTEGER NOT NULL,
    "content" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "tenant_logos_pkey" PRIMARY KEY ("tenant_id","sha256")
);

-- AddForeignKey
ALTER TABLE "tenants" ADD CONSTRAINT "tenants_id_logo_sha256_fkey" FOREIGN KEY ("id", "logo_sha256") REFERENCES "tenant_logos"("tenant_id", "sha256") ON DELETE RESTRICT ON UPDATE RESTRICT;

alter table tenant_logos
  add constraint tenant_logos_name check (sha256 = encode(sha256(content), 'hex')),
  add constraint tenant_logos_form check (media_type in ('image/png', 'image/jpeg')),
  add constraint tenant_logos_size check (width between 1 and 2000 and height between 1 and 2000 and length(content) <= 65536);

alter table tenant_logos enable row level security;
alter table tenant_logos force row level security;
create policy tenant on tenant_logos using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
do $$ begin execute format('create policy owner on tenant_logos to %I using (true) with check (true)', current_user); end $$;
-- Invoices are issued in their customers' transactions, too, and name the picture; only its tenant's people bring one.
create policy customer on tenant_logos as restrictive for insert with check (current_customer() is null);
grant select, insert on tenant_logos to portolan_app;

create trigger append_only before update or delete on tenant_logos for each row execute function refuse_change();
create trigger append_only_whole before truncate on tenant_logos execute function refuse_change();
