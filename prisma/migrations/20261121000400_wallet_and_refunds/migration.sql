-- The wallet's share of a payment (COM-5) and refunds that are carried out (COM-10).

-- AlterTable
ALTER TABLE "payments" ADD COLUMN     "credit_minor" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "settled_minor" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "share_of_id" UUID;

-- AlterTable
ALTER TABLE "refunds" ADD COLUMN     "credit_note_id" UUID,
ADD COLUMN     "failure_reason" TEXT,
ADD COLUMN     "gateway_refund_reference" TEXT,
ADD COLUMN     "next_poll_at" TIMESTAMPTZ(6),
ADD COLUMN     "of_order_minor" BIGINT,
ADD COLUMN     "operation_key" TEXT,
ADD COLUMN     "parts" JSONB,
ADD COLUMN     "poll_attempts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "sent_at" TIMESTAMPTZ(6),
ADD COLUMN     "tax_minor" BIGINT;

-- CreateIndex
CREATE UNIQUE INDEX "payments_tenant_id_share_of_id_key" ON "payments"("tenant_id", "share_of_id");

-- AddForeignKey
ALTER TABLE "payments" ADD CONSTRAINT "payments_tenant_id_share_of_id_fkey" FOREIGN KEY ("tenant_id", "share_of_id") REFERENCES "payments"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "refunds" ADD CONSTRAINT "refunds_tenant_id_credit_note_id_fkey" FOREIGN KEY ("tenant_id", "credit_note_id") REFERENCES "invoices"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- Gateways without an idempotency key can't tell two refunds of one payment apart: one at a time (spec 1.9).
create unique index refunds_one_open on refunds (tenant_id, payment_id) where status = 'REQUESTED';
create index refunds_due on refunds (next_poll_at) where status = 'REQUESTED' and next_poll_at is not null;

-- What of the captured money counted towards the order and what is the customer's credit, of payments that were settled before.
update payments p set credit_minor = l.credit, settled_minor = p.captured_minor - l.credit - l.commission
  from (select t.tenant_id, t.subject_id,
      coalesce(-sum(e.amount_minor) filter (where a.kind = 'CUSTOMER_CREDIT'), 0) as credit,
      coalesce(-sum(e.amount_minor) filter (where a.kind = 'COMMISSION_INCOME'), 0) as commission
    from ledger_transactions t
    join ledger_entries e on e.tenant_id = t.tenant_id and e.transaction_id = t.id
    join ledger_accounts a on a.tenant_id = e.tenant_id and a.id = e.account_id
    where t.kind in ('SETTLEMENT', 'REVIEW_ACCEPT') group by 1, 2) l
  where p.tenant_id = l.tenant_id and p.id = l.subject_id;
alter table payments add constraint payments_parts check (settled_minor >= 0 and credit_minor >= 0 and settled_minor + credit_minor <= captured_minor);

-- A share of another payment is the wallet's.
alter table payments add constraint payments_share check (share_of_id is null or gateway = 'WALLET');

create or replace function freeze_payment() returns trigger language plpgsql as $$
begin
  if (new.tenant_id, new.id, new.order_id, new.customer_id, new.gateway, new.amount_minor, new.currency_code, new.share_of_id)
    is distinct from (old.tenant_id, old.id, old.order_id, old.customer_id, old.gateway, old.amount_minor, old.currency_code, old.share_of_id)
    or new.captured_minor < old.captured_minor or new.refunded_minor < old.refunded_minor
  then
    raise exception 'a payment keeps its order and amount, and never gives money back in time' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;

-- A refund keeps what it is about, and what became of it.
create function freeze_refund() returns trigger language plpgsql as $$
begin
  if (new.tenant_id, new.id, new.payment_id, new.amount_minor, new.target) is distinct from
      (old.tenant_id, old.id, old.payment_id, old.amount_minor, old.target)
    or (old.status <> 'REQUESTED' and (new.status, new.completed_at, new.parts, new.of_order_minor, new.tax_minor) is distinct from
      (old.status, old.completed_at, old.parts, old.of_order_minor, old.tax_minor))
  then
    raise exception 'a refund keeps its payment, amount and end' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger frozen before update on refunds for each row execute function freeze_refund();

-- What is due now, for the scheduler (see 03_lookups), with refunds to be asked about and holds whose time is over.
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
    (select 'delivery', d.tenant_id, d.id from webhook_deliveries d where d.processed_at is null
      and d.received_at <= p_now - interval '1 minute' and d.received_at > p_now - interval '4 days'
      order by d.received_at limit p_limit) $$;
