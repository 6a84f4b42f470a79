import { z } from 'zod';
import { page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { json, wrongMethod } from '../simulator/answer.ts';
import { notFound } from './simulator-answers.ts';
import { performApi } from './simulator-api.ts';
import { AccountSettings, majorUnits, openLedger, type Invoice } from './simulator-model.ts';
import { TOKEN_PATH, clientOf, performToken } from './simulator-oauth.ts';
import {
  performRefundApi,
  performRefundPage,
  refundAction,
  refundBookEntry,
  refundOperation,
  type RefundWorld,
} from './simulator-refunds.ts';
import { actionOf, performPage } from './simulator-till.ts';
import { openVault } from './simulator-vault.ts';

/**
 * Fawaterk as a sandbox, written from payment-gateways.md section 1 and from nothing of ours: it checks keys
 * and bodies, keeps its own books, shows a pay page and a page for each refund request, and sends signed webhooks.
 *
 * Operations for scenarios: getPaymentmethods, invoiceInitPay, createInvoiceLink, getInvoiceData, pay, fail, expire,
 * page, oauthToken, refundTypes, refundReasons, refundCreate, refundDelete, refundList, refundDetails, approve, reject.
 */
export function simulateFawaterk(world: SimulatorWorld): Simulator {
  const ledger = openLedger(world);
  const at: RefundWorld = { ledger, vault: openVault(world, ledger), world };
  return {
    name: 'fawaterk',
    identify: (request) => identify(at, request),
    perform: (request, identified, fault) => perform(at, request, identified, fault),
    refusal: (kind, fault) => refusal(kind, fault),
    putAccount: (id, settings) => putAccount(at, id, settings),
    resetAccount: (id) => {
      at.vault.reset(id);
      ledger.reset(id);
    },
    book: (account, limit) => ({
      invoices: ledger.invoices(account).slice(-limit).reverse().map(bookEntry),
      refunds: at.vault
        .refunds(account)
        .slice(-limit)
        .reverse()
        .map((refund) => refundBookEntry(world, refund)),
    }),
  };
}

/** A client that changes loses its tokens, as it does there. */
function putAccount({ ledger, vault }: RefundWorld, id: string, settings: unknown): void {
  const parsed = AccountSettings.safeParse(settings);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  const account = parsed.data;
  const holder = ledger.accountByKey(account.apiKey);
  if (holder !== null && holder !== id) throw new Error('Another account has this API key.');
  if ((account.clientId === undefined) !== (account.clientSecret === undefined)) {
    throw new Error('A client has an id and a secret.');
  }
  const client = account.clientId === undefined ? null : vault.accountByClient(account.clientId);
  if (client !== null && client !== id) throw new Error('Another account has this client id.');
  const before = ledger.account(id);
  if (before?.clientId !== account.clientId || before?.clientSecret !== account.clientSecret) vault.revoke(id);
  ledger.putAccount(id, account);
}

function identify({ ledger, vault }: RefundWorld, request: SimulatorRequest): Identified {
  if (request.path === TOKEN_PATH) return { account: clientOf(vault, request), operation: 'oauthToken' };
  const [kind = '', name = '', third = ''] = request.path.split('/').filter(Boolean);
  if (kind === 'api') {
    const bearer = /^Bearer (.+)$/.exec(request.headers['authorization'] ?? '')?.[1] ?? '';
    return name === 'v3'
      ? { account: vault.holderOf(bearer, 'access'), operation: refundOperation(request.path) }
      : { account: ledger.accountByKey(bearer), operation: third };
  }
  const posted = request.method === 'POST';
  if (kind === 'refund') {
    const operation = posted ? (refundAction(request) ?? 'page') : 'page';
    return { account: vault.byPage(name)?.account ?? null, operation };
  }
  const invoice = kind === 'pay' ? ledger.byPage(name) : ledger.byCode(name);
  const action = posted ? (actionOf(request)?.action ?? 'page') : 'page';
  return { account: invoice?.account ?? null, operation: action };
}

function perform(
  at: RefundWorld,
  request: SimulatorRequest,
  identified: Identified,
  fault: Fault | null,
): SimulatorAnswer {
  const { ledger, vault, world } = at;
  if (request.path.startsWith('/api/v2/')) return performApi(ledger, world, request, identified, fault);
  if (request.path === TOKEN_PATH) return performToken(ledger, vault, request);
  if (request.path.startsWith('/api/v3/')) return performRefundApi(at, request, identified.account, fault);
  const refund = /^\/refund\/(\w+)$/.exec(request.path)?.[1];
  if (refund === undefined) return performPage(ledger, world, request, fault);
  const found = vault.byPage(refund);
  return found ? performRefundPage(at, found, request, fault) : notFound();
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
