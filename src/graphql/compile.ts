import {
  isEnumType,
  isSpecifiedScalarType,
  Kind,
  typeFromAST,
  visit,
  BREAK,
  getNamedType,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { compileQuery, isCompiledQuery, type CompiledQuery } from 'graphql-jit';

import { Lru } from '../auth/lru.ts';
import type { PreparedDocument, PreparedOperation } from './documents.ts';

const COMPILED_MAX = 500;
const FIRST_COMPILED_RUN = 3;

/**
 * Queries as generated code, from a document's third run. Only documents the generator certainly treats as the standard executor does are
 * compiled (see `isCompilable`); all others are executed as ever. test/graph/compiled.test.ts holds the two against each other.
 */
export class CompiledOperations {
  readonly #schema: GraphQLSchema;
  readonly #compiled = new Lru<PreparedOperation, { query: CompiledQuery['query'] | null }>(COMPILED_MAX);

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** Counts a run. Null where the standard executor is to be used. */
  queryOf(prepared: PreparedDocument, operation: PreparedOperation): CompiledQuery['query'] | null {
    operation.runs += 1;
    if (operation.runs < FIRST_COMPILED_RUN || operation.kind !== 'query') return null;
    const known = this.#compiled.get(operation);
    if (known) return known.query;
    const query = this.#compile(prepared.document!, operation);
    this.#compiled.set(operation, { query });
    return query;
  }

  #compile(document: DocumentNode, operation: PreparedOperation): CompiledQuery['query'] | null {
    if (operation.introspects || operation.fields > FIELDS_MAX || !isCompilable(this.#schema, document, operation.node))
      return null;
    const compiled = compileQuery(this.#schema, document, operation.name ?? '', {
      disablingCapturingStackErrors: true,
    });
    return isCompiledQuery(compiled) ? compiled.query : null;
  }
}

/** Generated code grows with the fields; compiling more than these would hold up everybody else. */
const FIELDS_MAX = 400;

/**
 * False for whatever graphql-jit 0.8.9 gets wrong or makes dangerous:
 * - text in the document: it is pasted into the code, and a certain prefix makes the generator paste it without its quotation marks, so that
 *   a caller could run code of theirs. Text in variables never becomes code;
 * - variables inside of list and object literals (custom scalars do not see them);
 * - directives: a field reached twice under different conditions keeps the union of them;
 * - defaults of variables of our own scalars: they are pasted as JSON;
 * - variables named as what every object inherits, such as `constructor`: left out, they would have that value; and those with `__`;
 * - underscores in aliases: two fields' resolve information may get the same name; `__proto__` would be no property at all.
 */
export function isCompilable(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): boolean {
  let good = true;
  const refuse = () => {
    good = false;
    return BREAK;
  };
  visit(document, {
    StringValue: refuse,
    Directive: refuse,
    ListValue: (node) => (node.values.length > 0 ? refuse() : undefined),
    ObjectValue: (node) => (node.fields.length > 0 ? refuse() : undefined),
    Field: (node) => (node.alias?.value.includes('_') ? refuse() : undefined),
    Variable: ({ name }) => (name.value.startsWith('__') || name.value in Object.prototype ? refuse() : undefined),
  });
  return (
    good &&
    (operation.variableDefinitions ?? []).every((definition) => {
      if (!definition.defaultValue || definition.defaultValue.kind === Kind.NULL) return true;
      const type = typeFromAST(schema, definition.type);
      const named = type && getNamedType(type);
      return Boolean(named) && (isSpecifiedScalarType(named!) || isEnumType(named));
    })
  );
}
