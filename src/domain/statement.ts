/** What a customer's statements call what happened (LOY-2, LOY-3): words of the customer's side, not of the ledger's. */
export const STATEMENT_KINDS = [
  'PAYMENT',
  'TOP_UP',
  'TOP_UP_REFUND',
  'REFUND',
  'ADJUSTMENT',
  'CASHBACK_EARNED',
  'CASHBACK_CREDITED',
  'CASHBACK_TAKEN_BACK',
  'POINTS_EARNED',
  'POINTS_REDEEMED',
  'POINTS_EXPIRED',
  'POINTS_TAKEN_BACK',
  'OTHER',
] as const;
export type StatementKind = (typeof STATEMENT_KINDS)[number];

/** Kinds of postings that bear another name on a statement: when the account got something, and when it gave. */
const WORDS: ReadonlyMap<string, { readonly got: StatementKind; readonly gave: StatementKind }> = new Map([
  ['SETTLEMENT', { got: 'TOP_UP', gave: 'PAYMENT' }],
  ['REVIEW_ACCEPT', { got: 'TOP_UP', gave: 'PAYMENT' }],
  ['REFUND', { got: 'REFUND', gave: 'TOP_UP_REFUND' }],
  ['REDEMPTION', { got: 'POINTS_REDEEMED', gave: 'POINTS_REDEEMED' }],
]);

/**
 * @param postingKind of the ledger's transaction @param amount from the customer's side: positive came, negative went
 * @returns OTHER for a kind that was posted by something newer than this list
 */
export function statementKindOf(postingKind: string, amount: bigint): StatementKind {
  const words = WORDS.get(postingKind);
  if (words) return amount > 0n ? words.got : words.gave;
  return STATEMENT_KINDS.find((kind) => kind === postingKind) ?? 'OTHER';
}
