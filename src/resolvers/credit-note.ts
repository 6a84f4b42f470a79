import type { Transaction } from '../db.ts';
import type { TaxPart } from '../domain/credit.ts';
import type { Changing } from './payment-change.ts';

/** Placeholder of the merge: the credit note comes with the invoices. */
export async function issueCreditNote(
  _tx: Transaction,
  _app: Changing,
  _of: { orderId: string; parts: readonly TaxPart[]; refundId: string },
): Promise<string | null> {
  return null;
}
