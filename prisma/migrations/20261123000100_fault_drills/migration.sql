-- Fault drills: what a tenant asked its sandboxes to do wrong, and until when (BEY-9).

-- CreateTable
CREATE TABLE "fault_drills" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "integration" TEXT NOT NULL,
    "seed" TEXT,
    "clock_from" TIMESTAMPTZ(6),
    "rules" JSONB NOT NULL,
    "started_at" TIMESTAMPTZ(6) NOT NULL,
    "ends_at" TIMESTAMPTZ(6) NOT NULL,
    "ended_at" TIMESTAMPTZ(6),

    CONSTRAINT "fault_drills_pkey" PRIMARY KEY ("tenant_id","id")
);

-- AddForeignKey
ALTER TABLE "fault_drills" ADD CONSTRAINT "fault_drills_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- ------------------------------------------------------------ who may see and do what
do $$
begin
  alter table fault_drills enable row level security;
  alter table fault_drills force row level security;
  create policy tenant on fault_drills using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
  execute format('create policy owner on fault_drills to %I using (true) with check (true)', current_user);
end
$$;
create policy customer on fault_drills as restrictive using (current_customer() is null);

grant select, insert on fault_drills to portolan_app;
grant update (ended_at) on fault_drills to portolan_app;

-- ------------------------------------------------------------ rules of rows
alter table fault_drills
  add constraint fault_drills_integration_form check (integration ~ '^[a-z][a-z0-9-]{1,39}$'),
  add constraint fault_drills_lasts check (ends_at > started_at and ends_at <= started_at + interval '1 hour'
    and (ended_at is null or ended_at <= ends_at));
-- Of one integration there is one at a time; one whose time is over is ended by the next.
create unique index fault_drills_running on fault_drills (tenant_id, integration) where ended_at is null;
