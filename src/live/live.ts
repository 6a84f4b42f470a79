import type { IncomingMessage, Server, ServerResponse } from 'node:http';

import { Connections } from './connections.ts';
import { LIVE_LIMITS, type Asker, type GraphqlParams, type LiveDeps } from './contract.ts';
import { serveEventStream } from './event-stream.ts';
import { Hub } from './hub.ts';
import { WebSockets } from './websocket.ts';

export interface Live {
  /** Serves WebSockets on /graphql of this server: the graphql-transport-ws protocol, connection_init `{ apiKey, authorization }`. */
  attach(server: Server): void;
  /** Answers a request that accepts text/event-stream ("distinct connections mode"); headers for CORS were set by the caller. */
  handleEventStream(
    request: IncomingMessage,
    response: ServerResponse,
    params: GraphqlParams,
    asker: Asker,
  ): Promise<void>;
  /** Ends all subscriptions, each told where to go on, and returns when all connections are closed (OPS-5). */
  close(): Promise<void>;
}

/** Live serving of one process: WebSocket and server-sent events over one shared execution (GQL-3, BEY-1, COM-12). */
export function createLive(deps: LiveDeps): Live {
  const limits = { ...LIVE_LIMITS, ...deps.limits };
  const hub = new Hub(deps);
  const connections = new Connections(deps, limits);
  const webSockets = new WebSockets({ deps, limits, hub, connections });
  const streams = new Set<Promise<void>>();
  return {
    attach: (server) => webSockets.attach(server),
    async handleEventStream(request, response, params, asker) {
      const stream = serveEventStream({ deps, limits, hub, connections }, request, response, params, asker);
      streams.add(stream);
      try {
        await stream;
      } finally {
        streams.delete(stream);
      }
    },
    async close() {
      webSockets.refuseNew();
      connections.endAll();
      await Promise.all([webSockets.closed(), ...streams]);
    },
  };
}
