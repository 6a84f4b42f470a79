import { GraphQLError } from 'graphql';

import type { OperationParams } from './persisted.ts';

/** Reads the body of a POST as GraphQL over HTTP has it: one operation. @throws GraphQLError INVALID_INPUT */
export function readParams(body: unknown): OperationParams {
  if (!isObject(body)) throw invalid('The body must be a JSON object with a query.');
  const { query, operationName, variables, extensions } = body;
  if (!isAbsent(query) && typeof query !== 'string') throw invalid('query must be text.');
  if (!isAbsent(operationName) && typeof operationName !== 'string') throw invalid('operationName must be text.');
  if (!isAbsent(variables) && !isObject(variables)) throw invalid('variables must be an object.');
  if (!isAbsent(extensions) && !isObject(extensions)) throw invalid('extensions must be an object.');
  // Empty is as good as none.
  return { query, operationName: operationName === '' ? null : operationName, variables, extensions };
}

/** Reads the query string of a GET. @throws GraphQLError INVALID_INPUT */
export function readQueryParams(search: URLSearchParams): OperationParams {
  const json = (name: string) => {
    const text = search.get(name);
    return text === null || text === '' ? null : parseJsonBody(Buffer.from(text));
  };
  return readParams({
    query: search.get('query'),
    operationName: search.get('operationName'),
    variables: json('variables'),
    extensions: json('extensions'),
  });
}

/** @throws GraphQLError INVALID_INPUT */
export function parseJsonBody(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw invalid('This is not valid JSON.');
  }
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'INVALID_INPUT' } });
}
