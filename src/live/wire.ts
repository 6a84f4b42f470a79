import { GraphQLError } from 'graphql';

import type { Identity, IdentityRequest } from '../auth.ts';
import type { App } from '../context.ts';
import { AppError } from '../errors.ts';
import type { Engine } from '../graphql/engine.ts';
import { requestError } from '../graphql/mask.ts';
import { parseJsonBody, readParams } from '../graphql/params.ts';
import { sendGraphRefusal, type Visit } from '../http/answer.ts';
import { chargeOf, enter, limitOf, type Gate } from '../http/gate.ts';
import type { Asker, GraphqlParams, LiveLimits, LiveMetrics } from './contract.ts';
import { createLiveEngine } from './engine.ts';
import { createLive, type Live } from './live.ts';

/** Live serving on the app's own parts. */
export function wireLive(gate: Gate, engine: Engine, limits: Partial<LiveLimits> = {}): Live {
  const { app, origins, strangers } = gate;
  const exchangeFor = ({ identity, address }: Asker) => ({
    identity,
    requestId: app.newId(),
    method: 'POST',
    charge: chargeOf(app, strangers, identity, address),
    limit: limitOf(identity.actor, identity.rateLimitPerMinute),
    abandonment: { abandoned: false, onAbandon: null },
  });
  return createLive({
    engine: createLiveEngine(app, engine, exchangeFor),
    journal: app.journal,
    cursorKey: app.vault,
    clock: app.clock,
    log: app.log,
    identify: (request, address) => identify(gate, request, address),
    isOwnOrigin: (origin) => origins.isOwn(origin),
    metrics: metricsOf(app),
    limits,
  });
}

/** As over HTTP: an address that tries credentials out is soon refused. */
async function identify({ app, strangers }: Gate, request: IdentityRequest, address: string): Promise<Identity> {
  const credentials = `${request.apiKey ?? ''} ${request.authorization ?? ''}`;
  if (credentials !== ' ' && strangers.blockedUntil(address, credentials)) {
    throw new AppError('RATE_LIMITED', 'Too many wrong credentials from your address. Please wait a moment.');
  }
  try {
    const identity = await app.auth.identify(request);
    strangers.noteKnown(credentials);
    return identity;
  } catch (error) {
    if (error instanceof AppError && error.code === 'UNAUTHENTICATED') strangers.noteFailure(address);
    throw error;
  }
}

function metricsOf({ metrics }: App): LiveMetrics {
  return {
    connectionsOpen: (change, transport) => metrics.liveConnections.inc({ transport }, change),
    subscriptionsOpen: (change, transport) => metrics.subscriptions.inc({ transport }, change),
    messagesSent: (count) => metrics.subscriptionMessages.inc(count),
    eventsExecuted: (count) => metrics.subscriptionExecutions.inc(count),
    slowConsumersCut: () => metrics.slowConsumers.inc(),
  };
}

/** Answers a request of /graphql that accepts text/event-stream; `body` is null for GET. */
export function eventStreamHandler(gate: Gate, live: Live) {
  return async (visit: Visit, request: IdentityRequest, body: Buffer | null): Promise<void> => {
    const entered = await enter(gate, visit);
    if (!entered) return;
    const { headers, exchange } = entered;
    let params: GraphqlParams;
    try {
      params = body === null ? paramsOfUrl(visit.request.url ?? '') : readParams(parseJsonBody(body));
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      const refused = requestError(error);
      return sendGraphRefusal(visit, 400, refused.extensions.code, refused.message, headers);
    }
    for (const [name, value] of Object.entries({ 'x-request-id': visit.requestId, 'x-content-type-options': 'nosniff', ...headers })) {
      visit.response.setHeader(name, value);
    }
    const address = visit.request.socket.remoteAddress ?? '';
    await live.handleEventStream(visit.request, visit.response, params, { identity: exchange.identity, request, address });
  };
}

/** GraphQL over HTTP by GET: variables and extensions are JSON. @throws GraphQLError INVALID_INPUT */
function paramsOfUrl(url: string): GraphqlParams {
  const search = new URL(url, 'http://graph').searchParams;
  const json = (name: string) => (search.get(name) ? parseJsonBody(Buffer.from(search.get(name)!)) : undefined);
  return readParams({ query: search.get('query'), operationName: search.get('operationName'), variables: json('variables'), extensions: json('extensions') });
}
