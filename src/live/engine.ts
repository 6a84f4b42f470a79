import { GraphQLError } from 'graphql';

import type { App } from '../context.ts';
import type { Engine, Exchange } from '../graphql/engine.ts';
import { executionError, requestError, thrownError } from '../graphql/mask.ts';
import { createContext } from '../request.ts';
import type { Asker, GraphqlParams, LiveEngine, Prepared } from './contract.ts';

/**
 * The graph's engine as live operations use it: the same documents, limits, budgets and masks as every other entrance.
 * @param exchangeFor what the engine wants to know of a request; the method is POST.
 */
export function createLiveEngine(app: App, engine: Engine, exchangeFor: (asker: Asker) => Exchange): LiveEngine {
  return {
    schema: engine.schema,
    prepare: (params, asker) => prepare(engine, params, exchangeFor(asker)),
    async execute(params, asker) {
      return (await engine.run(params, exchangeFor(asker))).body;
    },
    openContext(identity) {
      const context = createContext(app, identity, app.newId());
      return { value: context, end: () => context.reads.end() };
    },
    mask(error) {
      const requestId = app.newId();
      const log = () => app.log.child({ requestId });
      // Errors of a subscription come from a resolver, as a GraphQLError around what it threw, or straight from the live layer.
      if (!(error instanceof GraphQLError)) return thrownError(error, log, requestId);
      return error.originalError || error.path ? executionError(error, log, requestId) : requestError(error);
    },
  };
}

async function prepare(engine: Engine, params: GraphqlParams, exchange: Exchange): Promise<Prepared> {
  const known = peek(engine, params);
  // Queries and mutations are charged when they run.
  if (known && known.kind !== 'subscription') return known;
  const admission = await engine.admit(params, exchange);
  if ('errors' in admission) return { errors: admission.errors };
  return { kind: admission.operation.kind, document: admission.prepared.document!, text: engine.persisted.textOf(params) };
}

function peek(engine: Engine, params: GraphqlParams): Extract<Prepared, { kind: unknown }> | null {
  let text: string;
  try {
    text = engine.persisted.textOf(params);
  } catch {
    return null;
  }
  const { document, operations, errors } = engine.documents.prepare(text);
  const named = params.operationName ? operations.find(({ name }) => name === params.operationName) : operations.length === 1 ? operations[0] : undefined;
  return document && named && errors.length === 0 ? { kind: named.kind, document, text } : null;
}
