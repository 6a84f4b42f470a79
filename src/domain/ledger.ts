/**
 * Which accounts a movement of money touches (LOY-1, decisions.md "Money"). Debits are positive, credits negative;
 * every posting sums to zero, which each function here asserts and the database checks again. One posting has
 * one currency.
 *
 * | Account              | Side   | Holds                                                                          |
 * | GATEWAY_CLEARING     | debit  | money at the gateway, not yet paid out to the tenant                           |
 * | GATEWAY_FEES         | debit  | what gateways keep                                                             |
 * | REFUNDS              | debit  | what was given back or waived of a sale, kept apart from revenue               |
 * | PAYMENTS_UNDER_REVIEW| credit | money held for whoever it turns out to belong to: owed, not earned             |
 * | CUSTOMER_CREDIT      | credit | money owed to a customer who paid too much                                     |
 * | REVENUE              | credit | sales without tax                                                              |
 * | TAX_PAYABLE          | credit | tax owed on sales                                                              |
 * | COMMISSION_INCOME    | credit | the gateway's commission where the customer carries it (spec 1.10 item 5)      |
 */
import { addAll } from './money.ts';

export const LEDGER_ACCOUNT_SIDES = {
  GATEWAY_CLEARING: 'DEBIT',
  GATEWAY_FEES: 'DEBIT',
  REFUNDS: 'DEBIT',
  PAYMENTS_UNDER_REVIEW: 'CREDIT',
  CUSTOMER_CREDIT: 'CREDIT',
  REVENUE: 'CREDIT',
  TAX_PAYABLE: 'CREDIT',
  COMMISSION_INCOME: 'CREDIT',
} as const;

export type LedgerAccountKind = keyof typeof LEDGER_ACCOUNT_SIDES;

export interface LedgerEntry {
  readonly accountKind: LedgerAccountKind;
  /** Minor units; positive is a debit, negative a credit, never zero. */
  readonly amountMinor: bigint;
}

/**
 * An exact payment of an order: the gateway now owes us what the customer paid.
 * @param amountMinor what counts towards the order, tax included @param commissionMinor paid on top for the gateway
 */
export function settlementPosting(input: {
  readonly amountMinor: bigint;
  readonly taxMinor: bigint;
  readonly commissionMinor: bigint;
}): LedgerEntry[] {
  return balanced([
    ['GATEWAY_CLEARING', input.amountMinor + input.commissionMinor],
    ['REVENUE', -netOf(input.amountMinor, input.taxMinor)],
    ['TAX_PAYABLE', -input.taxMinor],
    ['COMMISSION_INCOME', -input.commissionMinor],
  ]);
}

/** Money that came but can't be booked to the order by itself: held as a liability, never revenue. */
export function reviewHoldPosting(input: { readonly heldMinor: bigint }): LedgerEntry[] {
  return balanced([
    ['GATEWAY_CLEARING', input.heldMinor],
    ['PAYMENTS_UNDER_REVIEW', -input.heldMinor],
  ]);
}

/**
 * An operator accepted held money. What the order was due becomes revenue and tax; what the operator waives of an
 * underpaid order stands in REFUNDS, so that revenue and tax agree with the invoice; the rest is the customer's credit.
 * Held = settled + commission + credit; an order that was paid already has settled = waived = 0.
 * @param taxMinor the tax of the order, 0 where nothing is settled
 */
export function reviewAcceptPosting(input: {
  readonly heldMinor: bigint;
  readonly settleMinor: bigint;
  readonly waivedMinor: bigint;
  readonly taxMinor: bigint;
  readonly commissionMinor: bigint;
  readonly creditMinor: bigint;
}): LedgerEntry[] {
  return balanced([
    ['PAYMENTS_UNDER_REVIEW', input.heldMinor],
    ['REFUNDS', input.waivedMinor],
    ['REVENUE', -netOf(input.settleMinor + input.waivedMinor, input.taxMinor)],
    ['TAX_PAYABLE', -input.taxMinor],
    ['COMMISSION_INCOME', -input.commissionMinor],
    ['CUSTOMER_CREDIT', -input.creditMinor],
  ]);
}

/** Held money went back through the gateway. */
export function reviewRefundPosting(input: { readonly refundMinor: bigint }): LedgerEntry[] {
  return balanced([
    ['PAYMENTS_UNDER_REVIEW', input.refundMinor],
    ['GATEWAY_CLEARING', -input.refundMinor],
  ]);
}

/** Settled money went back through the gateway. The tax share leaves the tax owed, the rest stands in REFUNDS. */
export function refundPosting(input: { readonly refundMinor: bigint; readonly taxMinor: bigint }): LedgerEntry[] {
  return balanced([
    ['REFUNDS', netOf(input.refundMinor, input.taxMinor)],
    ['TAX_PAYABLE', input.taxMinor],
    ['GATEWAY_CLEARING', -input.refundMinor],
  ]);
}

function netOf(grossMinor: bigint, taxMinor: bigint): bigint {
  if (taxMinor > grossMinor) throw new Error('the tax is larger than the amount it is part of');
  return grossMinor - taxMinor;
}

/** Drops what is zero and asserts the law of the ledger: the entries sum to zero and at least two move. */
function balanced(movements: readonly (readonly [LedgerAccountKind, bigint])[]): LedgerEntry[] {
  const entries = movements
    .filter(([, amountMinor]) => amountMinor !== 0n)
    .map(([accountKind, amountMinor]) => ({ accountKind, amountMinor }));
  if (entries.length < 2) throw new Error('a ledger posting moves something');
  if (addAll(entries.map((entry) => entry.amountMinor)) !== 0n) throw new Error('a ledger posting does not balance');
  return entries;
}
