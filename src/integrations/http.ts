import http from 'node:http';
import https from 'node:https';
import { gunzip } from 'node:zlib';
import type { OutboundCall, OutboundRequest, OutboundResponse, OutboundSend } from './contract.ts';

/**
 * The only place that opens a connection to an outside party. node:http with keep-alive agents instead of fetch:
 * it costs a third of the processor time per call and says exactly whether a connection was ever made.
 */

/** Why no usable answer came. */
export type OutboundFailureCode =
  | 'CONNECT_FAILED'
  | 'TIMED_OUT'
  | 'ABORTED'
  | 'CONNECTION_LOST'
  | 'ANSWER_TOO_LARGE'
  | 'RATE_LIMITED'
  | 'INVALID_REQUEST';

/**
 * A call without a usable answer. `reached` is the fact that matters: `no` means that the other side certainly did not
 * get the request, `maybe` means that it may have acted on it. The message holds no URL, header or body.
 */
export class OutboundFailure extends Error {
  readonly code: OutboundFailureCode;
  readonly reached: 'no' | 'maybe';
  readonly retryAt: Date | undefined;

  constructor(code: OutboundFailureCode, reached: 'no' | 'maybe', detail: string, retryAt?: Date) {
    super(`${code}: ${detail}`);
    this.name = 'OutboundFailure';
    this.code = code;
    this.reached = reached;
    this.retryAt = retryAt;
  }
}

export const ANSWER_BYTES_MAX = 1_048_576;

/** Free sockets are kept for less than the five seconds after which Node's own servers close theirs. */
const KEEP_ALIVE_MS = 4_000;
const SOCKETS_PER_HOST_MAX = 256;

let guard: (() => void) | null = null;

/**
 * Installs what is called before every request and may throw: the database layer refuses outside calls while a
 * transaction is open (architecture.md, invariants). Null removes it. The guard's error is passed on as it is,
 * because it is a defect
 * of ours and not an outcome of the call.
 */
export function setOutboundGuard(check: (() => void) | null): void {
  guard = check;
}

/** For the one way out that is no HTTP: mail by SMTP. */
export function refuseWhereGuarded(): void {
  guard?.();
}

export interface Outbound {
  readonly send: OutboundSend;
  /** Closes idle connections; a process that stops calls it after its work is drained. */
  close(): void;
}

export function createOutbound(): Outbound {
  const options = { keepAlive: true, maxSockets: SOCKETS_PER_HOST_MAX, maxFreeSockets: 64, timeout: KEEP_ALIVE_MS };
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) };
  return {
    send: async (request, call) => {
      guard?.();
      const url = parseUrl(request.url);
      return exchange(url, request, call, agents[url.protocol as 'http:' | 'https:']);
    },
    close: () => {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new OutboundFailure('INVALID_REQUEST', 'no', 'the address is no http or https URL');
  }
  return url;
}

/** Redirects are answers like any other: following one would send credentials to a host nobody configured. */
function exchange(
  url: URL,
  request: OutboundRequest,
  call: OutboundCall,
  agent: http.Agent,
): Promise<OutboundResponse> {
  return new Promise((resolve, reject) => {
    if (call.signal?.aborted) {
      reject(new OutboundFailure('ABORTED', 'no', 'cancelled before it was sent'));
      return;
    }
    let connected = false;
    let settled = false;
    const body = request.body === undefined ? undefined : Buffer.from(request.body, 'utf8');
    const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
      method: request.method,
      agent,
      headers: {
        'accept-encoding': 'identity',
        ...request.headers,
        ...(body && { 'content-length': String(body.byteLength) }),
      },
    });
    const finish = (act: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
      act();
    };
    const fail = (code: OutboundFailureCode, detail: string): void =>
      finish(() => {
        outgoing.destroy();
        reject(new OutboundFailure(code, connected ? 'maybe' : 'no', detail));
      });
    const onAbort = (): void => fail('ABORTED', 'cancelled while waiting for the answer');
    const timer = setTimeout(() => fail('TIMED_OUT', `no complete answer within ${call.timeoutMs} ms`), call.timeoutMs);
    call.signal?.addEventListener('abort', onAbort, { once: true });

    // Nothing leaves before the connection stands (and, for https, the certificate was accepted).
    outgoing.on('socket', (socket) => {
      const secure = url.protocol === 'https:';
      if (outgoing.reusedSocket || (!secure && !socket.connecting)) connected = true;
      else socket.once(secure ? 'secureConnect' : 'connect', () => (connected = true));
    });
    outgoing.on('error', (error) => fail(connected ? 'CONNECTION_LOST' : 'CONNECT_FAILED', errorCode(error)));
    outgoing.on('response', (incoming) => {
      collect(incoming, call.maxBytes ?? ANSWER_BYTES_MAX, fail, (text) =>
        finish(() => resolve({ status: incoming.statusCode ?? 0, headers: flatten(incoming.headers), body: text })),
      );
    });
    outgoing.end(body);
  });
}

function collect(
  incoming: http.IncomingMessage,
  bytesMax: number,
  fail: (code: OutboundFailureCode, detail: string) => void,
  done: (text: string) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) fail('ANSWER_TOO_LARGE', `more than ${bytesMax} bytes`);
    else chunks.push(chunk);
  });
  incoming.on('end', () => {
    const packed = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    // Some vendors demand gzip. An answer without a body may still be labelled with it.
    if (packed.byteLength === 0 || !/^(x-)?gzip$/i.test(incoming.headers['content-encoding'] ?? '')) {
      done(packed.toString('utf8'));
      return;
    }
    unpack(packed, bytesMax, fail, done);
  });
  incoming.on('error', (error) => fail('CONNECTION_LOST', errorCode(error)));
  incoming.on('aborted', () => fail('CONNECTION_LOST', 'the answer broke off'));
}

/** The bound holds for what comes out, too: a few kilobytes may claim to be gigabytes, and unpacking stops where they pass it. */
function unpack(
  packed: Buffer,
  bytesMax: number,
  fail: (code: OutboundFailureCode, detail: string) => void,
  done: (text: string) => void,
): void {
  gunzip(packed, { maxOutputLength: bytesMax }, (error, unpacked) => {
    if (error === null) done(unpacked.toString('utf8'));
    else if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE')
      fail('ANSWER_TOO_LARGE', `more than ${bytesMax} bytes unpacked`);
    else fail('CONNECTION_LOST', `an answer that can't be unpacked: ${errorCode(error)}`);
  });
}

/** The system's code only (ECONNRESET and its like): messages may name addresses. */
function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : 'no error code';
}

function flatten(headers: http.IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
