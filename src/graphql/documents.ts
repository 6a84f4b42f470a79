import {
  GraphQLError,
  Kind,
  MaxIntrospectionDepthRule,
  parse,
  specifiedRules,
  validate,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';

import { Lru } from '../auth/lru.ts';
import { invalidInput } from '../errors.ts';
import { planCost, pointsOf, POINTS_MAX, type CostNode } from './cost.ts';
import { checkLimits, countFields, fragmentsOf, LIMITS, rootFieldsOf } from './limits.ts';

export type OperationKind = 'query' | 'mutation' | 'subscription';

/** One operation of a document, with all that can be known before its variables are. */
export interface PreparedOperation {
  readonly node: OperationDefinitionNode;
  readonly kind: OperationKind;
  readonly name: string | null;
  readonly introspects: boolean;
  /** Root fields, as often as they are mentioned. */
  readonly rootFields: readonly string[];
  readonly cost: CostNode;
  /** Fields once all fragments are spread. */
  readonly fields: number;
  /** How often it was run; compiled execution begins with the third (decisions.md, "Speed without two truths"). */
  runs: number;
}

/** A document that was parsed, held against the limits and validated; or what is wrong with it. */
export interface PreparedDocument {
  readonly document: DocumentNode | null;
  /** Without suggestions: a misspelt name must not tell the names of others. */
  readonly errors: readonly GraphQLError[];
  readonly operations: readonly PreparedOperation[];
}

const DOCUMENTS_MAX = 500;
/** Longer ones are prepared each time, so that 500 of them are never more than a few megabytes. */
const KEPT_CHARACTERS_MAX = 16 * 1024;
const VALIDATION_ERRORS_MAX = 10;
const RULES = specifiedRules.includes(MaxIntrospectionDepthRule)
  ? specifiedRules
  : [...specifiedRules, MaxIntrospectionDepthRule];

/** The one place where documents become known: every entrance, also the live ones, asks here. */
export class Documents {
  readonly #schema: GraphQLSchema;
  readonly #prepared = new Lru<string, PreparedDocument>(DOCUMENTS_MAX);

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  prepare(text: string): PreparedDocument {
    const known = this.#prepared.get(text);
    if (known) return known;
    const prepared = prepareDocument(this.#schema, text);
    if (text.length <= KEPT_CHARACTERS_MAX) this.#prepared.set(text, prepared);
    return prepared;
  }

  /** The same errors with suggestions, for who may introspect anyway. */
  explain(prepared: PreparedDocument): readonly GraphQLError[] {
    if (!prepared.document || prepared.operations.length > 0) return prepared.errors;
    return validate(this.#schema, prepared.document, RULES, { maxErrors: VALIDATION_ERRORS_MAX });
  }
}

export function prepareDocument(schema: GraphQLSchema, text: string): PreparedDocument {
  let document: DocumentNode;
  try {
    document = parse(text, { maxLexicalTokens: LIMITS.tokens });
    checkLimits(document);
  } catch (error) {
    if (error instanceof GraphQLError) return { document: null, errors: [tokenRefusal(error)], operations: [] };
    throw error;
  }
  const errors = validate(schema, document, RULES, { maxErrors: VALIDATION_ERRORS_MAX, hideSuggestions: true });
  if (errors.length > 0) return { document, errors, operations: [] };
  const fragments = fragmentsOf(document);
  const operations = document.definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .map((node): PreparedOperation => {
      const rootFields = rootFieldsOf(node, fragments);
      return {
        node,
        kind: node.operation,
        name: node.name?.value ?? null,
        introspects: rootFields.some((name) => name === '__schema' || name === '__type'),
        rootFields,
        cost: planCost(schema, node, fragments),
        fields: countFields(node, fragments),
        runs: 0,
      };
    });
  return { document, errors: [], operations };
}

// The parser reports its token limit as a syntax error; it is a limit like the others.
function tokenRefusal(error: GraphQLError): GraphQLError {
  if (!error.message.includes('tokens')) return error;
  return new GraphQLError(`The operation is too large: more than ${LIMITS.tokens} tokens.`, {
    extensions: { code: 'QUERY_TOO_COSTLY', details: { what: 'tokens', limit: LIMITS.tokens } },
  });
}

/**
 * The price of a document before it is sent (BEY-10): of the dearest of its operations.
 * @throws INVALID_INPUT where it could not be run at all.
 */
export function costOfDocument(schema: GraphQLSchema, text: string): { requested: number; limit: number } {
  const prepared = prepareDocument(schema, text);
  const [error] = prepared.errors;
  if (error) throw invalidInput(`The document cannot be run: ${error.message}`, ['document']);
  return {
    requested: Math.max(1, ...prepared.operations.map((operation) => pointsOf(operation.cost, {}))),
    limit: POINTS_MAX,
  };
}
