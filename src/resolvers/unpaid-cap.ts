import type { Transaction } from '../db.ts';
import type { BookingRules } from '../domain/booking-rules.ts';
import { AppError } from '../errors.ts';

type Cap = 'maxUnpaidAppointments' | 'maxUnpaidOrders';

/**
 * What of a customer's keeps something from everybody else and is not paid, whoever made it for them: rows do not say who did. What staff
 * confirmed unpaid is theirs to answer for.
 */
const OPEN: Readonly<Record<Cap, string>> = {
  maxUnpaidAppointments: `select count(*)::int as open from bookings b
    where b.tenant_id = current_tenant() and b.customer_id = $1 and b.kind = 'APPOINTMENT' and b.status = 'PENDING'`,
  maxUnpaidOrders: `select count(*)::int as open from orders o
    where o.tenant_id = current_tenant() and o.customer_id = $1 and o.type = 'PRODUCT' and o.status = 'ISSUED'`,
};
const WHAT: Readonly<Record<Cap, string>> = {
  maxUnpaidAppointments: 'appointments',
  maxUnpaidOrders: 'orders',
};

/**
 * Refuses a customer another hold while they have as many unpaid ones as the tenant allows: one alone could keep the whole diary, or the
 * stock, from everybody. To be called before anything else is locked; those who come at once for one customer wait for each other, and
 * each is counted with what the one before has written.
 * @param customerId inner id @throws TOO_MANY_UNPAID with the rule, the limit and how many are open
 */
export async function requireFewUnpaid(
  tx: Transaction,
  cap: Cap,
  { customerId, rules }: { readonly customerId: string; readonly rules: BookingRules },
): Promise<void> {
  tx.later(
    `select pg_advisory_xact_lock(hashtextextended(current_tenant()::text || ' ' || $1::text || ' ' || $2::text, 8))`,
    [customerId, cap],
  );
  // A statement of its own: it sees what was committed while it waited.
  const { open } = await tx.one<{ open: number }>(OPEN[cap], [customerId]);
  const limit = rules[cap];
  if (open < limit) return;
  throw new AppError('TOO_MANY_UNPAID', `There are ${open} unpaid ${WHAT[cap]} already; pay or cancel one first.`, {
    details: { rule: cap, limit, open },
  });
}
