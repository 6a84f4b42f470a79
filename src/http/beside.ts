import { timingSafeEqual } from 'node:crypto';
import { Readable } from 'node:stream';

import { isAtLeast } from '../access.ts';
import type { App } from '../context.ts';
import { servicesOf } from '../resolvers/system-health.ts';
import type { RouteAnswer, RouteRequest } from '../routes.ts';
import { send, sendJson, sendRefusal, sendStream, type Visit } from './answer.ts';
import { BodyTooLarge, readBody } from './body.ts';
import { identifyAt, identityRequestOf } from './gate.ts';
import type { Origins } from './origins.ts';
import type { Strangers } from './strangers.ts';

export type RouteHandler = (request: RouteRequest) => Promise<RouteAnswer>;

/** What is served beside the graph by others; wired where the server is built. */
export interface RouteHandlers {
  readonly paymentWebhook: RouteHandler;
  readonly legacyFawaterkWebhook: RouteHandler;
  readonly providerWebhook: RouteHandler;
  readonly mailNotice: RouteHandler;
  readonly mailUnsubscribe: RouteHandler;
  readonly flightLink: RouteHandler;
  readonly payPage: RouteHandler;
  readonly payReturn: RouteHandler;
  readonly invoicePdf: RouteHandler;
  readonly invoiceArchive: RouteHandler;
  readonly moneyCsv: RouteHandler;
  readonly personExport: RouteHandler;
}

export interface BesideDeps {
  readonly app: App;
  readonly origins: Origins;
  readonly strangers: Strangers;
  readonly version: string;
  readonly handlers: RouteHandlers;
  /** The database answers and has every migration. */
  readonly isReady: () => Promise<boolean>;
}

/** Gateways' bodies are small (decisions.md, "Webhooks"). */
const BODY_BYTES_MAX = 64 * 1024;

interface Route {
  /** Name in the metrics: a closed set. */
  readonly name: string;
  readonly methods: readonly string[];
  readonly path: RegExp;
  readonly serve: (deps: BesideDeps, visit: Visit, params: Readonly<Record<string, string>>) => Promise<void>;
}

const READ = ['GET', 'HEAD'];
const SLUG = '[a-z0-9][a-z0-9-]{0,62}';

const ROUTES: readonly Route[] = [
  {
    name: 'root',
    methods: READ,
    path: /^\/$/,
    serve: async ({ version }, visit) => sendJson(visit, 200, { name: 'Portolan', version, status: 'running' }),
  },
  {
    name: 'health',
    methods: READ,
    path: /^\/health$/,
    serve: async ({ app }, visit) => sendJson(visit, 200, { status: 'healthy', services: await shownServices(app) }),
  },
  { name: 'ready', methods: READ, path: /^\/ready$/, serve: serveReady },
  { name: 'metrics', methods: READ, path: /^\/metrics$/, serve: serveMetrics },
  {
    name: 'jwks',
    methods: READ,
    path: /^\/\.well-known\/jwks\.json$/,
    serve: async ({ app }, visit) =>
      sendJson(visit, 200, await app.auth.jwks(), { 'cache-control': 'public, max-age=300' }),
  },
  { name: 'invoice', methods: READ, path: /^\/invoices\/(?<id>[0-9a-f-]{36})\.pdf$/, serve: handledBy('invoicePdf') },
  {
    name: 'invoice-archive',
    methods: ['GET'],
    path: /^\/invoices\/archive\/(?<month>\d{4}-\d{2})\.zip$/,
    serve: handledBy('invoiceArchive'),
  },
  { name: 'money-report', methods: ['GET'], path: /^\/reports\/money\.csv$/, serve: handledBy('moneyCsv') },
  { name: 'person-export', methods: ['GET'], path: /^\/people\/export\.json$/, serve: handledBy('personExport') },
  {
    name: 'webhook',
    methods: ['POST'],
    path: new RegExp(`^/webhooks/payments/(?<gateway>${SLUG})/(?<tenantSlug>${SLUG})$`),
    serve: handledBy('paymentWebhook'),
  },
  {
    name: 'webhook',
    methods: ['POST'],
    path: /^\/api\/payments\/fawaterk\/webhook$/,
    serve: handledBy('legacyFawaterkWebhook'),
  },
  {
    name: 'webhook',
    methods: ['POST'],
    path: new RegExp(`^/webhooks/providers/(?<provider>${SLUG})$`),
    serve: handledBy('providerWebhook'),
  },
  {
    name: 'webhook',
    methods: ['POST'],
    path: new RegExp(`^/webhooks/mail/(?<tenantSlug>${SLUG})$`),
    serve: handledBy('mailNotice'),
  },
  { name: 'webhook', methods: ['POST'], path: /^\/webhooks\/email\/ses$/, serve: handledBy('mailNotice') },
  { name: 'unsubscribe', methods: ['GET', 'POST'], path: /^\/mail\/unsubscribe$/, serve: handledBy('mailUnsubscribe') },
  { name: 'go', methods: ['GET'], path: /^\/go\/flight$/, serve: handledBy('flightLink') },
  { name: 'pay', methods: READ, path: /^\/pay\/(?<token>[\w.-]{1,1024})$/, serve: handledBy('payPage') },
  {
    name: 'pay-return',
    methods: ['GET', 'POST'],
    path: new RegExp(`^/pay/return/(?<gateway>${SLUG})/(?<tenantSlug>${SLUG})$`),
    serve: handledBy('payReturn'),
  },
];

/** Serves everything but the graph. */
export async function serveBeside(deps: BesideDeps, visit: Visit): Promise<void> {
  for (const route of ROUTES) {
    const match = route.path.exec(visit.path);
    if (!match) continue;
    visit.route = route.name;
    if (!route.methods.includes(visit.request.method ?? '')) {
      return sendRefusal(visit, 405, 'METHOD_NOT_ALLOWED', 'This address is not served by that method.', {
        allow: route.methods.join(', '),
      });
    }
    return route.serve(deps, visit, match.groups ?? {});
  }
  visit.route = 'none';
  sendRefusal(visit, 404, 'NOT_FOUND', 'There is nothing here.');
}

function handledBy(name: keyof RouteHandlers): Route['serve'] {
  return async (deps, visit, params) => {
    const { request } = visit;
    let body: Buffer;
    try {
      body = request.method === 'POST' ? await readBody(request, BODY_BYTES_MAX) : Buffer.alloc(0);
    } catch (error) {
      if (!(error instanceof BodyTooLarge)) throw error;
      return sendRefusal(visit, 413, 'BODY_TOO_LARGE', `A body may have at most ${BODY_BYTES_MAX} bytes.`, {
        connection: 'close',
      });
    }
    const answer = await deps.handlers[name]({
      method: request.method ?? 'GET',
      params,
      query: new URLSearchParams(request.url?.split('?', 2)[1] ?? ''),
      headers: Object.fromEntries(
        Object.entries(request.headers).map(([header, value]) => [
          header,
          Array.isArray(value) ? value.join(', ') : (value ?? ''),
        ]),
      ),
      body,
      sourceAddress: visit.address,
    });
    if (answer.body instanceof Readable) await sendStream(visit, answer.status, answer.headers, answer.body);
    else send(visit, answer.status, answer.headers, answer.body);
  };
}

/** Each integration as COM-13 names it. */
async function shownServices(app: App) {
  return Object.fromEntries(
    Object.entries(await servicesOf(app)).map(([name, service]) => [
      name,
      {
        status: service.status,
        responseTimeMs: service.lastResponseMs,
        circuit: service.circuit,
        rateLimitRemaining: service.rateLimitRemaining,
      },
    ]),
  );
}

async function serveReady(deps: BesideDeps, visit: Visit): Promise<void> {
  const ready = await deps.isReady().catch(() => false);
  if (ready) sendJson(visit, 200, { status: 'ready' });
  else
    sendRefusal(visit, 503, 'OVERLOADED', 'The database cannot be reached, or is not migrated.', {
      'retry-after': '2',
    });
}

// In production metrics are for operators: they tell how much business there is.
async function serveMetrics(deps: BesideDeps, visit: Visit): Promise<void> {
  const { app } = deps;
  if (app.config.environment === 'production' && !(await maySeeMetrics(deps, visit))) {
    return sendRefusal(visit, 401, 'UNAUTHENTICATED', "Metrics need the metrics token or an operator's access token.", {
      'www-authenticate': 'Bearer',
    });
  }
  send(visit, 200, { 'content-type': app.metrics.registry.contentType }, await app.metrics.text());
}

async function maySeeMetrics(deps: BesideDeps, visit: Visit): Promise<boolean> {
  const { app, origins } = deps;
  const given = /^bearer +(\S+)$/i.exec(visit.request.headers.authorization ?? '')?.[1];
  if (given === undefined) return false;
  if (app.config.metricsToken !== null && isSame(given, app.config.metricsToken)) return true;
  const request = identityRequestOf(visit.request.headers, origins);
  const identity = await identifyAt(deps, request, visit.address).catch(() => null);
  return identity !== null && isAtLeast(identity.actor, 'OPERATOR');
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}
