import { json } from '../simulator/answer.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import type { Account, Ledger } from './simulator-model.ts';

/** Calls a minute of each method (travel-providers.md 4.9), with the vendor's own headers on every answer. */

const PER_MINUTE: Readonly<Record<string, number>> = {
  prices_for_dates: 600,
  grouped_prices: 600,
  cheap: 300,
  airports: 600,
};

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Headers for the answer, and the refusal where the minute's calls are used up. */
export function throttle(
  ledger: Ledger,
  id: string,
  account: Account,
  method: string,
): { readonly headers: Record<string, string>; readonly refused: SimulatorAnswer | null } {
  const limit = account.limitsPerMinute[method] ?? PER_MINUTE[method] ?? 600;
  const now = ledger.now(id).getTime();
  const window = Math.floor(now / MINUTE_MS);
  const used = ledger.countIn(id, `minute:${method}`, window);
  const headers = limitHeaders(limit, limit - used, (window + 1) * MINUTE_MS, now, account);
  return { headers, refused: used > limit ? tooMany(headers) : null };
}

/** Live searches are counted by the end user's address. */
export function throttleSearch(ledger: Ledger, id: string, account: Account, address: string): SimulatorAnswer | null {
  const now = ledger.now(id).getTime();
  const window = Math.floor(now / HOUR_MS);
  const used = ledger.countIn(id, `hour:${address}`, window);
  if (used <= account.searchesPerHour) return null;
  return tooMany(limitHeaders(account.searchesPerHour, 0, (window + 1) * HOUR_MS, now, account));
}

function limitHeaders(limit: number, left: number, endsAt: number, now: number, account: Account) {
  const reset = account.resetUnit === 'seconds' ? (endsAt - now) / 1000 : endsAt / 1000;
  return {
    'x-rate-limit': String(limit),
    'x-rate-limit-remaining': String(Math.max(0, left)),
    'x-rate-limit-reset': String(Math.ceil(reset)),
  };
}

export function tooMany(headers: Record<string, string>): SimulatorAnswer {
  return json(429, { success: false, data: {}, error: 'Too many requests' }, headers);
}
