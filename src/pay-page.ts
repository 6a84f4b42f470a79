import type { App } from './context.ts';
import type { PaymentForm } from './integrations/contract.ts';
import { openPayPage, type PayRefusal } from './resolvers/pay-page.ts';
import type { RouteAnswer, RouteRequest } from './routes.ts';

/**
 * GET /pay/{token}: hands the customer's browser over to a gateway that wants a form posted. The page posts it by itself, or by its
 * button where scripts are off. It may post to the gateway only, run this one script only, and leaves nothing behind.
 */
export async function payPage(app: App, request: RouteRequest): Promise<RouteAnswer> {
  const page = await openPayPage(app, request.params['token'] ?? '');
  const nonce = app.randomBytes(18).toString('base64url');
  if (page.kind === 'form') return formPage(page.form, page.orderNumber, nonce);
  const { status, title, text } = REFUSALS[page.reason];
  const back = page.returnUrl === null ? '' : `\n<p><a href="${escape(page.returnUrl)}">Back to the shop</a></p>`;
  const answer = html(status, title, `<p>${text}</p>${back}`, nonce, "form-action 'none'");
  return status === 503 ? { ...answer, headers: { ...answer.headers, 'retry-after': '30' } } : answer;
}

const REFUSALS: Readonly<Record<PayRefusal, { status: number; title: string; text: string }>> = {
  UNKNOWN: { status: 404, title: 'There is nothing here', text: 'This address names no payment.' },
  LINK_OVER: {
    status: 410,
    title: 'This link is too old',
    text: 'Please go back to the shop and start the payment again. Nothing was charged by this page.',
  },
  PAID: { status: 410, title: 'This is paid', text: 'This payment was made already. Nothing more is to be done here.' },
  ENDED: {
    status: 410,
    title: 'This payment is over',
    text: 'It was cancelled, failed or ran out of time. Please go back to the shop to pay.',
  },
  NOT_PAYABLE: {
    status: 409,
    title: 'This order takes no payment now',
    text: 'Something about the order changed since the payment was started. Please go back to the shop.',
  },
  UNAVAILABLE: {
    status: 503,
    title: 'Payment is not available',
    text: 'The payment service can not be reached from here at the moment. Please try again shortly.',
  },
};

/** An origin, or the hosts of one domain. */
const ORIGIN = /^https?:\/\/(\*\.)?[\w.-]+(:\d{1,5})?$|^https?:\/\/\[[\da-f:]+\](:\d{1,5})?$/;

/** @throws Error where the gateway's own client gives an address that is none: a defect */
function formPage(form: PaymentForm, orderNumber: string, nonce: string): RouteAnswer {
  const targets = [new URL(form.action).origin, ...(form.redirectOrigins ?? [])];
  if (!targets.every((target) => ORIGIN.test(target))) throw new Error('A payment form is sent to no web address.');
  const fields = Object.entries(form.fields)
    .map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`)
    .join('\n');
  // By the prototype, because a field may be called submit.
  const body = `<form id="pay" method="post" action="${escape(form.action)}">
${fields}
<p>Order ${escape(orderNumber)}: you are being taken to the payment page.</p>
<button>Continue to payment</button>
</form>
<script nonce="${nonce}">HTMLFormElement.prototype.submit.call(document.getElementById('pay'));</script>`;
  return html(200, 'Payment', body, nonce, `script-src 'nonce-${nonce}'; form-action ${targets.join(' ')}`);
}

const STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 26rem; margin: 12vh auto; padding: 0 1rem; }
h1 { font-size: 1.2rem; }
button { padding: .7rem 1.4rem; font: inherit; }`;

function html(status: number, title: string, body: string, nonce: string, policy: string): RouteAnswer {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; ${policy}; base-uri 'none'; frame-ancestors 'none'`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex',
    },
    body: `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style nonce="${nonce}">${STYLE}</style></head><body>
<h1>${title}</h1>
${body}
</body></html>
`,
  };
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
