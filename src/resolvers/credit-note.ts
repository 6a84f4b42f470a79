import type { Transaction } from '../db.ts';
import type { TaxPart } from '../domain/credit.ts';
import { creditNoteLines } from '../domain/credit-note.ts';
import type { InvoiceCustomer } from '../domain/invoice.ts';
import { addAll } from '../domain/money.ts';
import { insertInvoice, invoiceFacts, readInvoiceSources } from './invoice.ts';
import type { Changing } from './payment-change.ts';

/**
 * Makes the credit note of a refund in the transaction that books it (COM-11): a number of the tenant's own sequence of credit notes,
 * and the refund's parts by tax rate, so that all credit notes of an order add up to its invoice.
 * @returns its id; null where the order has no invoice that could be taken back
 */
export async function issueCreditNote(
  tx: Transaction,
  app: Changing,
  refund: { readonly orderId: string; readonly parts: readonly TaxPart[] },
): Promise<string | null> {
  const [sources, credited] = await Promise.all([
    readInvoiceSources(tx, refund.orderId),
    tx.maybeOne<{ number: string; customer: InvoiceCustomer }>(
      "select number, document -> 'customer' as customer from invoices where tenant_id = current_tenant() and order_id = $1 and kind = 'INVOICE'",
      [refund.orderId],
    ),
  ]);
  if (!credited) return null;
  const facts = invoiceFacts(sources, app.clock.now());
  const totalMinor = addAll(refund.parts.map((part) => part.grossMinor));
  return insertInvoice(tx, app, sources.order, {
    ...facts,
    // It takes back an invoice that names somebody, also where nothing else does any more.
    ...(sources.parties.erasedAt !== null && { customer: credited.customer }),
    kind: 'CREDIT_NOTE',
    creditedInvoiceNumber: credited.number,
    lines: creditNoteLines({
      lines: facts.lines,
      parts: refund.parts,
      locale: facts.locale,
      invoiceNumber: credited.number,
    }),
    totalMinor,
    amountPaidMinor: totalMinor,
  });
}
