import { page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { json, wrongMethod } from '../simulator/answer.ts';
import { fieldsOf } from './simulator-answers.ts';
import { hooksOf } from './simulator-hooks.ts';
import { cents, otherCurrency, wallTime, type Invoice, type Ledger } from './simulator-model.ts';
import { payPage } from './simulator-pages.ts';

/** Where a buyer pays, fails to, or lets a code expire. */

type Action = 'pay' | 'fail' | 'expire';

export function performPage(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  fault: Fault | null,
): SimulatorAnswer {
  const [kind, name = ''] = request.path.split('/').filter(Boolean);
  if (kind === 'logo') return { status: 200, headers: { 'content-type': 'image/svg+xml' }, body: LOGO };
  const invoice = kind === 'pay' ? ledger.byPage(name) : kind === 'kiosk' ? ledger.byCode(name) : undefined;
  if (!invoice) return page(404, 'Not Found', '<h1>There is no such payment page</h1>');
  if (request.method === 'GET') return payPage(invoice);
  if (request.method !== 'POST') return wrongMethod();
  const asked = actionOf(request);
  if (asked === null) return json(400, { error: 'action is pay, fail or expire' });
  ledger.countCall(invoice.account);
  const after = act(ledger, world, invoice, asked, fault);
  const browser = (request.headers['accept'] ?? '').includes('text/html');
  if (!browser)
    return json(after === null ? 409 : 200, {
      status: (after ?? invoice).state,
      invoiceId: invoice.id,
      ...(after && { outcome: OUTCOMES[asked.action] }),
    });
  const target =
    after === null ? null : asked.action === 'pay' ? after.successUrl : asked.action === 'fail' ? after.failUrl : null;
  return target === null
    ? payPage(after ?? invoice)
    : { status: 303, headers: { location: target, 'cache-control': 'no-store' }, body: '' };
}

const OUTCOMES = { pay: 'paid', fail: 'failed', expire: 'expired' } as const;

/**
 * @returns the invoice after it; null where its state does not allow the action. A late payment must be asked
 * for (`late`).
 */
function act(
  ledger: Ledger,
  world: SimulatorWorld,
  before: Invoice,
  asked: { action: Action; late: boolean },
  fault: Fault | null,
): Invoice | null {
  const account = ledger.account(before.account);
  const late = before.state === 'expired' && asked.action === 'pay' && asked.late;
  if (!account || (before.state !== 'unpaid' && !late)) return null;
  const at = wallTime(ledger.now(before.account));
  const digits = BigInt(
    `0x${ledger.derive(before.account, `reference:${before.id}:${before.attempts.length}`).slice(0, 14)}`,
  ).toString();
  const reference = `9${digits.padStart(9, '0').slice(0, 8)}`;
  const commission = cents(account.commissionOnCustomer ?? '0') ?? 0;
  const paid = {
    state: 'paid',
    paidCents: before.totalCents + commission + (fault?.fault === 'wrongAmount' ? 100 : 0),
    paidCurrency: fault?.fault === 'wrongCurrency' ? otherCurrency(before.currency) : before.currency,
    paidAt: at,
  } as const;
  const change = { pay: paid, fail: {}, expire: { state: 'expired' } as const }[asked.action];
  const after: Invoice = {
    ...before,
    ...change,
    attempts: [...before.attempts, { action: asked.action, at, reference }].slice(-50),
  };
  ledger.save(after);
  hooksOf(asked.action, { invoice: after, account, reference }, fault).forEach((hook) => world.send(hook));
  return after;
}

export function actionOf(request: SimulatorRequest): { action: Action; late: boolean } | null {
  const fields = fieldsOf(request);
  const { action } = fields;
  if (action !== 'pay' && action !== 'fail' && action !== 'expire') return null;
  return { action, late: String(fields['late']) === 'true' };
}

const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 32"><rect width="48" height="32" rx="4" fill="#14663f"/></svg>';
