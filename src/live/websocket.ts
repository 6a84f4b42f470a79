import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

import { GraphQLError, type DocumentNode, type GraphQLFormattedError } from 'graphql';
import { CloseCode, handleProtocols, makeServer, type Context as SocketContext, type ServerOptions } from 'graphql-ws';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';

import type { IdentityRequest } from '../auth.ts';
import { AppError } from '../errors.ts';
import { Gate } from '../journal/gate.ts';
import { Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import type { EndingCode, GraphqlAnswer, GraphqlParams, LiveDeps, LiveLimits } from './contract.ts';
import { Refusal } from './execution.ts';
import type { Hub } from './hub.ts';
import { SocketSubscription } from './socket-subscription.ts';
import { closeCodeOf, closeReason, SocketTransport } from './socket-transport.ts';

export interface LiveParts {
  readonly deps: LiveDeps;
  readonly limits: LiveLimits;
  readonly hub: Hub;
  readonly connections: Connections;
}

/** What belongs to one socket. `connection` is there from connection_init on. */
interface Extra {
  readonly request: IncomingMessage;
  readonly transport: SocketTransport;
  connection: Connection | null;
  /** Operations under way, also those not yet prepared: a flood of them costs its sender an error each. */
  operations: number;
}

type Init = Record<string, unknown>;
type Socket = SocketContext<Init, Extra>;
const OPERATION_ID_LENGTH_MAX = 128;
const ARRIVALS_AT_ONCE_MAX = 6;

/** What became of an operation, for graphql-ws to send or to hold. */
interface Work {
  readonly parsed: { readonly document: DocumentNode; readonly operationName: string | null };
  readonly subscription: SocketSubscription | null;
  readonly answer: GraphqlAnswer | null;
}

/**
 * graphql-ws speaks the protocol; we say who may, what is executed, and write the events of subscriptions straight to the socket, because
 * their text is made once for all who get the same.
 */
export class WebSockets {
  readonly #parts: LiveParts;
  readonly #sockets = new Set<WebSocket>();
  readonly #server: WebSocketServer;
  readonly #protocol: ReturnType<typeof makeServer<Init, Extra>>;
  // As with subscriptions: who comes back in a crowd waits, and is not refused.
  readonly #arrivals = new Gate(ARRIVALS_AT_ONCE_MAX);
  #refusing = false;

  constructor(parts: LiveParts) {
    this.#parts = parts;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Compression would be done per socket and cost what sharing saves.
      perMessageDeflate: false,
      maxPayload: parts.limits.messageBytesMax,
      handleProtocols: (protocols) => handleProtocols(protocols),
    });
    this.#protocol = makeServer<Init, Extra>(this.#options());
  }

  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      const path = (request.url ?? '').split('?')[0];
      if (path !== '/graphql') return refuseUpgrade(socket, '404 Not Found');
      if (this.#refusing || this.#sockets.size >= this.#parts.limits.connectionsMax)
        return refuseUpgrade(socket, '503 Service Unavailable');
      this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#opened(webSocket, request, socket));
    });
  }

  refuseNew(): void {
    this.#refusing = true;
  }

  /** Closes who is left (those without connection_init) and returns when all are gone. */
  async closed(): Promise<void> {
    const closing = [...this.#sockets].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    for (const socket of this.#sockets)
      socket.close(closeCodeOf('GOING_AWAY'), closeReason({ code: 'GOING_AWAY', cursor: null }));
    const impatient = setTimeout(() => {
      for (const socket of this.#sockets) socket.terminate();
    }, this.#parts.limits.closeTimeoutMs);
    await Promise.all(closing);
    clearTimeout(impatient);
  }

  #opened(socket: WebSocket, request: IncomingMessage, raw: Duplex): void {
    this.#sockets.add(socket);
    const { limits } = this.#parts;
    const transport = new SocketTransport(socket, raw, limits.closeTimeoutMs);
    const extra: Extra = { request, transport, connection: null, operations: 0 };
    let receive: ((text: string) => Promise<void>) | null = null;
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        send: (text) => {
          transport.send(text);
          // Answers to a flood of pings that nobody reads wait like events do.
          if (transport.bufferedBytes() <= limits.bufferBytesMax) return;
          if (extra.connection) extra.connection.cutOff();
          else socket.terminate();
        },
        close: (code, reason) => socket.close(code, reason),
        onMessage: (listener) => (receive = listener),
      },
      extra,
    );
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) return socket.close(CloseCode.BadRequest, 'Only text is understood');
      receive?.(String(data)).catch((error: unknown) => {
        this.#parts.deps.log.error({ reason: (error as Error).message }, 'A message of a WebSocket failed');
        socket.close(CloseCode.InternalServerError, 'Internal server error');
      });
    });
    const keepAlive = watchOverLife(socket, limits.keepAliveMs);
    socket.on('error', () => socket.terminate());
    socket.once('close', (code: number, reason: Buffer) => {
      clearInterval(keepAlive);
      this.#sockets.delete(socket);
      if (extra.connection) this.#parts.connections.delete(extra.connection);
      closed(code, String(reason)).catch(() => undefined);
    });
  }

  #options(): ServerOptions<Init, Extra> {
    return {
      connectionInitWaitTimeout: this.#parts.limits.initTimeoutMs,
      onConnect: (socket) => this.#connect(socket),
      onSubscribe: async (socket, id, params) => {
        if (id.length > OPERATION_ID_LENGTH_MAX)
          return [new GraphQLError('The id of the operation is too long.', { extensions: { code: 'INVALID_INPUT' } })];
        try {
          const work = await this.#prepare(socket.extra, id, params);
          return { schema: this.#parts.deps.engine.schema, ...work.parsed, contextValue: work };
        } catch (error) {
          return (error instanceof Refusal ? error.errors : [this.#parts.deps.engine.mask(error)]).map(asGraphQLError);
        }
      },
      execute: (args) => (args.contextValue as Work).answer as never,
      subscribe: (args) => (args.contextValue as Work).subscription! as never,
      // Already masked and complete; graphql-ws would make it over.
      onNext: (_socket, _id, _params, _args, result) => result as never,
      onError: (_socket, _id, _params, errors) =>
        errors.map((error) => (error.cause instanceof Refusal ? error.cause.errors[0]! : error.toJSON())),
    };
  }

  async #connect({ extra, connectionParams }: Socket): Promise<boolean> {
    const { deps, limits, connections } = this.#parts;
    const request = identityRequest(extra.request, connectionParams ?? {}, deps.isOwnOrigin);
    const address = deps.addressOf(extra.request);
    try {
      const identity = await this.#arrivals.run(() => deps.arrive(request, address));
      if (extra.transport.isClosed) return false;
      extra.connection = new Connection(deps, limits, extra.transport, { identity, request, address });
      connections.add(extra.connection);
      return true;
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'INTERNAL';
      extra.transport.end({ code: code as EndingCode, cursor: null });
      return false;
    }
  }

  async #prepare(extra: Extra, id: string, sent: GraphqlParams): Promise<Work> {
    // Empty is as good as none. To graphql-ws it would be a name, which it looks for after the operation has run.
    const params = sent.operationName === '' ? { ...sent, operationName: null } : sent;
    const { deps, hub, limits } = this.#parts;
    const connection = extra.connection!;
    if (extra.operations >= limits.subscriptionsPerConnectionMax)
      throw new AppError('RATE_LIMITED', 'Too many operations are under way on this connection.');
    let counted = true;
    extra.operations += 1;
    const over = () => {
      if (counted) extra.operations -= 1;
      counted = false;
    };
    try {
      // A peer that was told to go may go on sending until it answers the close: nothing is done for it any more.
      await connection.cleared();
      if (!connection.mayReceive(deps.clock.now().getTime()))
        throw new AppError('UNAUTHENTICATED', 'The connection has ended.');
      const prepared = await deps.engine.prepare(params, connection.asker);
      if ('errors' in prepared) throw new Refusal(prepared.errors);
      const parsed = { document: prepared.document, operationName: params.operationName ?? null };
      if (prepared.kind !== 'subscription') {
        const answer = await deps.engine.execute(params, connection.asker);
        over();
        // What never got as far as running is an error of the operation, not a result.
        if (answer.data === undefined && answer.errors) throw new Refusal(answer.errors);
        return { parsed, subscription: null, answer };
      }
      const subscription = new SocketSubscription(extra.transport, id, over);
      subscription.begin(await hub.subscribe(connection, prepared, params, subscription.sink));
      return { parsed, subscription, answer: null };
    } catch (error) {
      over();
      throw error;
    }
  }
}

function asGraphQLError(error: GraphQLFormattedError | GraphQLError): GraphQLError {
  if (error instanceof GraphQLError) return error;
  const shown = new GraphQLError(error.message, { ...(error.extensions && { extensions: error.extensions }) });
  // Places and path as they were shown, without the document they were found in.
  shown.toJSON = () => error;
  return shown;
}

/** connection_init first, then the headers of the upgrade, for clients that can set them. Nothing is ever read from a cookie. */
function identityRequest(
  { headers }: IncomingMessage,
  init: Init,
  isOwnOrigin: (origin: string) => boolean,
): IdentityRequest {
  const given = new Map(Object.entries(init).map(([name, value]) => [name.toLowerCase(), value]));
  const find = (...names: string[]): string | null => {
    const value = names
      .map((name) => given.get(name) ?? headers[name])
      .find((found) => typeof found === 'string' && found !== '');
    return (value as string | undefined) ?? null;
  };
  const origin = headers.origin ?? null;
  return {
    apiKey: find('apikey', 'x-api-key'),
    authorization: find('authorization'),
    origin: origin !== null && isOwnOrigin(origin) ? null : origin,
    tenantSlug: find('x-tenant', 'tenant'),
  };
}

// A peer that answers no ping is gone, whatever TCP still believes; one that reads nothing can't answer either.
function watchOverLife(socket: WebSocket, everyMs: number): NodeJS.Timeout {
  let answered = true;
  socket.on('pong', () => (answered = true));
  return setInterval(() => {
    if (!answered) return socket.terminate();
    answered = false;
    socket.ping();
  }, everyMs);
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
