import { execute, getVariableValues, GraphQLError, type ExecutionResult, type GraphQLSchema } from 'graphql';

import type { Context } from '../context.ts';
import { CompiledOperations } from './compile.ts';
import type { PreparedDocument, PreparedOperation } from './documents.ts';

const VARIABLE_ERRORS_MAX = 5;

/** Runs prepared operations, compiled where that is safe and worth it. Both ways give the same answers. */
export class Executor {
  readonly #schema: GraphQLSchema;
  readonly #compiled: CompiledOperations | null;

  constructor(schema: GraphQLSchema, compiledExecution: boolean) {
    this.#schema = schema;
    this.#compiled = compiledExecution ? new CompiledOperations(schema) : null;
  }

  run(
    prepared: PreparedDocument,
    operation: PreparedOperation,
    variables: Readonly<Record<string, unknown>>,
    ctx: Context,
  ): ExecutionResult | Promise<ExecutionResult> {
    const query = this.#compiled?.queryOf(prepared, operation);
    return query
      ? this.#runCompiled(query, operation, variables, ctx)
      : this.#runStandard(prepared, operation, variables, ctx);
  }

  #runStandard(
    prepared: PreparedDocument,
    operation: PreparedOperation,
    variables: Readonly<Record<string, unknown>>,
    ctx: Context,
  ): ExecutionResult | Promise<ExecutionResult> {
    return execute({
      schema: this.#schema,
      document: prepared.document!,
      operationName: operation.name,
      variableValues: variables,
      contextValue: ctx,
      hideSuggestions: true,
    });
  }

  // Variables are first read as the standard executor reads them, so that a bad one gets the same answer whichever way is taken.
  #runCompiled(
    query: CompiledQuery,
    operation: PreparedOperation,
    variables: Readonly<Record<string, unknown>>,
    ctx: Context,
  ): ExecutionResult | Promise<ExecutionResult> {
    const definitions = operation.node.variableDefinitions ?? [];
    if (definitions.length > 0) {
      const read = getVariableValues(this.#schema, definitions, variables, {
        maxErrors: VARIABLE_ERRORS_MAX,
        hideSuggestions: true,
      });
      if (read.errors) return { errors: read.errors };
    }
    return query(undefined, ctx, variables);
  }
}

type CompiledQuery = NonNullable<ReturnType<CompiledOperations['queryOf']>>;

/** True where a result never got as far as running a field. */
export function isRequestError(result: ExecutionResult): result is { errors: readonly GraphQLError[] } {
  return result.data === undefined && (result.errors?.length ?? 0) > 0;
}
