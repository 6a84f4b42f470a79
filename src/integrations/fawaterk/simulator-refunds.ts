import type { Fault } from '../simulator/scenario.ts';
import type { SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { json, wrongMethod } from '../simulator/answer.ts';
import { fieldsOf, notFound, refused } from './simulator-answers.ts';
import { refundHooksOf } from './simulator-hooks.ts';
import { cents, majorUnits, wallTime, type Account, type Invoice, type Ledger } from './simulator-model.ts';
import { refundPage } from './simulator-pages.ts';
import type { RefundRequest, Vault } from './simulator-vault.ts';

/**
 * Refunds of version 3 (payment-gateways.md 1.2, 1.9): a request takes from what is left of a paid invoice, people
 * approve or reject it on its page, and only an approval is told by a hook. The list has ten a page, newest first, no
 * filter, and no envelope around it.
 */
export interface RefundWorld {
  readonly ledger: Ledger;
  readonly vault: Vault;
  readonly world: SimulatorWorld;
}

const TYPES: Readonly<Record<'en' | 'ar', readonly string[]>> = {
  en: ['invoice', 'Payment link transaction', 'Collection link transaction', 'Integration transaction'],
  ar: ['فاتورة', 'معاملة رابط الدفع', 'معاملة رابط التحصيل', 'معاملة التكامل'],
};

const REASONS: Readonly<Record<'en' | 'ar', readonly string[]>> = {
  en: ['Product not available', 'Customer changed their mind', 'Incorrect product delivered', 'Other'],
  ar: ['المنتج غير متوفر', 'غير العميل رأيه', 'تم تسليم منتج خاطئ', 'أخرى'],
};

const PER_PAGE = 10;

const ROUTES: Readonly<Record<string, { method: string; operation: string }>> = {
  refundTypes: { method: 'POST', operation: 'refundTypes' },
  refundReasons: { method: 'POST', operation: 'refundReasons' },
  create: { method: 'POST', operation: 'refundCreate' },
  delete: { method: 'POST', operation: 'refundDelete' },
  index: { method: 'POST', operation: 'refundList' },
  details: { method: 'GET', operation: 'refundDetails' },
};

const PATH = /^\/api\/v3\/refund\/(\w+)(?:\/(\w+))?$/;

/** The operation's name for scenarios. */
export function refundOperation(path: string): string {
  return ROUTES[PATH.exec(path)?.[1] ?? '']?.operation ?? 'unknown';
}

export function performRefundApi(
  at: RefundWorld,
  request: SimulatorRequest,
  accountId: string | null,
  fault: Fault | null,
): SimulatorAnswer {
  const [, name = '', id] = PATH.exec(request.path) ?? [];
  const route = ROUTES[name];
  if (!route || (id !== undefined) !== (name === 'details')) return notFound();
  if (route.method !== request.method) return wrongMethod();
  const account = accountId === null ? undefined : at.ledger.account(accountId);
  if (accountId === null || !account) return refused(401, 'Unauthenticated.');
  at.ledger.countCall(accountId);
  const fields = fieldsOf(request);
  const language = fields['lang'] === 'ar' ? 'ar' : 'en';
  switch (route.operation) {
    case 'refundTypes':
      return json(200, { status: 'success', data: Object.fromEntries(Object.entries(TYPES[language])) });
    case 'refundReasons':
      return json(200, { status: 'success', data: REASONS[language] });
    case 'refundCreate':
      return create(at, accountId, account, fields, fault);
    case 'refundDelete':
      return withdraw(at, accountId, fields);
    default:
      if (!account.offersRefundList) return notFound();
      return name === 'details' ? details(at, accountId, id ?? '') : list(at, accountId, account, request, fields);
  }
}

function create(
  at: RefundWorld,
  accountId: string,
  account: Account,
  fields: Readonly<Record<string, unknown>>,
  fault: Fault | null,
): SimulatorAnswer {
  const amount = cents(fields['refundable_amount']);
  const reasons = [...REASONS.en, ...REASONS.ar];
  if (!/^[0-3]$/.test(String(fields['refund_type']))) return refused(400, 'The selected refund type is invalid.');
  if (!reasons.includes(String(fields['reason']))) return refused(400, 'The selected reason is invalid.');
  if (amount === null) return refused(400, 'The refundable amount must be a number.');
  if (amount < 100) return refused(400, 'The refundable amount must be at least 1.');
  // Only invoices are simulated: the numbers of the other kinds name nothing here.
  const invoice =
    String(fields['refund_type']) === '0' ? at.ledger.invoice(accountId, String(fields['refund_id'])) : undefined;
  if (invoice?.state !== 'paid') return refused(400, 'Transaction not found or not paid');
  if (amount > remaining(at.vault, invoice)) {
    return refused(400, 'Refundable amount exceeds the remaining balance');
  }
  const comment = typeof fields['comment'] === 'string' ? fields['comment'] : null;
  const refund = make(at, account, invoice, { cents: amount, reason: String(fields['reason']), comment });
  at.vault.save(refund);
  if (account.refundApprovalMs !== null) {
    refundHooksOf(refund, account, fault, account.refundApprovalMs).forEach((hook) => at.world.send(hook));
  }
  return json(200, { status: 'success', message: 'Refunded successfully' });
}

function make(
  { ledger, vault, world }: RefundWorld,
  { refundApprovalMs }: Account,
  { account, id: invoiceId, paidCurrency, currency }: Invoice,
  asked: Pick<RefundRequest, 'cents' | 'reason' | 'comment'>,
): RefundRequest {
  const nth = vault.nextRefund(account);
  const now = ledger.now(account);
  return {
    ...asked,
    account,
    id: 1_000 * (1 + (Number.parseInt(ledger.derive(account, 'refund numbers').slice(0, 6), 16) % 2_000)) + nth,
    key: ledger.derive(account, `refund:${nth}`).slice(0, 24),
    invoiceId,
    currency: paidCurrency ?? currency,
    createdAt: wallTime(now),
    state: 'pending',
    approvedAt: refundApprovalMs === null ? null : wallTime(new Date(now.getTime() + refundApprovalMs)),
    approvesAtMs: refundApprovalMs === null ? null : world.now().getTime() + refundApprovalMs,
  };
}

/** What is neither given back nor asked for. */
function remaining(vault: Vault, invoice: Invoice): number {
  const taken = vault
    .refunds(invoice.account)
    .filter((one) => one.invoiceId === invoice.id && (one.state === 'approved' || one.state === 'pending'))
    .reduce((sum, one) => sum + one.cents, 0);
  return (invoice.paidCents ?? 0) - taken;
}

function withdraw(
  { vault }: RefundWorld,
  accountId: string,
  fields: Readonly<Record<string, unknown>>,
): SimulatorAnswer {
  const refund = vault.refunds(accountId).find((one) => String(one.id) === String(fields['refund_id']));
  if (!refund || !canDelete(refund)) return refused(400, 'Request not found or already approved');
  vault.save({ ...refund, state: 'deleted' });
  return json(200, { status: 'success' });
}

function canDelete(refund: RefundRequest): boolean {
  return refund.state === 'pending' && refund.approvesAtMs === null;
}

function details({ vault }: RefundWorld, accountId: string, id: string): SimulatorAnswer {
  const refund = vault.refunds(accountId).find((one) => String(one.id) === id && one.state !== 'deleted');
  return json(200, refund ? shown(refund) : null);
}

function shown(refund: RefundRequest): Readonly<Record<string, unknown>> {
  const { id, state, reason, createdAt } = refund;
  return { id, refundable_amount: refund.cents / 100, status: state, reason, created_at: createdAt };
}

function list(
  { vault, world }: RefundWorld,
  accountId: string,
  account: Account,
  request: SimulatorRequest,
  fields: Readonly<Record<string, unknown>>,
): SimulatorAnswer {
  const page = Math.max(1, Math.trunc(Number(request.query.get('page') ?? fields['page'] ?? 1)) || 1);
  const all = vault
    .refunds(accountId)
    .filter((one) => one.state !== 'deleted')
    .toReversed();
  const start = (page - 1) * PER_PAGE;
  const data = all.slice(start, start + PER_PAGE).map((refund) => ({
    ...shown(refund),
    refundable_type: 'Invoice',
    refundable_id: refund.invoiceId,
    can_delete: canDelete(refund),
    ...(account.showsComments && { comment: refund.comment }),
  }));
  const last = Math.max(1, Math.ceil(all.length / PER_PAGE));
  const path = `${world.baseUrl}/api/v3/refund/index`;
  const address = (number: number): string => `${path}?page=${number}`;
  return json(200, {
    current_page: page,
    data,
    first_page_url: address(1),
    from: data.length === 0 ? null : start + 1,
    last_page: last,
    last_page_url: address(last),
    next_page_url: page < last ? address(page + 1) : null,
    path,
    per_page: PER_PAGE,
    prev_page_url: page > 1 ? address(page - 1) : null,
    to: data.length === 0 ? null : start + data.length,
    total: all.length,
  });
}

/** The vendor's own desk: a page with the buttons its staff has. */
export function performRefundPage(
  { ledger, vault, world }: RefundWorld,
  refund: RefundRequest,
  request: SimulatorRequest,
  fault: Fault | null,
): SimulatorAnswer {
  if (request.method === 'GET') return refundPage(refund, canDelete(refund));
  if (request.method !== 'POST') return wrongMethod();
  const action = refundAction(request);
  const account = ledger.account(refund.account);
  if (action === null || !account) return json(400, { error: 'action is approve or reject' });
  ledger.countCall(refund.account);
  const isBrowser = (request.headers['accept'] ?? '').includes('text/html');
  if (!canDelete(refund)) return isBrowser ? refundPage(refund, false) : json(409, { status: refund.state });
  const at = wallTime(ledger.now(refund.account));
  const after: RefundRequest =
    action === 'approve' ? { ...refund, state: 'approved', approvedAt: at } : { ...refund, state: 'rejected' };
  vault.save(after);
  if (action === 'approve') refundHooksOf(after, account, fault, 0).forEach((hook) => world.send(hook));
  return isBrowser ? refundPage(after, false) : json(200, { status: after.state, refundId: after.id });
}

export function refundAction(request: SimulatorRequest): 'approve' | 'reject' | null {
  const { action } = fieldsOf(request);
  return action === 'approve' || action === 'reject' ? action : null;
}

export function refundBookEntry(world: SimulatorWorld, refund: RefundRequest): unknown {
  const { account, id, invoiceId, currency, state, reason, comment, createdAt, approvedAt } = refund;
  const page = `${world.baseUrl}/refund/${refund.key}`;
  const amount = majorUnits(refund.cents);
  return { account, refundId: id, invoiceId, state, amount, currency, reason, comment, createdAt, approvedAt, page };
}
