import { z } from 'zod';
import { page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { checkOut, isInvoice, objectOf, parse, paymentData } from './simulator-checkout.ts';
import { hooksOf } from './simulator-hooks.ts';
import {
  AccountSettings,
  METHODS,
  cents,
  majorUnits,
  openLedger,
  wallTime,
  type Invoice,
  type Ledger,
} from './simulator-model.ts';
import { payPage } from './simulator-pages.ts';

/**
 * Fawaterk as a sandbox, written from payment-gateways.md section 1 and from nothing of ours: it checks keys
 * and bodies,
 * keeps its own books, shows a pay page, and sends signed webhooks.
 */
const ROUTES: Readonly<Record<string, string>> = {
  getPaymentmethods: 'GET',
  invoiceInitPay: 'POST',
  createInvoiceLink: 'POST',
  getInvoiceData: 'GET',
};

type Action = 'pay' | 'fail' | 'expire';

export function simulateFawaterk(world: SimulatorWorld): Simulator {
  const ledger = openLedger(world);
  return {
    name: 'fawaterk',
    identify: (request) => identify(ledger, request),
    perform: (request, identified, fault) =>
      request.path.startsWith('/api/v2/')
        ? performApi(ledger, world, request, identified, fault)
        : performPage(ledger, world, request, fault),
    refusal: (kind, fault) => refusal(kind, fault),
    putAccount: (id, settings) => {
      const parsed = AccountSettings.safeParse(settings);
      if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
      const holder = ledger.accountByKey(parsed.data.apiKey);
      if (holder !== null && holder !== id) throw new Error('Another account has this API key.');
      ledger.putAccount(id, parsed.data);
    },
    resetAccount: (id) => ledger.reset(id),
    book: (account, limit) => ({ invoices: ledger.invoices(account).slice(-limit).reverse().map(bookEntry) }),
  };
}

function identify(ledger: Ledger, request: SimulatorRequest): Identified {
  const [kind = '', name = '', third = ''] = request.path.split('/').filter(Boolean);
  if (kind === 'api') {
    const key = /^Bearer (.+)$/.exec(request.headers['authorization'] ?? '')?.[1] ?? '';
    return { account: ledger.accountByKey(key), operation: third };
  }
  const invoice = kind === 'pay' ? ledger.byPage(name) : ledger.byCode(name);
  const action = request.method === 'POST' ? (actionOf(request)?.action ?? 'page') : 'page';
  return { account: invoice?.account ?? null, operation: action };
}

function performApi(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  identified: Identified,
  fault: Fault | null,
): SimulatorAnswer {
  const [, , operation = '', id, ...rest] = request.path.split('/').filter(Boolean);
  const method = ROUTES[operation];
  if (method === undefined || rest.length > 0) return page(404, 'Not Found', '<h1>404 Not Found</h1>');
  if (method !== request.method) return wrongMethod();
  const { account } = identified;
  if (account === null) return json(401, { status: 'error', message: 'Unauthenticated.' });
  const calls = ledger.countCall(account);
  const limit = operation === 'createInvoiceLink' ? 50 : 60;
  const answer = (status: number, value: unknown): SimulatorAnswer =>
    json(status, value, {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': String(limit - 1 - ((calls - 1) % limit)),
    });
  if (operation === 'getPaymentmethods') return answer(200, methods(world));
  if (operation === 'getInvoiceData') {
    const invoice = ledger.invoice(account, id ?? '');
    return invoice
      ? answer(200, { status: 'success', data: invoiceData(ledger, invoice, fault) })
      : answer(404, { status: 'error', message: 'Invoice not found' });
  }
  const made = checkOut(ledger, account, request.body, operation === 'invoiceInitPay');
  if (!isInvoice(made)) return answer(422, { status: 'error', message: made });
  const url = `${world.baseUrl}/pay/${made.key}`;
  if (operation === 'createInvoiceLink')
    return answer(200, { status: 'success', data: { url, invoiceKey: made.key, invoiceId: made.id } });
  return answer(200, {
    status: 'success',
    data: { invoice_id: made.id, invoice_key: made.key, payment_data: paymentData(made, url) },
  });
}

function methods(world: SimulatorWorld): unknown {
  return {
    status: 'success',
    data: METHODS.map((method) => ({
      paymentId: method.id,
      name_en: method.name,
      name_ar: method.nameArabic,
      redirect: String(method.redirect),
      logo: `${world.baseUrl}/logo/${method.id}.svg`,
    })),
    vendorSettingsData: { custome_iframe_title: '' },
  };
}

function invoiceData(ledger: Ledger, invoice: Invoice, fault: Fault | null): unknown {
  const paid = invoice.state === 'paid';
  const status = paid ? 'paid' : invoice.state === 'expired' ? 'expired' : 'unpaid';
  const shownCents = (invoice.paidCents ?? invoice.totalCents) + (fault?.fault === 'wrongAmount' ? 100 : 0);
  const currency = invoice.paidCurrency ?? invoice.currency;
  return {
    invoice_id: invoice.id,
    invoice_key: invoice.key,
    paid: paid ? 1 : 0,
    total: majorUnits(shownCents),
    currency: fault?.fault === 'wrongCurrency' ? otherCurrency(currency) : currency,
    payment_method: invoice.method.name,
    payment_method_id: invoice.method.id,
    invoice_status: status,
    status_text: status,
    paid_at: invoice.paidAt,
    invoice_created_at: invoice.createdAt,
    due_date: invoice.expireDate,
    customer_email: invoice.customer.email,
    commission: ledger.account(invoice.account)?.commissionOnCustomer ?? '0.00',
    pay_load: invoice.payLoad,
    invoice_transactions: invoice.attempts.map((attempt) => ({
      action: attempt.action,
      created_at: attempt.at,
      reference: attempt.reference,
    })),
  };
}

function performPage(
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

function actionOf(request: SimulatorRequest): { action: Action; late: boolean } | null {
  const json = (request.headers['content-type'] ?? '').includes('json');
  const fields = json ? (objectOf(parse(request.body)) ?? {}) : Object.fromEntries(new URLSearchParams(request.body));
  const { action } = fields;
  if (action !== 'pay' && action !== 'fail' && action !== 'expire') return null;
  return { action, late: String(fields['late']) === 'true' };
}

function otherCurrency(code: string): string {
  return code === 'USD' ? 'EGP' : 'USD';
}

function bookEntry(invoice: Invoice): unknown {
  const { account, id, key, state, currency, paidCurrency, paidAt, payLoad, code, attempts } = invoice;
  const amounts = {
    total: majorUnits(invoice.totalCents),
    paidTotal: invoice.paidCents === null ? null : majorUnits(invoice.paidCents),
  };
  return {
    account,
    invoiceId: id,
    invoiceKey: key,
    state,
    method: invoice.method.name,
    code,
    currency,
    paidCurrency,
    paidAt,
    payLoad,
    attempts,
    ...amounts,
  };
}

function refusal(kind: 'rateLimited' | 'wrongMethod' | 'broken', fault: Fault): SimulatorAnswer {
  if (kind === 'wrongMethod') return wrongMethod();
  if (kind === 'broken') return page(fault.status ?? 500, 'Server Error', '<h1>Server Error</h1>');
  const headers = {
    'x-ratelimit-limit': '60',
    'x-ratelimit-remaining': '0',
    'retry-after': String(fault.retryAfterSeconds ?? 1),
  };
  return json(429, { message: 'Too Many Attempts.' }, headers);
}

function wrongMethod(): SimulatorAnswer {
  return page(405, 'Method Not Allowed', '<h1>405 Method Not Allowed</h1>');
}

function json(status: number, value: unknown, headers: Record<string, string> = {}): SimulatorAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 32"><rect width="48" height="32" rx="4" fill="#14663f"/></svg>';
