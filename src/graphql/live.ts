import { GraphQLError, type GraphQLFormattedError } from 'graphql';

import type { Identity } from '../auth.ts';
import type { App } from '../context.ts';
import type { Asker, LiveEngine, LiveMetrics, Prepared } from '../live/contract.ts';
import type { Metrics } from '../metrics.ts';
import { createContext } from '../request.ts';
import type { Engine, Exchange } from './engine.ts';
import { executionError, thrownError } from './mask.ts';

/** What charges a caller of a long-lived connection; the HTTP entrance knows. */
export type ChargeOf = (asker: Asker) => Pick<Exchange, 'charge' | 'limit'>;

/** The engine as WebSockets and event streams use it: the same checks, the same budgets, the same masks. */
export function createLiveEngine(app: App, engine: Engine, chargeOf: ChargeOf): LiveEngine {
  const exchangeOf = (asker: Asker): Exchange => ({
    identity: asker.identity,
    requestId: app.newId(),
    method: 'POST',
    abandonment: { abandoned: false, onAbandon: null },
    client: { address: asker.address, userAgent: null },
    ...chargeOf(asker),
  });
  return {
    schema: engine.schema,
    async prepare(params, asker): Promise<Prepared> {
      const known = engine.kindOf(params);
      // A query or mutation is charged where it is executed, and only there.
      if (known && known.kind !== 'subscription') return known;
      const admission = await engine.admit(params, exchangeOf(asker));
      if ('errors' in admission) return { errors: admission.errors };
      return { kind: admission.operation.kind, text: admission.text, document: admission.prepared.document! };
    },
    execute: async (params, asker) => (await engine.run(params, exchangeOf(asker))).body,
    openContext(identity: Identity) {
      const ctx = createContext(app, identity, app.newId());
      return { value: ctx, end: () => ctx.reads.end() };
    },
    mask(error): GraphQLFormattedError {
      const requestId = app.newId();
      const log = () => app.log.child({ requestId });
      return error instanceof GraphQLError && error.path
        ? executionError(error, log, requestId)
        : thrownError(error, log, requestId);
    },
  };
}

/** The gauges of long-lived connections. */
export function createLiveMetrics(metrics: Metrics): LiveMetrics {
  const label = { websocket: 'websocket', 'event-stream': 'event_stream' } as const;
  return {
    connectionsOpen: (change, transport) => metrics.liveConnections.inc({ transport: label[transport] }, change),
    subscriptionsOpen: (change, transport) => metrics.subscriptions.inc({ transport: label[transport] }, change),
    messagesSent: (count) => metrics.subscriptionMessages.inc(count),
    eventsExecuted: (count) => metrics.subscriptionExecutions.inc(count),
    slowConsumersCut: () => metrics.slowConsumers.inc(),
  };
}
