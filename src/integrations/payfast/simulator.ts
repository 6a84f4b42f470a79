import { majorUnits } from '../simulator/account-clock.ts';
import { actionOf, isBrowser, json, redirect, wrongMethod } from '../simulator/answer.ts';
import { page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { failure, operationOf, performApi } from './simulator-api.ts';
import { checkOut, isPayment, payPage } from './simulator-checkout.ts';
import { hooksOf, type Status } from './simulator-hooks.ts';
import { openLedger, refundedCents, wallTime, type Ledger, type Payment } from './simulator-model.ts';
import { readForm } from './simulator-signature.ts';

/**
 * PayFast as a sandbox, written from payment-gateways.md section 2 and from nothing of ours: it checks signatures,
 * keeps its own books, shows a pay page, sends signed notifications and confirms those it really sent.
 *
 * Operations for scenarios: process, page, pay, fail, pending, cancel, validate, ping, refundQuery, refundRead,
 * refundCreate, history.
 */
const ACTIONS = ['pay', 'fail', 'pending', 'cancel'] as const;

type Action = (typeof ACTIONS)[number];

const PAGE = /^\/eng\/process\/payment\/(\w+)$/;
const VALIDATE = '/eng/query/validate';

export function simulatePayfast(world: SimulatorWorld): Simulator {
  const ledger = openLedger(world);
  return {
    name: 'payfast',
    identify: (request) => identify(ledger, request),
    perform: (request, identified, fault) => {
      const key = PAGE.exec(request.path)?.[1];
      if (key !== undefined) return performPage(ledger, world, key, request, fault);
      if (request.path === '/eng/process') return process(ledger, world, request, identified);
      if (request.path === VALIDATE) return validate(ledger, request, identified);
      return performApi(ledger, identified.account, request);
    },
    refusal: (kind, fault) => refusal(kind, fault),
    putAccount: ledger.putAccount,
    resetAccount: (id) => ledger.reset(id),
    book: (account, limit) => ({ payments: ledger.payments(account).slice(-limit).toReversed().map(bookEntry) }),
  };
}

function identify(ledger: Ledger, request: SimulatorRequest): Identified {
  const key = PAGE.exec(request.path)?.[1];
  if (key !== undefined) {
    const action = request.method === 'POST' ? (actionOf(request, ACTIONS) ?? 'page') : 'page';
    return { account: ledger.byPage(key)?.account ?? null, operation: action };
  }
  const form = request.path === '/eng/process' || request.path === VALIDATE;
  const posted = form ? readForm(request.body).find(([name]) => name === 'merchant_id')?.[1] : undefined;
  const merchantId = posted?.trim() ?? request.headers['merchant-id'] ?? '';
  const page = request.path === VALIDATE ? 'validate' : 'process';
  const operation = form ? page : (operationOf(request)?.operation ?? 'unknown');
  return { account: ledger.accountByMerchant(merchantId), operation };
}

function process(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  { account }: Identified,
): SimulatorAnswer {
  if (request.method !== 'POST') return wrongMethod();
  if (account !== null) ledger.countCall(account);
  const made = checkOut(ledger, account, request.body);
  if (!isPayment(made)) return made;
  return redirect(302, `${world.baseUrl}/eng/process/payment/${made.key}`);
}

/** VALID only for a string that was really sent, with or without an empty or full signature behind it. */
function validate(ledger: Ledger, request: SimulatorRequest, { account }: Identified): SimulatorAnswer {
  if (request.method !== 'POST') return wrongMethod();
  if (account !== null) ledger.countCall(account);
  const text = request.body.replace(/&signature=[^&]*$/, '');
  const word = account !== null && ledger.wasSent(account, text) ? 'VALID' : 'INVALID';
  return { status: 200, headers: { 'content-type': 'text/html; charset=UTF-8' }, body: `${word}\n` };
}

function performPage(
  ledger: Ledger,
  world: SimulatorWorld,
  key: string,
  request: SimulatorRequest,
  fault: Fault | null,
): SimulatorAnswer {
  const payment = ledger.byPage(key);
  if (!payment) return page(404, 'Not Found', '<h1>There is no such payment page</h1>');
  if (request.method === 'GET') return payPage(payment);
  if (request.method !== 'POST') return wrongMethod();
  const action = actionOf(request, ACTIONS);
  if (action === null) return json(400, { error: 'action is pay, fail, pending or cancel' });
  ledger.countCall(payment.account);
  const after = act(ledger, world, payment, action, fault);
  if (!isBrowser(request)) {
    const said = { status: (after ?? payment).state, paymentId: payment.id };
    return json(after === null ? 409 : 200, { ...said, ...(after && { outcome: OUTCOMES[action] }) });
  }
  if (after === null) return payPage(payment);
  const target = action === 'cancel' ? after.cancelUrl : action === 'fail' ? null : after.returnUrl;
  return target === null
    ? payPage(after, action === 'fail' ? 'The payment was declined. You can try again.' : '')
    : redirect(303, target);
}

const OUTCOMES = { pay: 'complete', fail: 'failed', pending: 'pending', cancel: 'cancelled' } as const;
const STATUSES: Readonly<Record<Exclude<Action, 'cancel'>, Status>> = {
  pay: 'COMPLETE',
  fail: 'FAILED',
  pending: 'PENDING',
};

/** @returns the payment after it; null where it is paid already. Leaving for cancel_url is told to nobody (2.7). */
function act(
  ledger: Ledger,
  world: SimulatorWorld,
  before: Payment,
  action: Action,
  fault: Fault | null,
): Payment | null {
  const account = ledger.account(before.account);
  if (!account || before.state !== 'open') return null;
  const at = wallTime(ledger.now(before.account));
  const attempts = [...before.attempts, { action, at }].slice(-50);
  const paidOn = wallTime(ledger.realNow()).slice(0, 10);
  const after = action === 'pay' ? paid({ ...before, attempts, paidOn }, at, fault) : { ...before, attempts };
  ledger.save(after);
  if (action !== 'cancel') {
    hooksOf(ledger, after, account, STATUSES[action], fault).forEach((hook) => world.send(hook));
  }
  return after;
}

function paid(payment: Payment, at: string, fault: Fault | null): Payment {
  const grossCents = payment.amountCents + (fault?.fault === 'wrongAmount' ? 100 : 0);
  return {
    ...payment,
    state: 'complete',
    grossCents,
    // 3.2 % and two rand, rounded half up.
    feeCents: Math.floor((grossCents * 32 + 500) / 1_000) + 200,
    currency: fault?.fault === 'wrongCurrency' ? 'USD' : 'ZAR',
    paidAt: at,
  };
}

function bookEntry(payment: Payment): unknown {
  const { account, id, merchantPaymentId, state, currency, paidAt, grossCents, feeCents, attempts, refunds } = payment;
  return {
    account,
    paymentId: id,
    merchantPaymentId,
    state,
    currency,
    paidAt,
    attempts,
    amount: majorUnits(payment.amountCents),
    gross: grossCents === null ? null : majorUnits(grossCents),
    fee: feeCents === null ? null : majorUnits(feeCents),
    refunded: majorUnits(refundedCents(payment)),
    refunds: refunds.map((refund) => ({ amount: majorUnits(refund.cents), at: refund.at, reason: refund.reason })),
  };
}

function refusal(kind: 'rateLimited' | 'wrongMethod' | 'broken', fault: Fault): SimulatorAnswer {
  if (kind === 'wrongMethod') return wrongMethod();
  if (kind === 'broken') return failure(fault.status ?? 500, 'Application Error');
  const headers = { 'retry-after': String(fault.retryAfterSeconds ?? 1) };
  return failure(429, 'Signature rate limit reached, please try again in a few minute', headers);
}
