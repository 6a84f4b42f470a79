import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

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

function usualHeaders(visit: Visit): Headers {
  return {
    'x-request-id': visit.requestId,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
}

/** Sends a whole answer; headers every answer has are added. */
export function send(visit: Visit, status: number, headers: Headers, body: string | Uint8Array): void {
  const { response } = visit;
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-length': typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength,
    ...usualHeaders(visit),
    ...headers,
  });
  response.end(visit.request.method === 'HEAD' ? undefined : body);
}

/** Whoever takes nothing for so long is cut off: an answer in the making holds a place that others wait for. */
const STREAM_IDLE_MS = 60_000;

/** Sends an answer as it is made. The stream is ended when the client goes away, and the connection when the stream fails. */
export async function sendStream(visit: Visit, status: number, headers: Headers, body: Readable): Promise<void> {
  const { response } = visit;
  if (response.headersSent || response.destroyed) return void body.destroy();
  response.writeHead(status, { ...usualHeaders(visit), ...headers });
  response.setTimeout(STREAM_IDLE_MS, () => response.destroy());
  // Whoever made the stream has said what became of it; the status is sent already.
  await pipeline(body, response).catch(() => response.destroy());
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
