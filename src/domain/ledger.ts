/**
 * Which accounts a movement of money touches (LOY-1, decisions.md "Money"). Debits are positive, credits negative;
 * every posting sums to zero, which each function here asserts and the database checks again. One posting has
 * one currency; points are counted in a unit of their own (POINTS_UNIT).
 *
 * | Account              | Side   | Holds                                                                          |
 * | GATEWAY_CLEARING     | either | money at the gateway, not yet paid out to the tenant; below zero it is owed to |
 * |                      |        | the gateway, which gives refunds in full and keeps its fee of the sale         |
 * | GATEWAY_FEES         | debit  | what gateways keep                                                             |
 * | REFUNDS              | debit  | what was given back or waived of a sale, kept apart from revenue               |
 * | PAYMENTS_UNDER_REVIEW| credit | money held for whoever it turns out to belong to: owed, not earned             |
 * | CUSTOMER_CREDIT      | credit | per customer: money owed to one who paid too much                              |
 * | REVENUE              | credit | sales without tax                                                              |
 * | TAX_PAYABLE          | credit | tax owed on sales                                                              |
 * | COMMISSION_INCOME    | credit | the gateway's commission where the customer carries it (spec 1.10 item 5)      |
 * | WALLET               | credit | per customer: money to spend with this tenant                                  |
 * | WALLET_OWED          | debit  | per customer: cashback taken back that the wallet no longer held               |
 * | CASHBACK_PENDING     | credit | per customer: cashback of the return period                                    |
 * | CASHBACK_CREDITED    | credit | per customer: what cashback brought into the wallet so far, for the summary    |
 * | CASHBACK_TOTAL       | debit  | the other side of CASHBACK_CREDITED                                            |
 * | LOYALTY_COST         | debit  | what cashback and redeemed points cost the tenant                              |
 * | ADJUSTMENTS_GIVEN    | debit  | what operators put into wallets                                                |
 * | ADJUSTMENTS_TAKEN    | credit | what operators took out of wallets                                             |
 * | POINTS               | credit | per customer: points to redeem                                                 |
 * | POINTS_OWED          | debit  | per customer: points taken back that were spent already                        |
 * | POINTS_ISSUED        | debit  | points given out, less those taken back                                        |
 * | POINTS_REDEEMED      | credit | points turned into wallet money                                                |
 * | POINTS_EXPIRED       | credit | points that ran out                                                            |
 */
import { addAll } from './money.ts';

export const LEDGER_ACCOUNT_SIDES = {
  GATEWAY_CLEARING: 'EITHER',
  GATEWAY_FEES: 'DEBIT',
  REFUNDS: 'DEBIT',
  PAYMENTS_UNDER_REVIEW: 'CREDIT',
  CUSTOMER_CREDIT: 'CREDIT',
  REVENUE: 'CREDIT',
  TAX_PAYABLE: 'CREDIT',
  COMMISSION_INCOME: 'CREDIT',
  WALLET: 'CREDIT',
  WALLET_OWED: 'DEBIT',
  CASHBACK_PENDING: 'CREDIT',
  CASHBACK_CREDITED: 'CREDIT',
  CASHBACK_TOTAL: 'DEBIT',
  LOYALTY_COST: 'DEBIT',
  ADJUSTMENTS_GIVEN: 'DEBIT',
  ADJUSTMENTS_TAKEN: 'CREDIT',
  POINTS: 'CREDIT',
  POINTS_OWED: 'DEBIT',
  POINTS_ISSUED: 'DEBIT',
  POINTS_REDEEMED: 'CREDIT',
  POINTS_EXPIRED: 'CREDIT',
} as const;

export type LedgerAccountKind = keyof typeof LEDGER_ACCOUNT_SIDES;

/** The accounts that belong to a customer; every other one is the tenant's own. */
export const CUSTOMERS_ACCOUNTS: ReadonlySet<LedgerAccountKind> = new Set([
  'CUSTOMER_CREDIT',
  'WALLET',
  'WALLET_OWED',
  'CASHBACK_PENDING',
  'CASHBACK_CREDITED',
  'POINTS',
  'POINTS_OWED',
]);

/** Where a ledger says in what it counts: points are no currency, and no ISO 4217 code is spelled so. */
export const POINTS_UNIT = 'PTS';

export interface LedgerEntry {
  readonly accountKind: LedgerAccountKind;
  /** Minor units; positive is a debit, negative a credit, never zero. */
  readonly amountMinor: bigint;
  /**
   * The account is brought towards zero as far as it has something that is not held, and the rest falls on this other one of the same
   * customer. How much that is only the database knows, because only there the accounts are locked.
   */
  readonly restKind?: LedgerAccountKind;
}

/**
 * An exact payment of an order: the gateway now owes us what the customer paid, less its fee, and the wallet gives its share.
 * @param amountMinor what counts towards the order from the gateway, tax included
 * @param walletMinor what counts towards it from the customer's wallet @param taxMinor of both together
 * @param commissionMinor paid on top for the gateway @param feeMinor what the gateway keeps of the amount
 */
export function settlementPosting(input: {
  readonly amountMinor: bigint;
  readonly taxMinor: bigint;
  readonly commissionMinor: bigint;
  readonly walletMinor?: bigint;
  readonly feeMinor?: bigint;
}): LedgerEntry[] {
  const { amountMinor, taxMinor, commissionMinor, walletMinor = 0n, feeMinor = 0n } = input;
  return balanced([
    ['GATEWAY_CLEARING', amountMinor + commissionMinor - feeMinor],
    ['GATEWAY_FEES', feeMinor],
    ['WALLET', walletMinor],
    ['REVENUE', -netOf(amountMinor + walletMinor, taxMinor)],
    ['TAX_PAYABLE', -taxMinor],
    ['COMMISSION_INCOME', -commissionMinor],
  ]);
}

/** A paid top-up: no sale, the customer's money lies in the wallet now. */
export function topUpPosting(input: {
  readonly amountMinor: bigint;
  readonly commissionMinor: bigint;
  readonly feeMinor?: bigint;
}): LedgerEntry[] {
  const { amountMinor, commissionMinor, feeMinor = 0n } = input;
  return balanced([
    ['GATEWAY_CLEARING', amountMinor + commissionMinor - feeMinor],
    ['GATEWAY_FEES', feeMinor],
    ['WALLET', -amountMinor],
    ['COMMISSION_INCOME', -commissionMinor],
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
 * @param topUp no sale: all that is held becomes wallet money, and nothing is waived of what was not sold
 */
export function reviewAcceptPosting(input: {
  readonly heldMinor: bigint;
  readonly settleMinor: bigint;
  /** The wallet's share, which comes with it. */
  readonly walletMinor?: bigint;
  readonly waivedMinor: bigint;
  readonly taxMinor: bigint;
  readonly commissionMinor: bigint;
  readonly creditMinor: bigint;
  readonly topUp?: boolean;
}): LedgerEntry[] {
  if (input.topUp === true) {
    return balanced([
      ['PAYMENTS_UNDER_REVIEW', input.heldMinor],
      ['WALLET', -input.settleMinor - input.creditMinor],
      ['COMMISSION_INCOME', -input.commissionMinor],
    ]);
  }
  return balanced([
    ['PAYMENTS_UNDER_REVIEW', input.heldMinor],
    ['WALLET', input.walletMinor ?? 0n],
    ['REFUNDS', input.waivedMinor],
    ['REVENUE', -netOf(input.settleMinor + (input.walletMinor ?? 0n) + input.waivedMinor, input.taxMinor)],
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

/**
 * Settled money went back: through the gateway, or into the customer's wallet. The tax share leaves the tax owed, the rest of what
 * had counted towards the order stands in REFUNDS; what never counted leaves the account it was kept in.
 * @param ofOrderMinor what of the refund had counted towards the order, tax included @param taxMinor the tax share of that
 * @param creditMinor what the customer had paid too much @param commissionMinor what had been paid on top for the gateway
 */
export function refundPosting(input: {
  readonly ofOrderMinor: bigint;
  readonly taxMinor: bigint;
  readonly creditMinor?: bigint;
  readonly commissionMinor?: bigint;
  readonly target: 'GATEWAY' | 'WALLET';
}): LedgerEntry[] {
  const { ofOrderMinor, taxMinor, creditMinor = 0n, commissionMinor = 0n } = input;
  return balanced([
    ['REFUNDS', netOf(ofOrderMinor, taxMinor)],
    ['TAX_PAYABLE', taxMinor],
    ['CUSTOMER_CREDIT', creditMinor],
    ['COMMISSION_INCOME', commissionMinor],
    [input.target === 'WALLET' ? 'WALLET' : 'GATEWAY_CLEARING', -(ofOrderMinor + creditMinor + commissionMinor)],
  ]);
}

/** A top-up went back through the gateway: the money leaves the wallet, and what had been paid on top its income. */
export function topUpRefundPosting(input: {
  readonly walletMinor: bigint;
  readonly commissionMinor: bigint;
}): LedgerEntry[] {
  return balanced([
    ['WALLET', input.walletMinor],
    ['COMMISSION_INCOME', input.commissionMinor],
    ['GATEWAY_CLEARING', -input.walletMinor - input.commissionMinor],
  ]);
}

/** An operator puts money into a wallet (positive) or takes it out (negative). */
export function adjustmentPosting(input: { readonly amountMinor: bigint }): LedgerEntry[] {
  const { amountMinor } = input;
  return amountMinor > 0n
    ? balanced([
        ['ADJUSTMENTS_GIVEN', amountMinor],
        ['WALLET', -amountMinor],
      ])
    : balanced([
        ['WALLET', -amountMinor],
        ['ADJUSTMENTS_TAKEN', amountMinor],
      ]);
}

function netOf(grossMinor: bigint, taxMinor: bigint): bigint {
  if (taxMinor > grossMinor) throw new Error('the tax is larger than the amount it is part of');
  return grossMinor - taxMinor;
}

type Movement = readonly [accountKind: LedgerAccountKind, amountMinor: bigint, restKind?: LedgerAccountKind];

/** Drops what is zero and asserts the law of the ledger: the entries sum to zero and at least two move. */
export function balanced(movements: readonly Movement[]): LedgerEntry[] {
  const entries = movements
    .filter(([, amountMinor]) => amountMinor !== 0n)
    .map(([accountKind, amountMinor, restKind]) => ({ accountKind, amountMinor, ...(restKind && { restKind }) }));
  if (entries.length < 2) throw new Error('a ledger posting moves something');
  if (addAll(entries.map((entry) => entry.amountMinor)) !== 0n) throw new Error('a ledger posting does not balance');
  return entries;
}
