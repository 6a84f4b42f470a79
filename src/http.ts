import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Identity, IdentityRequest } from './auth.ts';
import type { App } from './context.ts';
import type { Engine, Exchange } from './graphql/engine.ts';
import { sendRefusal, type Visit } from './http/answer.ts';
import { serveBeside, type BesideDeps, type RouteHandlers } from './http/beside.ts';
import { chargeOf, identifyAt, limitOf } from './http/gate.ts';
import { GraphEntrance, type EventStreamHandler } from './http/graph.ts';
import { createOrigins, type Origins } from './http/origins.ts';
import { Strangers } from './http/strangers.ts';
import { Visits } from './http/visits.ts';
import type { Asker } from './live/contract.ts';

export interface HttpDeps {
  readonly app: App;
  readonly engine: Engine;
  readonly version: string;
  readonly handlers: RouteHandlers;
  readonly isReady: () => Promise<boolean>;
}

const CLOSE_GRACE_MS = 10_000;

// Whoever sends slowly is cut off: headers within 10 s, the whole request within 30 s. Answers may take longer.
const SERVER_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
  noDelay: true,
};

/** The HTTP server: the graph, and what stands beside it (graph.graphql, "HTTP beside the graph"). */
export class HttpServer {
  /** For WebSockets to be attached to. */
  readonly server: Server;
  readonly #app: App;
  readonly #strangers: Strangers;
  readonly #origins: Origins;
  readonly #entrance: GraphEntrance;
  readonly #beside: BesideDeps;
  readonly #visits: Visits;
  #port: number;
  #eventStream: EventStreamHandler | null = null;

  constructor(deps: HttpDeps) {
    const { app, engine } = deps;
    this.#app = app;
    this.#port = app.config.port;
    this.#strangers = new Strangers(app.clock);
    this.#origins = createOrigins(
      app.clock,
      (origin) => app.auth.mayPreflight(origin),
      () => this.#ownOrigins(),
    );
    const gate = { app, origins: this.#origins, strangers: this.#strangers };
    this.#entrance = new GraphEntrance({ ...gate, engine, eventStream: () => this.#eventStream });
    this.#beside = { ...deps, origins: this.#origins, strangers: this.#strangers };
    this.#visits = new Visits(app);
    this.server = createServer(SERVER_OPTIONS, (request, response) => void this.#serve(request, response));
  }

  /** Charges callers of WebSockets and event streams to the same budgets. */
  chargeOf({ identity, address }: Asker): Pick<Exchange, 'charge' | 'limit'> {
    return {
      charge: chargeOf(this.#app, this.#strangers, identity, address),
      limit: limitOf(identity.actor, identity.rateLimitPerMinute),
    };
  }

  /** Who comes in by a WebSocket: guessing is bounded as it is for requests. */
  identify(request: IdentityRequest, address: string): Promise<Identity> {
    return identifyAt({ app: this.#app, strangers: this.#strangers }, request, address);
  }

  /** True for pages of our own, such as GraphiQL. */
  isOwnOrigin(origin: string): boolean {
    return this.#origins.isOwn(origin);
  }

  /** Event streams are served from here on. */
  serveEventStreams(handler: EventStreamHandler): void {
    this.#eventStream = handler;
  }

  /** @returns the port, also where 0 was asked for. */
  async listen(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => resolve());
    });
    this.#port = (this.server.address() as AddressInfo).port;
    return this.#port;
  }

  /** Takes nothing new, lets what runs finish, then breaks what is left (OPS-5). */
  async close(graceMs = CLOSE_GRACE_MS): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => void this.server.close(() => resolve()));
    this.#visits.endConnections();
    this.server.closeIdleConnections();
    const impatient = setTimeout(() => this.server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(impatient);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = this.#visits.begin(request, response);
    const { tracing, log } = this.#app;
    try {
      if (tracing.enabled) {
        const attributes = { requestId: visit.requestId, method: request.method ?? '' };
        await tracing.span('request', attributes, () => this.#route(visit));
      } else {
        await this.#route(visit);
      }
    } catch (error) {
      if (response.destroyed) return;
      log.error({ requestId: visit.requestId, err: error }, 'A request failed');
      sendRefusal(visit, 500, 'INTERNAL', 'Something went wrong on our side.');
    }
  }

  #route(visit: Visit): Promise<void> {
    return visit.path === '/graphql' ? this.#entrance.handle(visit) : serveBeside(this.#beside, visit);
  }

  // Pages of ours may use any key. Outside of production the machine has several names for itself; Host is never believed.
  #ownOrigins(): string[] {
    const { config } = this.#app;
    const own = new URL(config.baseUrl).origin;
    if (config.environment === 'production') return [own];
    return [own, ...['localhost', '127.0.0.1', '[::1]'].map((name) => `http://${name}:${this.#port}`)];
  }
}

export function createHttpServer(deps: HttpDeps): HttpServer {
  return new HttpServer(deps);
}
