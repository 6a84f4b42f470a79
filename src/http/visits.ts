import type { IncomingMessage, ServerResponse } from 'node:http';

import type { App } from '../context.ts';
import type { Logger } from '../log.ts';
import type { Visit } from './answer.ts';
import { sourceAddressOf } from './source.ts';

const REQUEST_ID = /^[\w-]{8,64}$/;
const OPERATION_CHARACTERS_MAX = 80;

/** The requests under way: each has an id, and one line in the log when it is over (OPS-3). */
export class Visits {
  readonly #app: App;
  // A request's line has a fixed shape with nothing secret in it; looking it through for secrets would cost as much as the request.
  readonly #lines: Logger;
  readonly #open = new Set<ServerResponse>();
  // Unique, and cheaper than an id drawn at random for each.
  readonly #idPrefix: string;
  #count = 0;

  constructor(app: App) {
    this.#app = app;
    this.#lines = app.log.child({}, { redact: [] });
    this.#idPrefix = app.newId();
  }

  begin(request: IncomingMessage, response: ServerResponse): Visit {
    const given = request.headers['x-request-id'];
    const url = request.url ?? '/';
    const end = url.indexOf('?');
    const visit: Visit = {
      request,
      response,
      requestId: typeof given === 'string' && REQUEST_ID.test(given) ? given : this.#nextId(),
      path: end < 0 ? url : url.slice(0, end),
      address: sourceAddressOf(request, this.#app.config.trustedProxies),
      sinceMs: performance.now(),
      route: 'graphql',
      facts: {},
    };
    this.#open.add(response);
    response.on('close', () => {
      this.#open.delete(response);
      this.#report(visit);
    });
    return visit;
  }

  /** Connections of requests under way are not kept for others. */
  endConnections(): void {
    for (const response of this.#open) if (!response.headersSent) response.setHeader('connection', 'close');
  }

  #nextId(): string {
    this.#count += 1;
    return `${this.#idPrefix}-${this.#count.toString(36)}`;
  }

  // Who, what, how long; never a body, a query string or a header.
  #report({ route, facts, response, requestId, sinceMs }: Visit): void {
    const status = response.writableFinished ? response.statusCode : 499;
    this.#app.metrics.httpRequests.inc({ route, status: `${Math.floor(status / 100)}xx` });
    const ms = Math.round((performance.now() - sinceMs) * 10) / 10;
    const operation = facts.operation && { operation: facts.operation.slice(0, OPERATION_CHARACTERS_MAX) };
    this.#lines.info({ requestId, route, status, ms, ...facts, ...operation }, 'request');
  }
}
