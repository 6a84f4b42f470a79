import type { Transaction } from '../db.ts';
import { formatAmount } from '../domain/money.ts';
import { AppError } from '../errors.ts';
import { encodeGlobalId } from '../global-id.ts';

/** What keeps a customer from being erased: money and bookings that still need to know whose they are. */

/** More are not listed; that there are more is said. */
const LISTED_MAX = 20;

interface OpenRow {
  readonly kind: string;
  /** Null for balances. */
  readonly id: string | null;
  readonly number: string | null;
  readonly state: string;
  /** Set for balances, from the customer's side. */
  readonly amountMinor: bigint | null;
  readonly currencyCode: string | null;
}

// A booking of the past needs nobody any more, whatever its status. Points are a gift and lapse; cashback of the return period is money.
const OPEN = `with theirs as (select o.id, o.number, o.status from orders o where o.tenant_id = current_tenant() and o.customer_id = $1),
  paid as (select p.id, p.status from theirs o join payments p on p.tenant_id = current_tenant() and p.order_id = o.id),
  returned as (select r.id, r.status from paid p join refunds r on r.tenant_id = current_tenant() and r.payment_id = p.id),
  booked as (select b.id, b.reference, b.status, b.ends_at, b.next_step_at from bookings b
    where b.tenant_id = current_tenant() and b.customer_id = $1)
select f.kind, f.id, f.number, f.state, f.minor as "amountMinor", f.currency as "currencyCode" from (
  select 1 as place, 'Order' as kind, o.id, o.number, o.status::text as state, null::bigint as minor, null::text as currency
    from theirs o where o.status in ('DRAFT', 'ISSUED')
  union all select 2, 'Payment', p.id, null, p.status::text, null, null from paid p where p.status in ('UNPAID', 'PENDING', 'UNDER_REVIEW')
  union all select 3, 'Refund', r.id, null, r.status::text, null, null from returned r where r.status = 'REQUESTED'
  union all select 4, 'Booking', b.id, b.reference, b.status::text, null, null from booked b
    where b.status = 'PENDING' or b.next_step_at is not null or (b.status = 'CONFIRMED' and b.ends_at > $2)
  union all select 5, 'Package', k.id, k.reference, k.status::text, null, null from packages k
    where k.tenant_id = current_tenant() and k.customer_id = $1
      and (k.status in ('PENDING', 'BOOKING', 'COMPENSATING', 'NEEDS_ATTENTION') or k.next_step_at is not null)
  union all select 6, 'OutcomeInquiry', i.id, null, i.resolution::text, null, null from inquiries i
    where i.tenant_id = current_tenant() and i.resolution = 'OPEN'
      and (i.about_type, i.about_id) in
        (select 'Payment', id from paid union all select 'Refund', id from returned union all select 'Booking', id from booked)
  union all select 7, 'Balance', null, null, a.kind::text, -a.balance_minor, a.currency_code from ledger_accounts a
    where a.tenant_id = current_tenant() and a.holder_id = $1 and a.kind in ('WALLET', 'WALLET_OWED', 'CASHBACK_PENDING', 'CUSTOMER_CREDIT')
      and (a.balance_minor <> 0 or a.held_minor <> 0)) f
order by f.place, f.number, f.id limit ${LISTED_MAX + 1}`;

/** @throws ERASURE_BLOCKED, with what is open in its details: ids, numbers and amounts, no words */
export async function requireNothingOpen(tx: Transaction, customerId: string, now: Date): Promise<void> {
  const rows = await tx.query<OpenRow>(OPEN, [customerId, now]);
  if (rows.length === 0) return;
  throw new AppError(
    'ERASURE_BLOCKED',
    'Money or bookings of this customer are still open. Please end them first; they are listed.',
    { details: { open: rows.slice(0, LISTED_MAX).map(shown), more: rows.length > LISTED_MAX } },
  );
}

function shown({ kind, id, number, state, amountMinor, currencyCode }: OpenRow): object {
  return {
    kind,
    state,
    ...(id !== null && { id: encodeGlobalId(kind, id) }),
    ...(number !== null && { number }),
    ...(amountMinor !== null && { amount: formatAmount(amountMinor, currencyCode!), currencyCode }),
  };
}
