-- Invoices by the calendar month that stands on their pages, for a month's archive (COM-11): the day of issue is the tenant's own, and
-- stays what it was when the tenant moves to another time zone.

-- AlterTable
ALTER TABLE "invoices" ADD COLUMN     "issued_month" TEXT;

alter table invoices disable trigger append_only;
update invoices set issued_month = left(document ->> 'issuedAt', 7);
alter table invoices enable trigger append_only;

-- The month follows from the document, whoever writes it.
create function month_of_invoice() returns trigger language plpgsql as $$
begin
  new.issued_month := left(new.document ->> 'issuedAt', 7);
  return new;
end
$$;
create trigger month before insert on invoices for each row execute function month_of_invoice();

-- CreateIndex
CREATE INDEX "invoices_tenant_id_issued_month_number_idx" ON "invoices"("tenant_id", "issued_month", "number");
