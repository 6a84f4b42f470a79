import type { IncomingMessage, ServerResponse } from 'node:http';

import { refusal, type WireCode } from '../graphql/mask.ts';

/** A request on its way: what every handler needs, and what is logged when it is over. */
export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** Path without query, as it came. */
  readonly path: string;
  /** Who is at the other end (source.ts); empty where it is not known. */
  readonly address: string;
  readonly sinceMs: number;
  /** From a closed set, for metrics. */
  route: string;
  /** For the log line. */
  readonly facts: { tenantId?: string; operation?: string | null; code?: string };
}

export type Headers = Readonly<Record<string, string>>;

/** Sends a whole answer; headers every answer has are added. */
export function send(visit: Visit, status: number, headers: Headers, body: string | Uint8Array): void {
  const { response } = visit;
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-length': typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength,
    'x-request-id': visit.requestId,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(visit.request.method === 'HEAD' ? undefined : body);
}

export function sendJson(visit: Visit, status: number, value: unknown, headers: Headers = {}): void {
  send(visit, status, { 'content-type': 'application/json; charset=utf-8', ...headers }, JSON.stringify(value));
}

/** A refusal beside the graph: `{ error: { code, message } }`. */
export function sendRefusal(
  visit: Visit,
  status: number,
  code: WireCode,
  message: string,
  headers: Headers = {},
): void {
  visit.facts.code = code;
  sendJson(visit, status, { error: { code, message } }, headers);
}

/** A refusal of the graph as a whole: the shape GraphQL clients read. */
export function sendGraphRefusal(
  visit: Visit,
  status: number,
  code: WireCode,
  message: string,
  headers: Headers = {},
): void {
  visit.facts.code = code;
  sendJson(visit, status, { errors: [refusal(code, message)] }, headers);
}
