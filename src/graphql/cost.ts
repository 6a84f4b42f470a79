import {
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isListType,
  isObjectType,
  Kind,
  typeFromAST,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';

import { PAGE_SIZE } from '../paging.ts';

/** Objects a point of cost stands for. A tenant's limit is in points, so that 60 a minute are 60 simple requests (TEN-4). */
export const OBJECTS_PER_POINT = 50;
/** The most one operation may ask for: 5,000 objects. */
export const POINTS_MAX = 100;

/** Lists without paging are short by nature: the items of an order, its payments. */
const SHORT_LIST = 5;
/** A mutation locks, writes and tells others. */
const MUTATION_OBJECTS = 10;
/** Introspection reads memory, but a lot of it; how deep it may go is a validation rule. */
const INTROSPECTION_OBJECTS = 50;
/** Another document is parsed and validated, which is as much work as a request itself. */
const PRICING_OBJECTS = 50;
/** A report reads all money of up to 92 days. */
const REPORT_OBJECTS = 500;
/** Arguments that say how many there will be. */
const SIZES: ReadonlySet<string> = new Set(['first', 'last', 'ids']);
/** More than any list may be asked for; whatever is beyond is refused by its cost. */
const TIMES_MAX = 1_000_000;

/** A size as an argument gives it; null where it gives none. */
type Size = number | { readonly variable: string; readonly otherwise: number | null };
/** How often a selection is repeated: known from the document, or only when the variables are. */
type Times = number | readonly Size[];

/** The cost of a selection as a tree, made once per document and summed per request. */
export interface CostNode {
  readonly objects: number;
  readonly times: Times;
  readonly children: readonly CostNode[];
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;
type Variables = Readonly<Record<string, unknown>>;

/** Plans an operation's cost. The document must have passed limits and validation: cycles and unknown fields are not looked for. */
export function planCost(schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments): CostNode {
  const root = schema.getRootType(operation.operation);
  const plan = new CostPlan(schema, fragments, defaultsOf(operation));
  const children = root ? plan.selections(root, operation.selectionSet, 1) : [];
  return { objects: 0, times: 1, children };
}

/** Points of an operation with these variables: at least one. Static analysis; every number is a whole one. */
export function pointsOf(plan: CostNode, variables: Variables): number {
  return Math.max(1, Math.ceil(objectsOf(plan, variables) / OBJECTS_PER_POINT));
}

function objectsOf(node: CostNode, variables: Variables): number {
  let sum = node.objects;
  for (const child of node.children) sum += objectsOf(child, variables);
  // Bounded, so that a product of large factors stays an exact whole number.
  return Math.min(sum * timesOf(node.times, variables), Number.MAX_SAFE_INTEGER);
}

function timesOf(times: Times, variables: Variables): number {
  if (typeof times === 'number') return times;
  // Of `first` and `last` one may be null, and it may be either: what is given counts.
  const given = times
    .map((size) => (typeof size === 'number' ? size : (countOf(variables[size.variable]) ?? size.otherwise)))
    .filter((count) => count !== null);
  return given.length > 0 ? Math.max(...given) : PAGE_SIZE;
}

/** A page size or the length of a list of ids. */
function countOf(value: unknown): number | null {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'number' && Number.isFinite(value)
    ? Math.min(Math.max(Math.ceil(value), 1), TIMES_MAX)
    : null;
}

function defaultsOf(operation: OperationDefinitionNode): Map<string, number | null> {
  return new Map(
    (operation.variableDefinitions ?? []).map((definition) => [
      definition.variable.name.value,
      definition.defaultValue ? literalCount(definition.defaultValue) : null,
    ]),
  );
}

function literalCount(node: ValueNode): number | null {
  if (node.kind === Kind.INT) return countOf(Number(node.value));
  return node.kind === Kind.LIST ? node.values.length : null;
}

class CostPlan {
  readonly #schema: GraphQLSchema;
  readonly #fragments: Fragments;
  readonly #defaults: ReadonlyMap<string, number | null>;

  constructor(schema: GraphQLSchema, fragments: Fragments, defaults: ReadonlyMap<string, number | null>) {
    this.#schema = schema;
    this.#fragments = fragments;
    this.#defaults = defaults;
  }

  /** @param pageTimes how often the rows of a connection repeat, when the parent is one */
  selections(parent: GraphQLNamedType, set: SelectionSetNode, pageTimes: Times): CostNode[] {
    return set.selections.flatMap((selection): CostNode[] => {
      if (selection.kind === Kind.FIELD) return this.#field(parent, selection, pageTimes);
      const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? this.#fragments.get(selection.name.value) : selection;
      if (!fragment) return [];
      const type = fragment.typeCondition ? typeFromAST(this.#schema, fragment.typeCondition) : parent;
      return type ? this.selections(type, fragment.selectionSet, pageTimes) : [];
    });
  }

  #field(parent: GraphQLNamedType, node: FieldNode, pageTimes: Times): CostNode[] {
    const name = node.name.value;
    if (name === '__schema' || name === '__type') return [{ objects: INTROSPECTION_OBJECTS, times: 1, children: [] }];
    if (name === 'moneyReport') return [{ objects: REPORT_OBJECTS, times: 1, children: [] }];
    if (name === 'costOf') return [{ objects: PRICING_OBJECTS, times: 1, children: [] }];
    const field = isCompositeType(parent) ? this.#schema.getField(parent, name) : undefined;
    const type = field && getNamedType(field.type);
    const writes = parent === this.#schema.getMutationType() ? MUTATION_OBJECTS : 0;
    if (!field || !isCompositeType(type) || !node.selectionSet)
      return writes ? [{ objects: writes, times: 1, children: [] }] : [];
    const size = this.#sizeOf(node);
    if (isConnection(type)) {
      return [{ objects: 1, times: 1, children: this.selections(type, node.selectionSet, size ?? PAGE_SIZE) }];
    }
    if (isConnection(parent)) return [this.#rows(name, type, node.selectionSet, pageTimes)];
    const isList = isListType(getNullableType(field.type));
    const times = isList ? (size ?? SHORT_LIST) : 1;
    return [
      {
        objects: (isList || isRow(type) ? 1 : 0) + writes,
        times,
        children: this.selections(type, node.selectionSet, 1),
      },
    ];
  }

  // Edges only carry the row and its cursor: the row counts, not the edge.
  #rows(name: string, type: GraphQLCompositeType, set: SelectionSetNode, pageTimes: Times): CostNode {
    if (name === 'pageInfo') return { objects: 0, times: 1, children: [] };
    return { objects: name === 'edges' ? 0 : 1, times: pageTimes, children: this.selections(type, set, 1) };
  }

  #sizeOf(node: FieldNode): Times | null {
    const sizes = (node.arguments ?? [])
      .filter(({ name }) => SIZES.has(name.value))
      .map(({ value }) => (value.kind === Kind.VARIABLE ? this.#variable(value.name.value) : literalCount(value)))
      .filter((size) => size !== null);
    return sizes.length > 0 ? sizes : null;
  }

  #variable(variable: string): Size {
    return { variable, otherwise: this.#defaults.get(variable) ?? null };
  }
}

// A value such as Money belongs to the row it stands in.
function isRow(type: GraphQLCompositeType): boolean {
  return isAbstractType(type) || type.getInterfaces().some((each) => each.name === 'Node');
}

function isConnection(type: GraphQLNamedType): boolean {
  return isObjectType(type) && type.name.endsWith('Connection') && 'pageInfo' in type.getFields();
}
