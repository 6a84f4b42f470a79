import type { Simulators } from '../../helpers/simulators.ts';

type Query = <T = any>(text: string, values?: readonly unknown[]) => Promise<T[]>;

/** A vendor's decimal text in minor units. */
function minor(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole) * 100n + BigInt(fraction.padEnd(2, '0').slice(0, 2));
}

interface PaymentRow {
  readonly id: string;
  readonly reference: string | null;
  readonly captured: string;
  readonly refunded: string;
}

/**
 * Ours, the vendor's books and the ledger, held against each other to the last unit: each invoice with its payment, each refund with its
 * request, and the sums of the accounts.
 */
export async function differences(owner: Query, simulators: Simulators): Promise<string[]> {
  const { invoices, refunds } = await simulators.book('demo');
  const payments = await owner<PaymentRow>(
    `select p.id, p.gateway_reference as reference, p.captured_minor::text as captured,
       coalesce((select sum(r.amount_minor) from refunds r where r.payment_id = p.id and r.status = 'DONE' and r.target = 'GATEWAY'), 0)::text as refunded
     from payments p where p.gateway = 'FAWATERK'`,
  );
  const byReference = new Map(payments.map((payment) => [payment.reference, payment]));
  const found: string[] = [];
  let paidMinor = 0n;
  let backMinor = 0n;
  for (const invoice of invoices) {
    const ours = byReference.get(String(invoice.invoiceId));
    const paid = invoice.state === 'paid' ? minor(invoice.paidTotal ?? invoice.total) : 0n;
    const back = refunds
      .filter(({ invoiceId, state }) => invoiceId === invoice.invoiceId && state === 'approved')
      .reduce((sum, { amount }) => sum + minor(amount), 0n);
    paidMinor += paid;
    backMinor += back;
    if (BigInt(ours?.captured ?? 0) !== paid)
      found.push(`invoice ${invoice.invoiceId}: the gateway took ${paid}, we have ${ours?.captured ?? 'nothing'}`);
    if (BigInt(ours?.refunded ?? 0) !== back)
      found.push(`invoice ${invoice.invoiceId}: the gateway gave ${back} back, we have ${ours?.refunded ?? 'nothing'}`);
  }
  const captured = payments.reduce((sum, payment) => sum + BigInt(payment.captured), 0n);
  if (captured !== paidMinor) found.push(`the gateway took ${paidMinor} in all, our payments say ${captured}`);
  const clearing = await balance(owner, 'GATEWAY_CLEARING');
  if (clearing !== paidMinor - backMinor)
    found.push(`the gateway holds ${paidMinor - backMinor}, the ledger says ${clearing}`);
  return [...found, ...(await walletDifferences(owner))];
}

async function balance(owner: Query, kind: string): Promise<bigint> {
  const [row] = await owner<{ sum: string }>(
    'select coalesce(sum(balance_minor), 0)::text as sum from ledger_accounts where kind::text = $1',
    [kind],
  );
  return BigInt(row!.sum);
}

/** The wallets hold what was given, and what went back into them, less what was paid from them. */
async function walletDifferences(owner: Query): Promise<string[]> {
  const [row] = await owner<{ paid: string; back: string }>(
    `select (select coalesce(sum(captured_minor), 0) from payments where gateway = 'WALLET')::text as paid,
       (select coalesce(sum(amount_minor), 0) from refunds where status = 'DONE' and target = 'WALLET')::text as back`,
  );
  const wanted = (await balance(owner, 'ADJUSTMENTS_GIVEN')) + BigInt(row!.back) - BigInt(row!.paid);
  const held = -(await balance(owner, 'WALLET'));
  return held === wanted ? [] : [`the wallets should hold ${wanted}, the ledger says ${held}`];
}
