import type { SimulatorAnswer } from '../simulator/types.ts';
import { majorUnits, type Invoice } from './simulator-model.ts';

/** What a buyer sees: the hosted card page, and a kiosk for reference codes. */

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 26rem; margin: 12vh auto; padding: 0 1rem; }
  h1 { font-size: 1.1rem; margin: 0 0 1rem; }
  .amount { font-size: 2.2rem; font-weight: 600; margin: 0; }
  dl { display: grid; grid-template-columns: auto 1fr; gap: .2rem 1rem; margin: 1.5rem 0; }
  dt { opacity: .65; } dd { margin: 0; }
  form { display: flex; gap: .5rem; }
  button { flex: 1; padding: .7rem; font: inherit; border: 1px solid; border-radius: .5rem; background: none; color: inherit; cursor: pointer; }
  button[value=pay] { background: #14663f; border-color: #14663f; color: #fff; }
  .note { opacity: .65; font-size: .85rem; margin-top: 2rem; }`;

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

export function page(status: number, title: string, body: string): SimulatorAnswer {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=UTF-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'cache-control': 'no-store',
    },
    body: `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}
</style></head><body>
${body}
</body></html>
`,
  };
}

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
