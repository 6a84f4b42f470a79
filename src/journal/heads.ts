import { notFound } from '../errors.ts';
import type { LookUp, StreamPlace } from '../journal.ts';
import { streamHeads, type HeadRow } from './stream.ts';

export interface HeadReader {
  head(tenantId: string): Promise<StreamPlace>;
}

interface Batch {
  readonly tenantIds: Set<string>;
  readonly rows: Promise<ReadonlyMap<string, HeadRow>>;
}

/** Asks the database where streams stand; those who ask in the same turn share one statement, which runs after all of them asked. */
export function createHeadReader(lookUp: LookUp): HeadReader {
  let open: Batch | null = null;

  function start(): Batch {
    const tenantIds = new Set<string>();
    const rows = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      open = null;
      const heads = await lookUp<HeadRow>(streamHeads, [[...tenantIds]]);
      return new Map(heads.map((head) => [head.tenant_id, head]));
    });
    return { tenantIds, rows };
  }

  return {
    async head(tenantId) {
      open ??= start();
      open.tenantIds.add(tenantId);
      const head = (await open.rows).get(tenantId);
      if (!head) throw notFound('tenant');
      return { epoch: head.epoch, position: head.position };
    },
  };
}
