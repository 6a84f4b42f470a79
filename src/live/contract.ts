import type { IncomingMessage } from 'node:http';

import type { DocumentNode, GraphQLError, GraphQLFormattedError, GraphQLSchema } from 'graphql';

import type { Identity, IdentityRequest } from '../auth.ts';
import type { Clock } from '../clock.ts';
import type { CursorKey } from '../cursor.ts';
import type { Journal } from '../journal.ts';
import type { Logger } from '../log.ts';

/** A GraphQL request as it came, whatever it came by. */
export interface GraphqlParams {
  readonly query?: string | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

/** An answer ready to be written as JSON: errors are masked. */
export interface GraphqlAnswer {
  readonly data?: unknown;
  readonly errors?: readonly (GraphQLFormattedError | GraphQLError)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** An operation that passed parsing, limits and validation and was charged for; or why it did not. */
export type Prepared = { readonly errors: readonly (GraphQLFormattedError | GraphQLError)[] } | PreparedOperation;

export interface PreparedOperation {
  readonly kind: 'query' | 'mutation' | 'subscription';
  /** The document as it was sent or persisted. */
  readonly text: string;
  readonly document: DocumentNode;
}

/** Who asks, what they were found by (it is looked at again when something changes), and from where. */
export interface Asker {
  readonly identity: Identity;
  readonly request: IdentityRequest;
  readonly address: string;
}

/** What the graph's engine does for live operations: the same checks as for any other request. */
export interface LiveEngine {
  readonly schema: GraphQLSchema;
  /** Parses, holds against limits, validates. A subscription is charged here; a query or mutation is charged by `execute`. */
  prepare(params: GraphqlParams, asker: Asker): Promise<Prepared>;
  /** A query or mutation from beginning to end. */
  execute(params: GraphqlParams, asker: Asker): Promise<GraphqlAnswer>;
  /** A fresh context for one piece of work; `end` gives back what it holds. */
  openContext(identity: Identity): { readonly value: unknown; end(): void };
  /** What of an error may be shown, with `extensions.code`. */
  mask(error: unknown): GraphQLFormattedError;
}

export type TransportName = 'websocket' | 'event-stream';

export interface LiveMetrics {
  connectionsOpen(change: 1 | -1, transport: TransportName): void;
  subscriptionsOpen(change: 1 | -1, transport: TransportName): void;
  messagesSent(count: number): void;
  /** One execution serves a whole group of equal subscriptions. */
  eventsExecuted(count: number): void;
  slowConsumersCut(): void;
}

/** Bounds of one process; each is what makes somebody's misuse their own cost. */
export interface LiveLimits {
  readonly connectionsMax: number;
  readonly subscriptionsPerConnectionMax: number;
  /** Of one session or key. */
  readonly subscriptionsPerIdentityMax: number;
  readonly subscriptionsPerTenantMax: number;
  readonly messageBytesMax: number;
  /** What may wait to be sent to one connection before it is cut off as too slow. */
  readonly bufferBytesMax: number;
  /** The same for all connections together. */
  readonly allBuffersBytesMax: number;
  readonly initTimeoutMs: number;
  readonly keepAliveMs: number;
  /** How long a closing connection may take before it is broken. */
  readonly closeTimeoutMs: number;
}

export const LIVE_LIMITS: LiveLimits = {
  connectionsMax: 20_000,
  subscriptionsPerConnectionMax: 50,
  subscriptionsPerIdentityMax: 10_000,
  subscriptionsPerTenantMax: 20_000,
  messageBytesMax: 256 * 1024,
  bufferBytesMax: 512 * 1024,
  allBuffersBytesMax: 256 * 1024 * 1024,
  initTimeoutMs: 3_000,
  keepAliveMs: 12_000,
  closeTimeoutMs: 5_000,
};

export interface LiveDeps {
  readonly engine: LiveEngine;
  readonly journal: Journal;
  readonly cursorKey: CursorKey;
  readonly clock: Clock;
  readonly log: Logger;
  /** Asked once, when somebody comes: what their address may try is bounded. */
  readonly arrive: (request: IdentityRequest, address: string) => Promise<Identity>;
  /** Auth.identify: asked again whenever something about the asker changed. */
  readonly identify: (request: IdentityRequest) => Promise<Identity>;
  /** Who is at the other end of a connection. */
  readonly addressOf: (request: IncomingMessage) => string;
  /** Our own pages may ask like programs do. */
  readonly isOwnOrigin: (origin: string) => boolean;
  readonly metrics: LiveMetrics;
  readonly limits?: Partial<LiveLimits>;
}

/** Why a connection is ended by us. */
export type EndingCode =
  | 'TOKEN_EXPIRED'
  | 'UNAUTHENTICATED'
  | 'KEY_REVOKED'
  | 'TENANT_INACTIVE'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'RATE_LIMITED'
  | 'OVERLOADED'
  | 'INTERNAL'
  | 'SLOW_CONSUMER'
  | 'GOING_AWAY';

export interface Ending {
  readonly code: EndingCode;
  /**
   * Up to here every subscription of the connection has had everything; null where it had none. A client that holds a later cursor from
   * an event of its own goes on from that one.
   */
  readonly cursor: string | null;
}

/** How a connection's bytes go out. */
export interface Transport {
  readonly name: TransportName;
  /** What waits to be sent. */
  bufferedBytes(): number;
  /** What the peer's machine has taken so far; it tells a slow reader from a dead one. */
  bytesWritten(): number;
  /** Resolves when little waits to be sent, or the connection is gone. */
  drained(): Promise<void>;
  /** Says why, as the last thing, and closes; breaks the connection when that takes too long. */
  end(ending: Ending): void;
}

/** Where the results of one subscription go. */
export interface Sink {
  /** @param payload an execution result as JSON in UTF-8, shared by all who get the same. */
  next(payload: Buffer): void;
  /** The subscription can't go on; the connection can. The error's extensions hold code and cursor. */
  fail(error: GraphQLFormattedError): void;
}
