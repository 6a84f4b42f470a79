import {
  GraphQLError,
  Kind,
  visit,
  type DocumentNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** What one document may hold (GQL-4). All of it is checked before anything else looks at the document. */
export const LIMITS = {
  /** Parsing stops here; the standard introspection query has about 400. */
  tokens: 2_000,
  depth: 12,
  /** Introspection nests type references, so it has a bound of its own. */
  introspectionDepth: 20,
  aliases: 30,
  rootFields: 20,
  directives: 30,
  operations: 10,
  /** Fields once all fragments are spread: small fragments that spread each other twice grow without bound. */
  fields: 2_000,
  batch: 5,
  bodyBytes: 256 * 1024,
} as const;

type CountedLimit = 'depth' | 'introspectionDepth' | 'aliases' | 'rootFields' | 'directives' | 'operations' | 'fields';

/** @throws GraphQLError QUERY_TOO_COSTLY that names the limit, or INVALID_INPUT for text the database cannot hold. */
export function checkLimits(document: DocumentNode): void {
  const fragments = fragmentsOf(document);
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  hold('operations', operations.length);
  countNodes(document);
  const extents = new Extents(fragments);
  for (const operation of operations) {
    const extent = extents.of(operation.selectionSet);
    hold('depth', extent.depth);
    hold('introspectionDepth', extent.introspectionDepth);
    hold('fields', extent.fields);
    hold('rootFields', rootFieldsOf(operation, fragments).length);
  }
}

export function fragmentsOf(document: DocumentNode): Map<string, FragmentDefinitionNode> {
  return new Map(
    document.definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );
}

export function countFields(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): number {
  return new Extents(fragments).of(operation.selectionSet).fields;
}

/** Names of the fields an operation asks of its root, fragments spread, once per mention. */
export function rootFieldsOf(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): string[] {
  const names: string[] = [];
  const seen = new Set<string>();
  const collect = (set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) names.push(selection.name.value);
      else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet);
      else if (!seen.has(selection.name.value)) {
        seen.add(selection.name.value);
        const fragment = fragments.get(selection.name.value);
        if (fragment) collect(fragment.selectionSet);
      }
    }
  };
  collect(operation.selectionSet);
  return names;
}

function hold(limit: CountedLimit, requested: number): void {
  if (requested <= LIMITS[limit]) return;
  throw new GraphQLError(`The operation is too large: ${limit} ${requested}, at most ${LIMITS[limit]}.`, {
    extensions: { code: 'QUERY_TOO_COSTLY', details: { what: limit, requested, limit: LIMITS[limit] } },
  });
}

function countNodes(document: DocumentNode): void {
  let aliases = 0;
  let directives = 0;
  visit(document, {
    Field: (node) => {
      if (node.alias) aliases += 1;
    },
    Directive: () => {
      directives += 1;
    },
    StringValue: (node) => {
      checkText(node.value);
    },
  });
  hold('aliases', aliases);
  hold('directives', directives);
}

/** PostgreSQL's text has no NUL, and half a surrogate pair is no character: jsonb refuses it, text would keep another one. */
export function checkText(text: string): void {
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new GraphQLError('Text must be whole Unicode characters without NUL.', {
      extensions: { code: 'INVALID_INPUT' },
    });
  }
}

interface Extent {
  readonly depth: number;
  readonly introspectionDepth: number;
  readonly fields: number;
}
const NOTHING: Extent = { depth: 0, introspectionDepth: 0, fields: 0 };

/** Depth and number of fields, each fragment measured once, so that measuring is never dearer than the text is long. */
class Extents {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  // Filled with nothing while being measured: a cycle is the validation's to report.
  readonly #known = new Map<string, Extent>();

  constructor(fragments: ReadonlyMap<string, FragmentDefinitionNode>) {
    this.#fragments = fragments;
  }

  of(set: SelectionSetNode): Extent {
    let depth = 0;
    let introspectionDepth = 0;
    let fields = 0;
    for (const selection of set.selections) {
      const inner = this.#inner(selection);
      depth = Math.max(depth, inner.depth);
      introspectionDepth = Math.max(introspectionDepth, inner.introspectionDepth);
      fields += inner.fields;
    }
    return { depth, introspectionDepth, fields };
  }

  #inner(selection: SelectionSetNode['selections'][number]): Extent {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return this.#fragment(selection.name.value);
    const inner = selection.selectionSet ? this.of(selection.selectionSet) : NOTHING;
    if (selection.kind === Kind.INLINE_FRAGMENT) return inner;
    const introspects = selection.name.value === '__schema' || selection.name.value === '__type';
    return introspects
      ? { depth: 1, introspectionDepth: 1 + inner.depth, fields: 1 + inner.fields }
      : { depth: 1 + inner.depth, introspectionDepth: inner.introspectionDepth, fields: 1 + inner.fields };
  }

  #fragment(name: string): Extent {
    const known = this.#known.get(name);
    if (known) return known;
    const fragment = this.#fragments.get(name);
    if (!fragment) return NOTHING;
    this.#known.set(name, NOTHING);
    const extent = this.of(fragment.selectionSet);
    this.#known.set(name, extent);
    return extent;
  }
}
