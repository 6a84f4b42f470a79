import { createClient } from 'graphql-ws';
import { stringifyDocument, type TypedDocumentNode } from 'urql';

import { KEY, SOCKET } from '../environment.ts';
import { accessToken } from './session.ts';

/** One socket for everything that is watched. It is opened when it is needed; opening it again is our own business (see watch). */
const socket = createClient({
  url: SOCKET,
  connectionParams: async () => {
    const token = await accessToken();
    return { apiKey: KEY, ...(token !== null && { authorization: `Bearer ${token}` }) };
  },
  retryAttempts: 0,
  keepAlive: 15_000,
});
let connected = false;
const listeners = new Set<() => void>();
socket.on('connected', () => tell(true));
socket.on('closed', () => tell(false));

function tell(now: boolean): void {
  connected = now;
  for (const listener of listeners) listener();
}

/** Whether events can come now. */
export function isConnected(): boolean {
  return connected;
}

/** @returns what ends the watching */
export function watchConnection(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export interface Watching<Data, Variables> {
  readonly document: TypedDocumentNode<Data, Variables>;
  readonly variables: Omit<Variables, 'after'>;
  /** The cursor to go on from. */
  onEvent(data: Data): string;
  /** A cursor that stands for what is shown: asked at the beginning, and where the graph has forgotten ours. */
  begin(): Promise<string | null>;
}

const WAIT_MS_MIN = 250;
const WAIT_MS_MAX = 10_000;

/**
 * Watches until told to stop. A socket may go at any time: a train in a tunnel, a token that ends, a server that is replaced. Each
 * subscription says after which event it goes on, so whatever happened meanwhile is delivered when it is back, once and in order.
 */
export async function watch<Data, Variables>(watching: Watching<Data, Variables>, signal: AbortSignal): Promise<void> {
  let after = await watching.begin();
  let waitMs = WAIT_MS_MIN;
  while (!signal.aborted) {
    try {
      const events = socket.iterate<Data>({
        query: stringifyDocument(watching.document),
        variables: { ...watching.variables, after },
      });
      const stop = () => void events.return?.();
      signal.addEventListener('abort', stop, { once: true });
      for await (const { data } of events) {
        if (data) after = watching.onEvent(data);
        waitMs = WAIT_MS_MIN;
      }
    } catch (error) {
      if (isForgotten(error)) after = await watching.begin();
    }
    if (signal.aborted) break;
    await untilWorthTrying(waitMs, signal);
    waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
  }
}

/** Events are kept for a month; whoever comes later begins with what there is now. */
function isForgotten(error: unknown): boolean {
  const errors = Array.isArray(error) ? (error as { extensions?: { code?: string } }[]) : [];
  return errors.some(({ extensions }) => extensions?.code?.startsWith('CURSOR_') === true);
}

/** The time has passed, the network is back, or somebody looks at the page again. A little chance keeps a crowd from coming back at once. */
function untilWorthTrying(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const done = () => {
      over.abort();
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, waitMs * (0.5 + Math.random() / 2));
    signal.addEventListener('abort', done, { signal: over.signal });
    window.addEventListener('online', done, { signal: over.signal });
    document.addEventListener('visibilitychange', done, { signal: over.signal });
  });
}
