import type { IncomingMessage, ServerResponse } from 'node:http';

import type { GraphQLFormattedError } from 'graphql';

import { Connection } from './connection.ts';
import type { Asker, Ending, GraphqlAnswer, GraphqlParams, Sink, Transport } from './contract.ts';
import { Refusal } from './execution.ts';
import type { LiveParts } from './websocket.ts';

const LITTLE_BYTES = 64 * 1024;
const NEXT = Buffer.from('event: next\ndata: ');
const END_OF_EVENT = Buffer.from('\n\n');
const ENDED: Readonly<Record<Ending['code'], string>> = {
  TOKEN_EXPIRED: 'The access token has expired. Resume with a new one from the cursor.',
  UNAUTHENTICATED: 'The session has ended. Please sign in again.',
  KEY_REVOKED: 'This API key was revoked.',
  TENANT_INACTIVE: 'This tenant is not active.',
  FORBIDDEN: 'You may not do this.',
  NOT_FOUND: 'This tenant does not exist.',
  RATE_LIMITED: 'Too many requests. Please wait a moment.',
  INTERNAL: 'Something went wrong on our side.',
  OVERLOADED: 'The service is busy. Resume from the cursor shortly.',
  SLOW_CONSUMER: 'Events were not read as fast as they came. Resume from the cursor.',
  GOING_AWAY: 'The server is being restarted. Resume from the cursor.',
};

/**
 * GraphQL over server-sent events, distinct connections mode: one operation per response, `next` events and a `complete`. Errors found
 * before execution are answered with 400 and JSON; what ends a subscription later is its last `next`, with code and cursor.
 * @returns when the response is over
 */
export async function serveEventStream(
  parts: LiveParts,
  request: IncomingMessage,
  response: ServerResponse,
  params: GraphqlParams,
  asker: Asker,
): Promise<void> {
  const { deps, limits, hub, connections } = parts;
  const prepared = await deps.engine.prepare(params, asker);
  if ('errors' in prepared) return refuse(response, prepared.errors as readonly GraphQLFormattedError[]);
  // Whatever changes something must not be reachable by a link.
  if (request.method === 'GET' && prepared.kind === 'mutation') {
    return refuse(
      response,
      [{ message: 'Mutations must be sent by POST.', extensions: { code: 'INVALID_INPUT' } }],
      405,
    );
  }
  if (connections.size >= limits.connectionsMax)
    return refuse(response, [{ message: 'Too many connections are open.', extensions: { code: 'OVERLOADED' } }], 503);
  const stream = new EventStream(response, limits.closeTimeoutMs);
  stream.open(limits.keepAliveMs);
  if (prepared.kind !== 'subscription') {
    stream.finish(await deps.engine.execute(params, asker));
    return stream.over;
  }
  const connection = new Connection(deps, limits, stream, asker);
  connections.add(connection);
  try {
    const member = await hub.subscribe(connection, prepared, params, stream);
    stream.onGone(() => member.stop());
    member.start();
  } catch (error) {
    stream.finish({ errors: error instanceof Refusal ? error.errors : [deps.engine.mask(error)] });
  }
  await stream.over;
  connections.delete(connection);
}

function refuse(response: ServerResponse, errors: readonly GraphQLFormattedError[], status = 400): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify({ errors }));
}

/** A response as a way out for one subscription's events. */
class EventStream implements Transport, Sink {
  readonly name = 'event-stream';
  /** Resolves when the response is over, however it ended. */
  readonly over: Promise<void>;
  readonly #response: ServerResponse;
  readonly #closeTimeoutMs: number;
  #keepAlive: NodeJS.Timeout | null = null;
  #gone = false;

  constructor(response: ServerResponse, closeTimeoutMs: number) {
    this.#response = response;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.over = new Promise((resolve) => {
      this.onGone(() => {
        this.#gone = true;
        if (this.#keepAlive) clearInterval(this.#keepAlive);
        resolve();
      });
    });
    response.on('error', () => undefined);
  }

  open(keepAliveMs: number): void {
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // nginx would hold events back until its buffer is full.
      'x-accel-buffering': 'no',
    });
    // So that the client knows at once that it is connected.
    this.#response.write(':\n\n');
    this.#keepAlive = setInterval(
      () => void (this.#response.writableLength === 0 && this.#response.write(':\n\n')),
      keepAliveMs,
    );
  }

  onGone(listener: () => void): void {
    if (this.#response.closed) listener();
    else this.#response.once('close', listener);
  }

  next(payload: Buffer): void {
    if (!this.#gone && !this.#response.writableEnded)
      this.#response.write(Buffer.concat([NEXT, payload, END_OF_EVENT]));
  }

  fail(error: GraphQLFormattedError): void {
    this.finish({ errors: [error] });
  }

  finish(answer: GraphqlAnswer): void {
    this.next(Buffer.from(JSON.stringify(answer)));
    if (this.#gone || this.#response.writableEnded) return;
    // graphql-sse wants a data line, if an empty one.
    this.#response.end('event: complete\ndata:\n\n');
    const impatient = setTimeout(() => this.#response.destroy(), this.#closeTimeoutMs);
    this.onGone(() => clearTimeout(impatient));
  }

  end({ code, cursor }: Ending): void {
    // The closed list of codes has no word for a slow reader or a restart: both mean to come back.
    const shown = code === 'SLOW_CONSUMER' || code === 'GOING_AWAY' ? 'OVERLOADED' : code;
    this.finish({
      errors: [{ message: ENDED[code], extensions: { code: shown, reason: code, ...(cursor !== null && { cursor }) } }],
    });
  }

  bufferedBytes(): number {
    return this.#response.writableLength;
  }

  bytesWritten(): number {
    return (this.#response.socket?.bytesWritten ?? 0) - this.#response.writableLength;
  }

  async drained(): Promise<void> {
    while (!this.#gone && this.#response.writableLength > LITTLE_BYTES) {
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#response.off('drain', done);
          this.#response.off('close', done);
          resolve();
        };
        this.#response.once('drain', done);
        this.#response.once('close', done);
      });
    }
  }
}
