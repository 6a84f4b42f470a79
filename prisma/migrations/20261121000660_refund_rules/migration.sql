-- Who asks the gateway about a refund asks alone until then; when it is due next is another matter.
-- AlterTable
ALTER TABLE "refunds" ADD COLUMN     "leased_until" TIMESTAMPTZ(6);

-- One refund under one key, whatever became of the request that asked for it: a repeat finds it, or is refused here.
create unique index refunds_one_per_key on refunds (tenant_id, payment_id, requested_by, operation_key)
  where operation_key is not null and status <> 'REJECTED';

-- What the gateway holds for us may be less than nothing: it gives a refund in full and keeps its fee of the sale. Every other account
-- stays on its side.
create or replace function ledger_side(p_kind ledger_account_kind) returns int language sql immutable parallel safe
  return case when p_kind = 'GATEWAY_CLEARING' then 0
    when p_kind in ('GATEWAY_FEES', 'REFUNDS', 'WALLET_OWED', 'CASHBACK_TOTAL', 'LOYALTY_COST', 'ADJUSTMENTS_GIVEN', 'POINTS_OWED', 'POINTS_ISSUED')
    then 1 else -1 end;
