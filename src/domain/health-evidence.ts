/**
 * What failures and successes prove (BEY-4). No minimum of calls: each observation adds its log-likelihood ratio to
 * sequential tests (Page's CUSUM, the change-point form of Wald's test), which forget what spoke for the other side
 * before. So ten calls an hour decide as well as a hundred a second, only later.
 */

export const ERROR_KINDS = ['unavailable', 'unknown', 'timeout', 'waiting', 'misconfigured'] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

export interface Evidence {
  /** The window: what counts of each, fading with time. */
  readonly ok: number;
  readonly failed: number;
  /** Of `ok`, those that were too slow. */
  readonly slow: number;
  /** Until when it has faded, ms. */
  readonly fadedAt: number | null;
  readonly failuresInRow: number;
  /** Sums of the tests, in nats. */
  readonly failing: number;
  readonly poor: number;
  readonly good: number;
  readonly lastError: ErrorKind | null;
}

export const NO_EVIDENCE: Evidence = {
  ok: 0,
  failed: 0,
  slow: 0,
  fadedAt: null,
  failuresInRow: 0,
  failing: 0,
  poor: 0,
  good: 0,
  lastError: null,
};

interface SequentialTest {
  /** What one bad and one good call add, nats. */
  readonly bad: number;
  readonly good: number;
  readonly limit: number;
}

/** Tests whether calls go badly with a probability of `suspected` and no longer of `usual`. */
function changeOf(usual: number, suspected: number, limit: number): SequentialTest {
  return { bad: Math.log(suspected / usual), good: Math.log((1 - suspected) / (1 - usual)), limit };
}

/** Limits are measured: health-evidence.test.ts says how seldom each is passed by chance, and how soon with cause. */
const FAILING = changeOf(0.25, 0.6, 12);
const POOR = changeOf(0.03, 0.15, 9);
const GOOD = changeOf(0.08, 0.03, 4);

function stepped(sum: number, test: SequentialTest, isBad: boolean): number {
  return Math.min(test.limit, Math.max(0, sum + (isBad ? test.bad : test.good)));
}

export interface Happening {
  readonly outcome: 'ok' | 'slow' | ErrorKind;
  /** Counted as a failure before, when it had no answer for long. */
  readonly wasWaiting: boolean;
}

/** @param at ms; earlier than the last is taken for just now */
export function withHappening(known: Evidence, { outcome, wasWaiting }: Happening, at: number): Evidence {
  const evidence = faded(known, at);
  const isOk = outcome === 'ok' || outcome === 'slow';
  if (!isOk && wasWaiting) return { ...evidence, lastError: outcome };
  const isPoor = outcome !== 'ok';
  return {
    fadedAt: evidence.fadedAt,
    ok: evidence.ok + (isOk ? 1 : 0),
    failed: isOk ? Math.max(0, evidence.failed - (wasWaiting ? 1 : 0)) : evidence.failed + 1,
    slow: evidence.slow + (outcome === 'slow' ? 1 : 0),
    failuresInRow: isOk ? 0 : Math.min(evidence.failuresInRow + 1, IN_ROW_COUNTED_MAX),
    failing: stepped(evidence.failing, FAILING, !isOk),
    poor: stepped(evidence.poor, POOR, isPoor),
    good: stepped(evidence.good, GOOD, isPoor),
    lastError: isOk ? evidence.lastError : outcome,
  };
}

const IN_ROW_COUNTED_MAX = 1_000_000;

/** Fading is done in steps, because most calls come within one. */
const FADE_STEP_MS = 1_000;
/** The window is the last minutes, or the last calls where those are fewer: both fade by halves. */
const WINDOW_HALF_MS = 300_000;
const WINDOW_CALLS_MIN = 100;
/** What was seen before a night of silence counts for little in the morning. */
const SILENCE_HALF_MS = 6 * 3_600_000;

function faded(evidence: Evidence, at: number): Evidence {
  if (evidence.fadedAt === null) return { ...evidence, fadedAt: at };
  const ms = at - evidence.fadedAt;
  if (!(ms >= FADE_STEP_MS)) return evidence;
  const window = windowFactor(evidence, ms);
  const tests = 0.5 ** (ms / SILENCE_HALF_MS);
  return {
    ...evidence,
    fadedAt: at,
    ok: evidence.ok * window,
    failed: evidence.failed * window,
    slow: evidence.slow * window,
    failing: evidence.failing * tests,
    poor: evidence.poor * tests,
    good: evidence.good * tests,
  };
}

/** How much of the window is left after a time, 0 to 1. */
export function windowFactor({ ok, failed }: Evidence, ms: number): number {
  const calls = ok + failed;
  const byTime = 0.5 ** (ms / WINDOW_HALF_MS);
  const enough = calls > 0 ? Math.min(1, WINDOW_CALLS_MIN / calls) : 1;
  return Math.max(byTime, enough) * 0.5 ** (ms / SILENCE_HALF_MS);
}

/** 0 to 1 over the window, 0 where nothing is known. */
export function errorRateOf({ ok, failed }: Evidence): number {
  return failed === 0 ? 0 : failed / (ok + failed);
}

/** In a row, from a provider that seldom fails: BEY-4's "a dead provider is out within 5 calls". */
export const IN_ROW_MIN = 5;
/** In a row, whatever was before. */
export const IN_ROW_MAX = 10;
/** So improbable is a row by chance that it is taken for the provider's end: five at the rate of one in twenty. */
const CHANCE = 0.05 ** IN_ROW_MIN;
/** Before anything is known one failure in fifty calls is assumed, so that an early one is no rate. */
const ASSUMED = { calls: 30, failed: 0.6 } as const;

/**
 * How many failures in a row are no chance for this provider: five where it fails at most every twentieth call, more
 * for one that fails more often, which would otherwise be put out every few thousand calls, though it is DEGRADED only.
 * @param isKnownToFail it was found to fail often, which a small window may not show at every moment
 */
export function inRowLimit({ ok, failed, failuresInRow }: Evidence, isKnownToFail = false): number {
  if (isKnownToFail) return IN_ROW_MAX;
  // The row itself is what is to be judged and is no part of what is usual.
  const before = Math.max(0, failed - failuresInRow) + ASSUMED.failed;
  const rate = before / (ok + before - ASSUMED.failed + ASSUMED.calls);
  // A hair less, so that just one in twenty is five and not, by rounding, six.
  const limit = Math.ceil(Math.log(CHANCE) / Math.log(rate) - 1e-9);
  return Math.min(IN_ROW_MAX, Math.max(IN_ROW_MIN, limit));
}

export function failsEveryCall(evidence: Evidence, isKnownToFail: boolean): boolean {
  return evidence.failuresInRow >= inRowLimit(evidence, isKnownToFail);
}

export function failsMostly({ failing }: Evidence): boolean {
  return failing >= FAILING.limit;
}

/** Noticeably more poor calls, failed or slow, than one in thirty. */
export function isPoor({ poor }: Evidence): boolean {
  return poor >= POOR.limit;
}

/** As good again as a provider should be. */
export function isGood({ good }: Evidence): boolean {
  return good >= GOOD.limit;
}
