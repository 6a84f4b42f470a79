import type { CancellationFee } from '../travel.ts';
import { amountIn, type ExcessDecimals } from './money.ts';
import type { Currencies, ScheduleEntry } from './wire.ts';

/** Pure: what cancelling costs, from the vendor's schedules (travel-providers.md 2.4, 2.10). */

interface Step {
  /** Milliseconds; from now on: below every instant. */
  readonly at: number;
  readonly minor: bigint;
}

const NOW = Number.NEGATIVE_INFINITY;

/**
 * The fees of all rooms together, earliest first and beginning with what cancelling costs now. Each room costs what its
 * last entry says that has begun; before the first one it costs nothing. Null where any room's schedule is missing or
 * cannot be read: a fee that is not known is not "none".
 */
export function feesOf(
  schedules: readonly (readonly ScheduleEntry[] | null)[],
  currencies: Currencies,
  currencyCode: string,
  excess: ExcessDecimals,
): CancellationFee[] | null {
  const rooms: Step[][] = [];
  for (const schedule of schedules) {
    const steps = (schedule ?? []).map((entry) => stepOf(entry, currencies, currencyCode, excess));
    if (!steps.every((step) => step !== null) || steps.length === 0) return null;
    rooms.push(steps.toSorted((one, other) => compare(one.at, other.at)));
  }
  if (rooms.length === 0) return null;
  const moments = [...new Set([NOW, ...rooms.flat().map(({ at }) => at)])].toSorted(compare);
  const fees = moments.map((at) => ({ at, minor: rooms.reduce((sum, steps) => sum + feeAt(steps, at), 0n) }));
  return fees
    .filter(({ minor }, index) => index === 0 || minor !== fees[index - 1]?.minor)
    .map(({ at, minor }) => ({ from: at === NOW ? null : new Date(at), amountMinor: minor, currencyCode }));
}

function feeAt(steps: readonly Step[], at: number): bigint {
  return steps.findLast((step) => step.at <= at)?.minor ?? 0n;
}

/** `now` and nothing at all both mean that the fee applies already. */
function stepOf(
  { from, price }: ScheduleEntry,
  currencies: Currencies,
  currencyCode: string,
  excess: ExcessDecimals,
): Step | null {
  const fee = amountIn(price, currencies, currencyCode, excess);
  const at = from === null || from === 'now' ? NOW : instantOf(from);
  return fee === null || at === null ? null : { at, minor: fee.minor };
}

/** ISO 8601 with an offset; a time without one is nobody's instant. */
export function instantOf(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/.test(text)) return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/** Infinity minus infinity is no number, so no subtraction. */
function compare(one: number, other: number): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
