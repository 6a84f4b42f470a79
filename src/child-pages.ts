import DataLoader from 'dataloader';

import type { Reader } from './db.ts';
import { cursorColumn, keyset, toConnection, type Connection, type Page, type Paged } from './paging.ts';

/** A list that hangs on a row of another table, newest first. */
export interface Children {
  /** Select list of the child's row, in the names its type has. */
  readonly columns: string;
  readonly table: string;
  readonly alias: string;
  /** The child's column that names its parent, with the type of the column. */
  readonly parent: { readonly column: string; readonly type: 'uuid' | 'text' };
  /** The instant it is ordered by. */
  readonly orderedBy: string;
  /** A further condition, beginning with `and`. */
  readonly also?: string;
}

export function childPageKey(parent: string, page: Page): string {
  return `${parent} ${JSON.stringify(page)}`;
}

/** Pages of children by childPageKey: one statement for each different page, however many parents. */
export function childPages<T extends Paged>(children: Children): (reads: Reader) => DataLoader<string, Connection<T>> {
  return (reads) =>
    new DataLoader<string, Connection<T>>(async (keys) => {
      const found = new Map<string, Connection<T>>();
      for (const [text, asked] of Map.groupBy(keys, (key) => key.slice(key.indexOf(' ') + 1))) {
        const page = JSON.parse(text) as Page;
        const parents = asked.map((key) => key.slice(0, key.indexOf(' ')));
        const rows = Map.groupBy(await readPages<T>(reads, children, parents, page), ({ parentKey }) => parentKey);
        asked.forEach((key, index) => found.set(key, toConnection(rows.get(parents[index]!) ?? [], page)));
      }
      return keys.map((key) => found.get(key)!);
    });
}

function readPages<T extends Paged>(
  reads: Reader,
  children: Children,
  parents: readonly string[],
  page: Page,
): Promise<(T & { parentKey: string })[]> {
  const { columns, table, alias, parent, orderedBy, also = '' } = children;
  const { where, tail, values } = keyset(page, alias, 2, orderedBy);
  const direction = page.reverse ? 'asc' : 'desc';
  const text = `select w.parent::text as "parentKey", c.* from unnest($1::${parent.type}[]) w (parent)
    cross join lateral (select ${columns}, ${cursorColumn(alias, orderedBy)}, ${alias}.${orderedBy} as ordered
      from ${table} ${alias} where ${alias}.${parent.column} = w.parent ${also} ${where} ${tail}) c
    order by w.parent, c.ordered ${direction}, c.id ${direction}`;
  return reads.query<T & { parentKey: string }>(text, [parents, ...values]);
}
