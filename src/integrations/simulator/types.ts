import type { Fault } from './scenario.ts';
import type { Store } from './store.ts';

/** A request as a simulated vendor sees it. */
export interface SimulatorRequest {
  readonly method: string;
  /** Below the integration's mount, such as /api/v2/getPaymentmethods. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SimulatorAnswer {
  readonly status: number;
  /** With `content-encoding: gzip` the server packs the body. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Who asks for what: decides which scenario applies. A null account is answered without faults. */
export interface Identified {
  readonly account: string | null;
  readonly operation: string;
}

/** A message the simulated vendor sends of its own accord. */
export interface OutgoingHook {
  readonly account: string;
  /** What it is about, so that books and reordering can tell: an invoice id. */
  readonly about: string;
  readonly hook: string;
  readonly url: string;
  readonly contentType: string;
  readonly body: string;
  readonly retryDelaysMs: readonly number[];
  /** Sent no earlier than this many milliseconds from now. */
  readonly delayMs: number;
  /** Kept back until the next hook about the same thing was sent: this is how order is lost. */
  readonly afterNext: boolean;
}

export interface SimulatorWorld {
  readonly store: Store;
  /** Where browsers reach this integration's pages, without a trailing slash. */
  readonly baseUrl: string;
  /** Real time; a scenario with a seed has its own. */
  now(): Date;
  /** The scenario's seed and start where the account has one, else null. */
  seedOf(account: string): { readonly seed: string; readonly startAt: string } | null;
  send(hook: OutgoingHook): void;
}

/**
 * One simulated vendor. `perform` is synchronous: what it decides depends on the calls in their order and on nothing
 * else, and the server can apply every fault of transport around it.
 */
export interface Simulator {
  readonly name: string;
  identify(request: SimulatorRequest): Identified;
  perform(request: SimulatorRequest, identified: Identified, fault: Fault | null): SimulatorAnswer;
  /** The vendor's own shape of a refusal that the transport is told to give. */
  refusal(kind: 'rateLimited' | 'wrongMethod' | 'broken', fault: Fault): SimulatorAnswer;
  /** @throws Error with a sentence for the caller of the control API. */
  putAccount(id: string, settings: unknown): void;
  /** Forgets what the account did, so that a scenario starts from nothing. The account itself stays. */
  resetAccount(id: string): void;
  /** Its own books, without secrets, newest first. */
  book(account: string | null, limit: number): unknown;
}

export type CreateSimulator = (world: SimulatorWorld) => Simulator;
