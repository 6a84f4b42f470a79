import type { Context } from '../context.ts';
import { invalidInput } from '../errors.ts';
import { decodeGlobalId } from '../global-id.ts';
import { PAGE_SIZE_MAX } from '../paging.ts';
import { builder } from './builder.ts';

export type NodeRow = object;

/** Gives the rows of these ids in their order; null for what is unknown or not the caller's. */
export type LoadNodes = (ctx: Context, ids: readonly string[]) => Promise<readonly (NodeRow | null)[]>;

const loads = new Map<string, LoadNodes>();
// Rows are plain objects; what type each is of is known only to who loaded it.
const typeNames = new WeakMap<NodeRow, string>();

/** Each noun file registers how its objects are found by global id (GQL-1). */
export function registerNode(typeName: string, load: LoadNodes): void {
  if (loads.has(typeName)) throw new Error(`Node type ${typeName} is registered twice.`);
  loads.set(typeName, load);
}

/** Marks a row with its type, so that a field of type Node can answer with it. */
export function asNode<T extends NodeRow>(typeName: string, row: T): T {
  typeNames.set(row, typeName);
  return row;
}

/** A node by type and inner id; null where there is none or the type is unknown. */
export async function loadNode(ctx: Context, typeName: string, id: string): Promise<NodeRow | null> {
  const row = (await loads.get(typeName)?.(ctx, [id]))?.[0];
  return row ? asNode(typeName, row) : null;
}

export const Node = builder.interfaceRef<NodeRow>('Node').implement({
  description: 'An object with a globally unique id.',
  // The name is one of those registered above.
  resolveType: (row) => typeNames.get(row) as never,
  fields: (t) => ({ id: t.id({ description: 'Unique in the whole graph.', resolve: idUnresolved }) }),
});

// Every type that is a Node resolves its own id, because only it knows its name.
function idUnresolved(): never {
  throw new Error('A type implements Node without resolving its id.');
}

async function nodesByIds(ctx: Context, ids: readonly string[]): Promise<(NodeRow | null)[]> {
  if (ids.length > PAGE_SIZE_MAX) throw invalidInput(`At most ${PAGE_SIZE_MAX} ids at once.`, ['ids']);
  const decoded = ids.map(decodeGlobalId);
  const found = new Map<string, NodeRow | null>();
  const wanted = Map.groupBy(
    decoded.filter((node) => node !== null),
    (node) => node.typeName,
  );
  await Promise.all(
    [...wanted].map(async ([typeName, nodes]) => {
      const unique = [...new Set(nodes.map((node) => node.id))];
      const rows = (await loads.get(typeName)?.(ctx, unique)) ?? [];
      unique.forEach((id, index) => found.set(`${typeName}:${id}`, rows[index] ? asNode(typeName, rows[index]) : null));
    }),
  );
  return decoded.map((node) => (node ? (found.get(`${node.typeName}:${node.id}`) ?? null) : null));
}

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'The object with this id; null where there is none, or none of yours.',
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, args, ctx) => (await nodesByIds(ctx, [args.id]))[0] ?? null,
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'The objects with these ids, in their order; at most 100.',
    args: { ids: t.arg.idList({ required: true }) },
    resolve: (_root, args, ctx) => nodesByIds(ctx, args.ids),
  }),
}));
