import { createHash } from 'node:crypto';

import { GraphQLError } from 'graphql';

import { Lru } from '../auth/lru.ts';

/** What a GraphQL request brings (GraphQL over HTTP). */
export interface OperationParams {
  readonly query?: string | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

const KEPT_MAX = 1_000;
const KEPT_CHARACTERS_MAX = 16 * 1024;

/**
 * Automatic persisted operations: a client sends a document's SHA-256 instead of its text. Each process learns by itself; one that does not
 * know a hash says so, and the client sends the text along once, which works with any number of processes.
 */
export class PersistedOperations {
  readonly #texts = new Lru<string, string>(KEPT_MAX);

  /** The text to run. @throws GraphQLError with PERSISTED_QUERY_NOT_FOUND or INVALID_INPUT */
  textOf(params: OperationParams): string {
    const hash = hashOf(params.extensions?.['persistedQuery']);
    const text = params.query;
    if (hash === null) {
      if (typeof text !== 'string' || text === '') throw invalid('The request has no query.');
      return text;
    }
    if (typeof text !== 'string' || text === '') {
      const known = this.#texts.get(hash);
      if (known === undefined)
        throw new GraphQLError('PersistedQueryNotFound', { extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } });
      return known;
    }
    if (createHash('sha256').update(text).digest('hex') !== hash)
      throw invalid('The hash of the persisted operation is not that of its text.');
    return text;
  }

  /** Keeps a text that turned out to be a good document. */
  keep(params: OperationParams, text: string): void {
    const persisted = params.extensions?.['persistedQuery'];
    if (persisted === undefined || params.query === undefined || text.length > KEPT_CHARACTERS_MAX) return;
    const hash = hashOf(persisted);
    if (hash !== null) this.#texts.set(hash, text);
  }
}

function hashOf(persisted: unknown): string | null {
  if (persisted === undefined || persisted === null) return null;
  const { version, sha256Hash } = persisted as { version?: unknown; sha256Hash?: unknown };
  if (version !== 1 || typeof sha256Hash !== 'string' || !/^[0-9a-f]{64}$/.test(sha256Hash))
    throw invalid('persistedQuery must be { version: 1, sha256Hash }.');
  return sha256Hash;
}

function invalid(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'INVALID_INPUT' } });
}
