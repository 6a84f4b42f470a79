/**
 * How long a provider takes: a histogram of logarithmic buckets, four to a doubling, so that a quantile costs no list of
 * calls. What it gives is within 9.1 % (an eighth of a doubling) of the exact one of the same weights.
 */

/** Bucket `n` holds what is above 2^((n-1)/4) and at most 2^(n/4) ms. */
export interface Histogram {
  readonly weights: Readonly<Record<string, number>>;
  /**
   * What a call of now weighs. It grows instead of all the others fading, which gives the same proportions and touches
   * one bucket only.
   */
  readonly unit: number;
}

const EMPTY: Histogram = { weights: {}, unit: 1 };

export interface LatencyRecord {
  /** The window of health-evidence.ts. */
  readonly recent: Histogram;
  /** About the last day, learned while the provider was well. */
  readonly usual: Histogram;
  readonly fadedAt: number | null;
}

export const NO_LATENCY: LatencyRecord = { recent: EMPTY, usual: EMPTY, fadedAt: null };

const BUCKETS_PER_DOUBLING = 4;
/** 131 s: nobody waits longer. */
const BUCKET_MAX = 17 * BUCKETS_PER_DOUBLING;
const FADE_STEP_MS = 1_000;
const USUAL_HALF_MS = 86_400_000;
const P95 = 0.95;

/** @param windowFactor what is left of the window after a time in ms */
export function withLatency(
  known: LatencyRecord,
  latencyMs: number,
  { at, learns, windowFactor }: { at: number; learns: boolean; windowFactor: (ms: number) => number },
): LatencyRecord {
  const { recent, usual, fadedAt } = faded(known, at, windowFactor);
  const bucket = bucketOf(latencyMs);
  return { fadedAt, recent: added(recent, bucket), usual: learns ? added(usual, bucket) : usual };
}

function faded(known: LatencyRecord, at: number, windowFactor: (ms: number) => number): LatencyRecord {
  if (known.fadedAt === null) return { ...known, fadedAt: at };
  const ms = at - known.fadedAt;
  if (!(ms >= FADE_STEP_MS)) return known;
  return {
    fadedAt: at,
    recent: grown(known.recent, windowFactor(ms)),
    usual: grown(known.usual, 0.5 ** (ms / USUAL_HALF_MS)),
  };
}

/** Above this the unit is one again, and what weighs next to nothing beside it is dropped. */
const UNIT_MAX = 1_000_000;
const WEIGHT_MIN = 0.01;

function grown({ weights, unit }: Histogram, factor: number): Histogram {
  const next = unit / factor;
  if (next < UNIT_MAX) return { weights, unit: next };
  const kept = Object.entries(weights).filter(([, weight]) => weight / next >= WEIGHT_MIN);
  return { weights: Object.fromEntries(kept.map(([bucket, weight]) => [bucket, weight / next])), unit: 1 };
}

function bucketOf(latencyMs: number): number {
  if (!(latencyMs > 1)) return 0;
  return Math.min(BUCKET_MAX, Math.ceil(BUCKETS_PER_DOUBLING * Math.log2(latencyMs)));
}

function added({ weights, unit }: Histogram, bucket: number): Histogram {
  return { weights: { ...weights, [bucket]: (weights[bucket] ?? 0) + unit }, unit };
}

/** The 95th percentile by nearest rank, ms; null where there is nothing. */
export function p95Of({ weights }: Histogram): number | null {
  // Keys that are whole numbers are listed in rising order.
  const buckets = Object.keys(weights);
  // A hair less: sums of weights are not exact, and the one just at the rank is it.
  const rank = (P95 - 1e-9) * sumOf(weights);
  let sum = 0;
  for (const bucket of buckets) {
    sum += weights[bucket]!;
    if (sum >= rank) return middleOf(Number(bucket));
  }
  return buckets.length === 0 ? null : middleOf(Number(buckets.at(-1)!));
}

function middleOf(bucket: number): number {
  return bucket === 0 ? 1 : Math.round(10 * 2 ** ((bucket - 0.5) / BUCKETS_PER_DOUBLING)) / 10;
}

function sumOf(weights: Histogram['weights']): number {
  let sum = 0;
  for (const bucket of Object.keys(weights)) sum += weights[bucket]!;
  return sum;
}

/** Fewer say nothing about what is usual. */
const USUAL_CALLS_MIN = 30;

/** The 95th percentile of a usual day, or null until that is known. */
export function usualP95Of({ usual }: LatencyRecord): number | null {
  return sumOf(usual.weights) < USUAL_CALLS_MIN * usual.unit ? null : p95Of(usual);
}

const TIMES_USUAL = 3;
/** Nobody notices less, however quick the provider is otherwise. */
const NOTICED_MS = 500;

/** @param slowMs unbearable, whatever is usual */
export function isSlow(record: LatencyRecord, latencyMs: number, slowMs: number): boolean {
  if (latencyMs > slowMs) return true;
  if (latencyMs <= NOTICED_MS) return false;
  const usual = usualP95Of(record);
  return usual !== null && latencyMs > TIMES_USUAL * usual;
}
