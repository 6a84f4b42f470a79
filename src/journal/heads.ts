import { notFound } from '../errors.ts';
import type { LookUp, StreamPlace } from '../journal.ts';
import { PLATFORM_TENANT } from './reader.ts';
import { streamHeads, type HeadRow } from './stream.ts';

export interface HeadReader {
  head(tenantId: string): Promise<StreamPlace>;
}

interface Batch {
  readonly tenantIds: Set<string>;
  readonly rows: Promise<ReadonlyMap<string, HeadRow>>;
}

/**
 * Asks the database where streams stand. One statement is under way at a time, and whoever asks meanwhile shares the next one: it starts
 * after all of them asked, so that thousands who come back at once cost a few statements.
 */
export function createHeadReader(lookUp: LookUp): HeadReader {
  let waiting: Batch | null = null;
  let running: Promise<unknown> = Promise.resolve();

  function start(): Batch {
    const tenantIds = new Set<string>([PLATFORM_TENANT]);
    const before = running;
    const rows = (async () => {
      await before;
      // Those who ask in the same turn come along.
      await new Promise((resolve) => setImmediate(resolve));
      waiting = null;
      const heads = await lookUp<HeadRow>(streamHeads, [[...tenantIds]]);
      return new Map(heads.map((head) => [head.tenant_id, head]));
    })();
    running = rows.catch(() => undefined);
    return { tenantIds, rows };
  }

  return {
    async head(tenantId) {
      waiting ??= start();
      waiting.tenantIds.add(tenantId);
      const rows = await waiting.rows;
      const head = rows.get(tenantId);
      if (!head) throw notFound('tenant');
      return {
        epoch: head.epoch,
        position: head.position,
        platformPosition: rows.get(PLATFORM_TENANT)?.position ?? 0n,
      };
    },
  };
}
