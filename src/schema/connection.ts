import type { ArgBuilder, ObjectRef } from '@pothos/core';

import { cursorOf, type Connection, type Paged } from '../paging.ts';
import { builder } from './builder.ts';

type Types = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer T> ? T : never;

const PageInfo = builder.objectRef<Connection<Paged>>('PageInfo').implement({
  description: 'Where a page stands in its list (Relay).',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage'),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage'),
    startCursor: t.string({ nullable: true, resolve: ({ rows }) => (rows[0] ? cursorOf(rows[0]) : null) }),
    endCursor: t.string({ nullable: true, resolve: ({ rows }) => (rows.length > 0 ? cursorOf(rows.at(-1)!) : null) }),
  }),
});

/** The types `<Name>Connection` and `<Name>Edge` over rows as `keyset` reads them. Cursors are made only where they are asked for. */
export function connectionType<T extends Paged>(
  name: string,
  node: ObjectRef<Types, T, unknown> | ObjectRef<Types, never, unknown>,
) {
  const Edge = builder.objectRef<T>(`${name}Edge`).implement({
    fields: (t) => ({
      cursor: t.string({ resolve: cursorOf }),
      node: t.field({ type: node as never, resolve: (row) => row as never }),
    }),
  });
  return builder.objectRef<Connection<T>>(`${name}Connection`).implement({
    fields: (t) => ({
      edges: t.field({ type: [Edge], resolve: ({ rows }) => rows as T[] }),
      nodes: t.field({ type: [node] as never, resolve: ({ rows }) => rows as never }),
      pageInfo: t.field({ type: PageInfo, resolve: (page) => page }),
    }),
  });
}

/** The four arguments of every connection; read them with `pageArgs`. */
export function connectionArgs(arg: ArgBuilder<Types>) {
  return {
    first: arg.int({ description: 'How many from the start; 20 unless told, at most 100.' }),
    after: arg.string({ description: 'Only what comes after this cursor.' }),
    last: arg.int({ description: 'How many from the end.' }),
    before: arg.string({ description: 'Only what comes before this cursor.' }),
  };
}
