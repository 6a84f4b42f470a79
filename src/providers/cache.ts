import { createHash } from 'node:crypto';

import { Lru } from '../auth/lru.ts';
import type { Clock } from '../clock.ts';
import type { Outcome } from '../integrations/contract.ts';
import type { ProviderCache, ProviderConnection } from '../integrations/travel.ts';

const ENTRIES_MAX = 2_000;
/** No vendor's answer is kept longer, whatever somebody configured. */
const SECONDS_MAX = 7 * 86_400;

interface Entry {
  readonly value: unknown;
  readonly untilMs: number;
}

export interface CacheOptions {
  readonly clock: Clock;
  /** How long an operation's answers are kept at present, seconds; 0 or undefined: not at all. */
  secondsOf(operation: string): number | undefined;
}

/**
 * One provider's remembered answers, in memory of this process (PRV-14). The same question asked twice at once is asked
 * once; a failure is told to all who wait and kept by nobody.
 */
export function createCache({ clock, secondsOf }: CacheOptions): ProviderCache {
  const entries = new Lru<string, Entry>(ENTRIES_MAX);
  const asking = new Map<string, Promise<Outcome<unknown>>>();
  return {
    async through<T>(
      connection: ProviderConnection,
      operation: string,
      key: string,
      load: () => Promise<Outcome<T>>,
    ): Promise<Outcome<T>> {
      const seconds = Math.min(secondsOf(operation) ?? 0, SECONDS_MAX);
      if (seconds <= 0) return load();
      const place = placeOf(connection, operation, key);
      const kept = entries.get(place);
      if (kept && kept.untilMs > clock.now().getTime()) return { kind: 'done', value: kept.value as T };
      const running = asking.get(place) as Promise<Outcome<T>> | undefined;
      if (running) return running;
      const asked = load().finally(() => asking.delete(place));
      asking.set(place, asked);
      const outcome = await asked;
      if (outcome.kind === 'done' && isWhole(outcome.value))
        entries.set(place, { value: outcome.value, untilMs: clock.now().getTime() + seconds * 1000 });
      return outcome;
    },
  };
}

// What ran out of time is no answer for anybody else.
function isWhole(value: unknown): boolean {
  return (value as { complete?: boolean } | null)?.complete !== false;
}

// Another account or another host may be told other prices. A digest, so that no credential is kept here.
function placeOf({ baseUrl, mode, credentials }: ProviderConnection, operation: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([baseUrl, mode, Object.entries(credentials).toSorted(byName), operation, key]))
    .digest('base64');
}

function byName([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1;
}
