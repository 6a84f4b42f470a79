import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';

/**
 * Live searches of a traveller's hour (travel-providers.md 4.9), counted before the vendor has to say so. One process's
 * memory: what others spend shows as a 429, which is waited out by whoever watches all vendors' limits (rate-watch.ts).
 */
export interface HourlyCount {
  /** Counts one of so many an hour. @returns null, or when the hour is over where they are used up */
  take(key: string, perHour: number): Date | null;
}

const KEYS_MAX = 10_000;
const HOUR_MS = 3_600_000;

export function createHourlyCount(clock: Clock): HourlyCount {
  const hours = new Map<string, { readonly endsAt: number; readonly count: number }>();
  return {
    take: (key, perHour) => {
      // Neither tokens nor addresses are kept.
      const hidden = createHash('sha256').update(key).digest('base64');
      const now = clock.now().getTime();
      const held = hours.get(hidden);
      const hour = held !== undefined && held.endsAt > now ? held : { endsAt: now + HOUR_MS, count: 0 };
      if (hour.count >= perHour) return new Date(hour.endsAt);
      if (held === undefined && hours.size >= KEYS_MAX) hours.delete(hours.keys().next().value ?? '');
      hours.set(hidden, { ...hour, count: hour.count + 1 });
      return null;
    },
  };
}
