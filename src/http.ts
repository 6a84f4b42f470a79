import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { App } from './context.ts';
import type { Engine, Exchange } from './graphql/engine.ts';
import { sendRefusal, type Visit } from './http/answer.ts';
import { serveBeside, type RouteHandlers } from './http/beside.ts';
import { chargeOf, limitOf } from './http/gate.ts';
import { createGraphEntrance, type EventStreamHandler } from './http/graph.ts';
import { createOrigins } from './http/origins.ts';
import { Strangers } from './http/strangers.ts';
import type { Asker } from './live/contract.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface HttpDeps {
  readonly app: App;
  readonly engine: Engine;
  readonly version: string;
  readonly handlers: RouteHandlers;
  readonly isReady: () => Promise<boolean>;
}

export interface HttpServer {
  /** For WebSockets to be attached to. */
  readonly server: Server;
  /** Charges callers of WebSockets and event streams to the same budgets. */
  chargeOf(asker: Asker): Pick<Exchange, 'charge' | 'limit'>;
  /** Our own pages, such as GraphiQL, are no foreign origin. */
  isOwnOrigin(origin: string): boolean;
  /** Event streams are served from here on. */
  serveEventStreams(handler: EventStreamHandler): void;
  /** @returns the port, also where 0 was asked for. */
  listen(port: number, host: string): Promise<number>;
  /** Takes nothing new, lets what runs finish, then breaks what is left (OPS-5). */
  close(graceMs?: number): Promise<void>;
}

const REQUEST_ID = /^[\w-]{8,64}$/;
const CLOSE_GRACE_MS = 10_000;

/** The HTTP server: the graph, and what stands beside it (graph.graphql, "HTTP beside the graph"). */
export function createHttpServer(deps: HttpDeps): HttpServer {
  const { app } = deps;
  let port = app.config.port;
  let eventStream: EventStreamHandler | null = null;
  const strangers = new Strangers(app.clock);
  const origins = createOrigins(app.clock, (origin) => app.auth.mayPreflight(origin), () => ownOrigins(app, port));
  const entrance = createGraphEntrance({
    app, origins, strangers,
    engine: deps.engine,
    eventStream: () => eventStream,
  });
  const open = new Set<ServerResponse>();
  const nextRequestId = requestIds(app);
  // A request's line has a fixed shape with nothing secret in it; looking it through for secrets would cost as much as the request.
  const lines = app.log.child({}, { redact: [] });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = visitOf(request, response, nextRequestId);
    open.add(response);
    response.on('close', () => {
      open.delete(response);
      report(app.metrics, lines, visit);
    });
    try {
      if (app.tracing.enabled) await app.tracing.span('request', { requestId: visit.requestId, method: request.method ?? '' }, () => route(visit));
      else await route(visit);
    } catch (error) {
      if (response.destroyed) return;
      app.log.error({ requestId: visit.requestId, err: error }, 'A request failed');
      sendRefusal(visit, 500, 'INTERNAL', 'Something went wrong on our side.');
    }
  }

  function route(visit: Visit): Promise<void> {
    return visit.path === '/graphql' ? entrance.handle(visit) : serveBeside({ ...deps, origins }, visit);
  }

  const server = createServer(
    // Whoever sends slowly is cut off: headers within 10 s, the whole request within 30 s. Answers may take longer.
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000, connectionsCheckingInterval: 5_000, maxHeaderSize: 16 * 1024, noDelay: true },
    (request, response) => void serve(request, response),
  );
  return {
    server,
    chargeOf: ({ identity, address }) => ({
      charge: chargeOf(app, strangers, identity, address),
      limit: limitOf(identity.actor, identity.rateLimitPerMinute),
    }),
    isOwnOrigin: (origin) => origins.isOwn(origin),
    serveEventStreams: (handler) => {
      eventStream = handler;
    },
    async listen(wanted, host) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(wanted, host, () => resolve());
      });
      port = (server.address() as AddressInfo).port;
      return port;
    },
    close: (graceMs = CLOSE_GRACE_MS) => drain(server, open, graceMs),
  };
}

// Pages of ours may use any key. Outside of production the machine has several names for itself; Host is never believed.
function ownOrigins(app: App, port: number): string[] {
  const own = new URL(app.config.baseUrl).origin;
  return app.config.environment === 'production' ? [own] : [own, ...['localhost', '127.0.0.1', '[::1]'].map((name) => `http://${name}:${port}`)];
}

/** Ids of this process' requests: unique, and cheaper than one drawn at random for each. */
function requestIds(app: App): () => string {
  const process = app.newId();
  let count = 0;
  return () => `${process}-${(count += 1).toString(36)}`;
}

function visitOf(request: IncomingMessage, response: ServerResponse, nextRequestId: () => string): Visit {
  const given = request.headers['x-request-id'];
  const url = request.url ?? '/';
  const end = url.indexOf('?');
  return {
    request,
    response,
    requestId: typeof given === 'string' && REQUEST_ID.test(given) ? given : nextRequestId(),
    path: end < 0 ? url : url.slice(0, end),
    sinceMs: performance.now(),
    route: 'graphql',
    facts: {},
  };
}

/** One line per request: who, what, how long; never a body, a query string or a header. */
function report(metrics: Metrics, lines: Logger, visit: Visit): void {
  const { route, facts, response, requestId } = visit;
  const status = response.writableFinished ? response.statusCode : 499;
  metrics.httpRequests.inc({ route, status: `${Math.floor(status / 100)}xx` });
  const ms = Math.round((performance.now() - visit.sinceMs) * 10) / 10;
  lines.info({ requestId, route, status, ms, ...facts, ...(facts.operation && { operation: facts.operation.slice(0, 80) }) }, 'request');
}

async function drain(server: Server, open: ReadonlySet<ServerResponse>, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const response of open) if (!response.headersSent) response.setHeader('connection', 'close');
  server.closeIdleConnections();
  const impatient = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(impatient);
}
