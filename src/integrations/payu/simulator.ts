import { majorUnits } from '../simulator/account-clock.ts';
import { actionOf, isBrowser, json, redirect, wrongMethod } from '../simulator/answer.ts';
import { page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { checkOut, isPayment, payPage, returnPage } from './simulator-checkout.ts';
import { COMMANDS, performCommand } from './simulator-commands.ts';
import { later, openLedger, type Ledger, type Payment, type Stage } from './simulator-model.ts';
import { refundHooks, resultHooks, resultOf, type News } from './simulator-results.ts';
import { readPosted } from './simulator-signature.ts';

/**
 * PayU India as a sandbox, written from payment-gateways.md section 3 and from nothing of ours: it checks hashes,
 * keeps its own books, shows a pay page, sends the browser and the webhook the same signed result, and queues refunds.
 *
 *   POST /_payment                                    the form; answers with the address of the hosted page
 *   GET, POST /_payment/page/{key}                    the page; action is pay, fail or expire
 *   POST /merchant/postservice, /merchant/postservice.php   the commands
 *   POST /bank/{request_id}                           action is succeed or refuse: ends a refund that waits for it
 *
 * Operations for scenarios: payment, page, pay, fail, expire, bank, verify_payment, cancel_refund_transaction,
 * check_action_status.
 */
const ACTIONS = ['pay', 'fail', 'expire'] as const;

type Action = (typeof ACTIONS)[number];

const PAGE = /^\/_payment\/page\/(\w+)$/;
const BANK = /^\/bank\/(\d+)$/;
const FORM = '/_payment';
const SERVICE = /^\/merchant\/postservice(\.php)?$/;

export function simulatePayu(world: SimulatorWorld): Simulator {
  const ledger = openLedger(world);
  return {
    name: 'payu',
    identify: (request) => identify(ledger, request),
    perform: (request, { account }, fault) => {
      if (PAGE.test(request.path)) return performPage(ledger, world, request, fault);
      if (BANK.test(request.path)) return performBank(ledger, world, request, fault);
      if (request.path === FORM) return performForm(ledger, world, request, account);
      if (SERVICE.test(request.path)) return performCommand(ledger, account, request, fault, world.send);
      return page(404, 'Not Found', '<h1>404 Not Found</h1>');
    },
    refusal,
    putAccount: ledger.putAccount,
    resetAccount: (id) => ledger.reset(id),
    book: (account, limit) => ({
      payments: ledger
        .payments(account)
        .slice(-limit)
        .toReversed()
        .map((payment) => bookEntry(ledger, payment)),
    }),
  };
}

function identify(ledger: Ledger, request: SimulatorRequest): Identified {
  const key = PAGE.exec(request.path)?.[1];
  if (key !== undefined) {
    const action = request.method === 'POST' ? (actionOf(request, ACTIONS) ?? 'page') : 'page';
    return { account: ledger.byPage(key)?.account ?? null, operation: action };
  }
  const requestId = BANK.exec(request.path)?.[1];
  if (requestId !== undefined) return { account: ledger.byRequest(requestId)?.account ?? null, operation: 'bank' };
  const posted = readPosted(request.body);
  const command = COMMANDS.find((one) => one === posted.get('command')) ?? 'unknown';
  const operation = request.path === FORM ? 'payment' : command;
  return { account: ledger.accountByKey(posted.get('key') ?? ''), operation };
}

function performForm(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  account: string | null,
): SimulatorAnswer {
  if (request.method !== 'POST') return wrongMethod();
  if (account !== null) ledger.countCall(account);
  const made = checkOut(ledger, account, request.body);
  return isPayment(made) ? redirect(302, `${world.baseUrl}/_payment/page/${made.key}`) : made;
}

function performPage(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  fault: Fault | null,
): SimulatorAnswer {
  const payment = ledger.byPage(PAGE.exec(request.path)?.[1] ?? '');
  if (!payment) return page(404, 'Not Found', '<h1>There is no such payment page</h1>');
  if (request.method === 'GET') return payPage(payment, isOpen(ledger, payment));
  if (request.method !== 'POST') return wrongMethod();
  const action = actionOf(request, ACTIONS);
  if (action === null) return json(400, { error: 'action is pay, fail or expire' });
  ledger.countCall(payment.account);
  const after = isOpen(ledger, payment) ? act(ledger, world, payment, action, fault) : null;
  const stage = ledger.stage(after ?? payment);
  const fields = resultOf(ledger, after ?? payment, stage);
  const target = stage.status === 'failure' ? payment.furl : payment.surl;
  if (isBrowser(request)) return after ? returnPage(target, fields) : payPage(payment, false);
  const said = { status: stage.status, txnid: payment.txnid, mihpayid: payment.id };
  // What a browser would post now, for programs that play one.
  const form = { action: target, fields: Object.fromEntries(fields) };
  return after ? json(200, { ...said, outcome: stage.unmapped, form }) : json(409, said);
}

/** Open until something happened to it, or to another posting of the same txnid that succeeded. */
function isOpen(ledger: Ledger, payment: Payment): boolean {
  const others = ledger.byTxnid(payment.account, payment.txnid);
  const isPaid = others.some((one) => ledger.stage(one).status === 'success');
  return payment.stages.length === 1 && !isPaid;
}

function act(ledger: Ledger, world: SimulatorWorld, before: Payment, action: Action, fault: Fault | null): Payment {
  const news = whatHappens(ledger, before, action, fault);
  const after = {
    ...before,
    cents: before.cents + (action === 'pay' && fault?.fault === 'wrongAmount' ? 100 : 0),
    chargesCents: action === 'pay' && fault?.fault === 'additionalCharges' ? 998 : 0,
    stages: [...before.stages, ...news.map(({ stage }) => stage)],
  };
  ledger.save(after);
  resultHooks(ledger, after, news, fault).forEach((hook) => world.send(hook));
  return after;
}

const LATER_MS = 1_000;

/** What becomes of the payment, in time order. An expired page is one the buyer bounced off. */
function whatHappens(ledger: Ledger, payment: Payment, action: Action, fault: Fault | null): News[] {
  const news = (delayMs: number, status: Stage['status'], unmapped: string): News => ({
    stage: { at: later(ledger, payment.account, delayMs), status, unmapped },
    delayMs: fault?.fault === 'lateWebhook' ? (fault.ms ?? 2 * LATER_MS) : delayMs,
  });
  if (action !== 'pay') return [news(0, 'failure', action === 'fail' ? 'failed' : 'bounced')];
  const ms = fault?.ms ?? LATER_MS;
  const isLater = ledger.account(payment.account)?.captures === 'later';
  const success = (delayMs: number): News => news(delayMs, 'success', isLater ? 'auth' : 'captured');
  if (fault?.fault === 'pendingFirst') return [news(0, 'pending', 'in progress'), success(ms)];
  if (fault?.fault === 'droppedFirst') return [news(0, 'failure', 'dropped'), news(ms, 'failure', 'autoRefund')];
  return [success(0)];
}

/** The bank's word on a refund that waits for it. */
function performBank(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  fault: Fault | null,
): SimulatorAnswer {
  const requestId = BANK.exec(request.path)?.[1] ?? '';
  const payment = ledger.byRequest(requestId);
  const refund = payment?.refunds.find((one) => one.requestId === requestId);
  if (!payment || !refund) return page(404, 'Not Found', '<h1>There is no such request</h1>');
  if (request.method !== 'POST') return wrongMethod();
  const action = actionOf(request, ['succeed', 'refuse']);
  if (action === null) return json(400, { error: 'action is succeed or refuse' });
  ledger.countCall(payment.account);
  if (refund.dueAt !== null || refund.decided !== null) {
    return json(409, { status: ledger.refundState(payment, refund), error: 'it does not wait for the bank' });
  }
  const decided = action === 'succeed' ? 'SUCCESS' : 'FAILURE';
  const refunds = payment.refunds.map((one) => (one === refund ? ({ ...one, decided } as const) : one));
  ledger.save({ ...payment, refunds });
  const status = action === 'succeed' ? 'success' : 'failure';
  refundHooks(ledger, payment, refund, { status, delayMs: 0, fault }).forEach((hook) => world.send(hook));
  return json(200, { status: decided, outcome: decided });
}

function bookEntry(ledger: Ledger, payment: Payment): unknown {
  const { status, unmapped } = ledger.stage(payment);
  return {
    account: payment.account,
    txnid: payment.txnid,
    mihpayid: payment.id,
    status,
    unmappedstatus: unmapped,
    amount: majorUnits(payment.cents),
    additionalCharges: majorUnits(payment.chargesCents),
    refunds: payment.refunds.map((refund) => ({
      requestId: refund.requestId,
      action: refund.action,
      token: refund.token,
      amount: majorUnits(refund.cents),
      status: ledger.refundState(payment, refund),
    })),
  };
}

function refusal(kind: 'rateLimited' | 'wrongMethod' | 'broken', fault: Fault): SimulatorAnswer {
  if (kind === 'wrongMethod') return wrongMethod();
  if (kind === 'broken') return page(fault.status ?? 500, 'Server Error', '<h1>Server Error</h1>');
  const headers = { 'retry-after': String(fault.retryAfterSeconds ?? 1) };
  return json(429, { status: 0, msg: 'Too many requests' }, headers);
}
