import { GraphQLError, type ExecutionResult } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';

import type { Config } from '../config.ts';
import type { Logger } from '../log.ts';
import { JSON_TYPE, resultTypeOf } from './accept.ts';
import type { Answer, Engine, Exchange } from './engine.ts';
import { LIMITS } from './limits.ts';
import type { WireCode } from './mask.ts';
import type { OperationParams } from './persisted.ts';

/** What the server hands to Yoga with a request, and what it finds there afterwards. */
export interface YogaContext {
  /** Null for GraphiQL, which is a page and runs nothing. */
  readonly exchange: Exchange | null;
  readonly answers: Answer[];
}

const DEFAULT_QUERY = `# Press Ctrl+Enter to run.
query Viewer {
  viewer {
    kind
    scopes
  }
}
`;

/**
 * GraphQL Yoga: everything of GraphQL over HTTP, with batches and GraphiQL. What an operation may do and what it answers is the engine's
 * business, the same for the thin entrance.
 */
export function createGraphYoga(engine: Engine, config: Config, log: Logger) {
  return createYoga<YogaContext>({
    schema: engine.schema,
    graphqlEndpoint: '/graphql',
    logging: false,
    cors: false,
    landingPage: false,
    multipart: false,
    batching: { limit: LIMITS.batch },
    // The server has read the body already, and bounded it.
    maxRequestBodySize: false,
    parserAndValidationCache: false,
    graphiql: {
      title: 'Portolan',
      defaultQuery: DEFAULT_QUERY,
      credentials: 'omit',
      subscriptionsProtocol: 'SSE',
      ...(config.graphiqlKey !== null && { headers: JSON.stringify({ 'X-API-Key': config.graphiqlKey }, null, 2) }),
    },
    // Nine megabytes that only a person with a browser needs; Yoga's own page would load them from another host.
    renderGraphiQL: async (options) => (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options),
    maskedErrors: { maskError: (error) => protocolError(error, log) },
    plugins: [entrance(engine)],
  });
}

function entrance(engine: Engine): Plugin<object, YogaContext> {
  return {
    onParams({ params, setParams, setParamsHandler }) {
      // One of a batch may be anything; Yoga refuses it afterwards.
      if (typeof params !== 'object' || params === null) return;
      // Yoga insists on a text; a persisted operation is known by its hash.
      if (params.extensions?.['persistedQuery'] && !params.query) setParams({ ...params, query: '' });
      setParamsHandler(async ({ params: read, request, context }) => {
        const { exchange, answers } = context;
        if (!exchange) throw new Error('An operation came in without its exchange.');
        const answer = await engine.run(read as OperationParams, exchange);
        answers.push(answer);
        const accepts = resultTypeOf(request.headers.get('accept') ?? undefined) ?? JSON_TYPE;
        return {
          ...answer.body,
          extensions: { ...answer.body.extensions, http: { status: httpStatus(answer, accepts) } },
        } as unknown as ExecutionResult;
      });
    },
  };
}

/** Clients of the older type of answer expect 200 where only their document was wrong. */
export function httpStatus(answer: Answer, accepts: string): number {
  return answer.lenient && accepts === JSON_TYPE ? 200 : answer.status;
}

const CODE_OF_STATUS: Readonly<Record<number, WireCode>> = {
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  413: 'QUERY_TOO_COSTLY',
  415: 'UNSUPPORTED_MEDIA_TYPE',
};

/** The code of a refusal that is Yoga's own. */
export function codeOfStatus(status: number): WireCode {
  return CODE_OF_STATUS[status] ?? (status >= 500 ? 'INTERNAL' : 'INVALID_INPUT');
}

// Yoga's own refusals (a malformed body, too large a batch) get codes of ours, and their status whatever the client accepts.
function protocolError(error: unknown, log: Logger): Error {
  const { status } =
    (error instanceof GraphQLError ? (error.extensions['http'] as { status?: number }) : undefined) ?? {};
  if (status !== undefined && status < 500) {
    const message =
      status === 400
        ? 'The request is malformed: send { query, variables, operationName, extensions }.'
        : (error as GraphQLError).message;
    return new GraphQLError(message, { extensions: { code: codeOfStatus(status), http: { status } } });
  }
  log.error({ err: error }, 'A request failed in the HTTP layer');
  return new GraphQLError('Something went wrong on our side.', {
    extensions: { code: 'INTERNAL', http: { status: 500 } },
  });
}
