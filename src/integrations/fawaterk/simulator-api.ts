import type { Fault } from '../simulator/scenario.ts';
import type { Identified, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { json, wrongMethod } from '../simulator/answer.ts';
import { notFound } from './simulator-answers.ts';
import { checkOut, isInvoice, paymentData } from './simulator-checkout.ts';
import { METHODS, majorUnits, otherCurrency, type Invoice, type Ledger } from './simulator-model.ts';

/** Version 2: methods, invoices, and reading one back (payment-gateways.md 1.2-1.4). */

const ROUTES: Readonly<Record<string, string>> = {
  getPaymentmethods: 'GET',
  invoiceInitPay: 'POST',
  createInvoiceLink: 'POST',
  getInvoiceData: 'GET',
};

export function performApi(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  identified: Identified,
  fault: Fault | null,
): SimulatorAnswer {
  const [, , operation = '', id, ...rest] = request.path.split('/').filter(Boolean);
  const method = ROUTES[operation];
  if (method === undefined || rest.length > 0) return notFound();
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
