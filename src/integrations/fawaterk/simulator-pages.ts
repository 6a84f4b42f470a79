import { escape, page } from '../simulator/page.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import { majorUnits, type Invoice } from './simulator-model.ts';
import type { RefundRequest } from './simulator-vault.ts';

/** What a buyer sees: the hosted card page, and a kiosk for reference codes. And what the vendor's staff sees. */

export function payPage(invoice: Invoice): SimulatorAnswer {
  const heading = invoice.code === null ? `Pay by ${invoice.method.name}` : `Pay at the kiosk: ${invoice.method.name}`;
  const states = { unpaid: 'Waiting for payment', paid: 'Paid', expired: 'Expired' };
  const rows: [string, string][] = [
    ['Invoice', String(invoice.id)],
    ['Customer', `${invoice.customer.firstName} ${invoice.customer.lastName}`],
    ...(invoice.code === null ? [] : [['Reference', invoice.code] as [string, string]]),
    ['State', states[invoice.state]],
  ];
  const buttons =
    '<form method="post"><button name="action" value="pay">Pay</button><button name="action" value="fail">Fail</button><button name="action" value="expire">Expire</button></form>';
  const body = `<h1>${escape(heading)}</h1>
<p class="amount">${escape(`${majorUnits(invoice.totalCents)} ${invoice.currency}`)}</p>
<dl>${rows.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>
${invoice.state === 'unpaid' ? buttons : ''}
<p class="note">This is a sandbox: no money moves.</p>`;
  return page(200, heading, body);
}

export function refundPage(refund: RefundRequest, isOpen: boolean): SimulatorAnswer {
  const heading = `Refund request ${refund.id}`;
  const rows: [string, string][] = [
    ['Invoice', String(refund.invoiceId)],
    ['Reason', refund.reason],
    ['Comment', refund.comment ?? ''],
    ['State', refund.state],
  ];
  const buttons =
    '<form method="post"><button name="action" value="approve">Approve</button><button name="action" value="reject">Reject</button></form>';
  const body = `<h1>${escape(heading)}</h1>
<p class="amount">${escape(`${majorUnits(refund.cents)} ${refund.currency}`)}</p>
<dl>${rows.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>
${isOpen ? buttons : ''}
<p class="note">The vendor's staff decides here. This is a sandbox: no money moves.</p>`;
  return page(200, heading, body);
}
