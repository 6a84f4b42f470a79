import type { Readable } from 'node:stream';

import type { App } from './context.ts';
import type { InvoiceDocument } from './domain/invoice.ts';
import { isUuid } from './ids.ts';
import { logoContent } from './resolvers/logo.ts';
import { receiveMailNotice } from './mail-notices.ts';
import { receiveNotice } from './provider-notices.ts';
import { linkOfOffer } from './resolvers/flight-link.ts';
import { unsubscribe } from './resolvers/newsletter.ts';
import { receiveWebhook } from './webhooks.ts';

/** What a handler beside the graph is given: the body is bounded and read already. */
export interface RouteRequest {
  readonly method: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Who sent it, as our own edge saw it; empty where it is not known. */
  readonly sourceAddress: string;
}

export interface RouteAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is sent as it comes, and ended when nobody takes it any more. */
  readonly body: string | Uint8Array | Readable;
}

export function json(status: number, body: unknown): RouteAnswer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(body) };
}

export const NOT_FOUND = json(404, { error: { code: 'NOT_FOUND', message: 'There is nothing here.' } });

/** POST /webhooks/payments/{gateway}/{tenantSlug} */
export async function paymentWebhook(app: App, request: RouteRequest): Promise<RouteAnswer> {
  const { gateway = '', tenantSlug = '' } = request.params;
  const { headers, body, sourceAddress } = request;
  const answer = await receiveWebhook(app, gateway, tenantSlug, { headers, body, sourceAddress });
  return json(answer.status, answer.body);
}

/** POST /api/payments/fawaterk/webhook: the older path, bound to one tenant (decisions.md, "Webhooks"). */
export async function legacyFawaterkWebhook(app: App, request: RouteRequest): Promise<RouteAnswer> {
  const tenantSlug = app.config.legacyFawaterkTenant;
  if (tenantSlug === null) return NOT_FOUND;
  return paymentWebhook(app, { ...request, params: { gateway: 'fawaterk', tenantSlug } });
}

/**
 * POST /webhooks/providers/{provider} (PRV-17). Providers that sign nothing are told an address with a secret in its query.
 */
export async function providerWebhook(app: App, request: RouteRequest): Promise<RouteAnswer> {
  const { provider = '' } = request.params;
  const { headers, body, sourceAddress, query } = request;
  const answer = await receiveNotice(app, provider, { headers, body, sourceAddress, query: query.toString() });
  return json(answer.status, answer.body);
}

/** POST /webhooks/mail/{tenantSlug}, and /webhooks/email/ses for a topic that is named by no tenant: what became of mails. */
export async function mailNotice(app: App, { params, body }: RouteRequest): Promise<RouteAnswer> {
  const answer = await receiveMailNotice(app, params['tenantSlug'] ?? null, body);
  return json(answer.status, answer.body);
}

const UNSUBSCRIBED = 'You will get no more newsletters.';

/**
 * POST /mail/unsubscribe?token=: what a mail program posts when its reader wants no more (RFC 8058). GET only shows a button: programs
 * that look at links ahead must not unsubscribe anybody.
 */
export async function mailUnsubscribe(app: App, { method, query }: RouteRequest): Promise<RouteAnswer> {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'x-robots-tag': 'noindex',
  };
  if (method === 'GET')
    return { status: 200, headers, body: '<!doctype html><form method="post"><button>Unsubscribe</button></form>' };
  const left = await unsubscribe(app, query.get('token') ?? '');
  return left ? { status: 200, headers, body: `<!doctype html><p>${UNSUBSCRIBED}</p>` } : NOT_FOUND;
}

/**
 * GET /go/flight?offer=...: where somebody who clicked on an offer is sent on to. The vendor's link is fetched at this
 * moment and no earlier: fetching ahead is what such vendors forbid.
 */
export async function flightLink(app: App, request: RouteRequest): Promise<RouteAnswer> {
  const url = await linkOfOffer(app, {
    offerId: request.query.get('offer') ?? '',
    client: { address: request.sourceAddress || null, userAgent: request.headers['user-agent'] ?? null },
  });
  if (url === null)
    return {
      status: 410,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
      body: 'This offer is over. Please search again.',
    };
  return {
    status: 303,
    headers: {
      location: url,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex',
    },
    body: '',
  };
}

interface ReturnTicket {
  readonly tenantId: string;
  readonly paymentId: string;
  readonly returnUrl: string | null;
  readonly outcome: 'success' | 'failure' | 'pending';
}

const RETURN_WORDS = {
  success: 'Thank you. Your payment is being confirmed.',
  failure: 'The payment did not go through. You can try again.',
  pending: 'Your payment is waiting to be completed.',
};

/**
 * POST|GET /pay/return/{gateway}/{tenantSlug}: brings the customer back to the shop's own page. It proves nothing, whatever the browser
 * brings along: some gateways have it post a whole result, which is not even looked at.
 */
export async function payReturn(app: App, request: RouteRequest): Promise<RouteAnswer> {
  const ticket = app.vault.verify<ReturnTicket>('return', request.query.get('token') ?? '', app.clock.now());
  if (!ticket) return NOT_FOUND;
  if (ticket.returnUrl === null) {
    return {
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: RETURN_WORDS[ticket.outcome],
    };
  }
  const target = new URL(ticket.returnUrl);
  target.searchParams.set('payment', ticket.outcome);
  return { status: 303, headers: { location: target.href, 'cache-control': 'no-store' }, body: '' };
}

/** The page of an invoice document: typesetting/render.ts, wired where the server is built. */
export type RenderInvoice = (document: InvoiceDocument, logo: Uint8Array | null) => Uint8Array | Promise<Uint8Array>;

/** GET /invoices/{id}.pdf?token=... (COM-11). The token says which tenant's invoice may be read, and until when. */
export async function invoicePdf(app: App, render: RenderInvoice, request: RouteRequest): Promise<RouteAnswer> {
  const id = request.params['id'] ?? '';
  const ticket = app.vault.verify<{ tenantId: string; id: string }>(
    'invoice',
    request.query.get('token') ?? '',
    app.clock.now(),
  );
  if (!ticket || ticket.id !== id || !isUuid(ticket.tenantId)) return NOT_FOUND;
  const found = await app.db.read({ tenantId: ticket.tenantId, customerId: null }, async (tx) => {
    const invoice = await tx.maybeOne<{ number: string; document: InvoiceDocument }>(
      'select number, document from invoices where tenant_id = current_tenant() and id = $1',
      [id],
    );
    return invoice && { ...invoice, logo: await logoContent(tx, invoice.document.tenant.logo?.sha256) };
  });
  if (!found) return NOT_FOUND;
  return {
    status: 200,
    headers: {
      'content-type': 'application/pdf',
      'content-disposition': `inline; filename="${found.number}.pdf"`,
      'cache-control': 'private, no-store',
    },
    body: await render(found.document, found.logo),
  };
}
