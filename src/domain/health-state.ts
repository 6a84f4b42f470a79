/**
 * What is known of a provider's health, as it stands in its database row: plain JSON of bounded size with a version.
 * Processes fold what they observed into it under the row's lock (health.ts).
 */
import { NO_EVIDENCE, type ErrorKind, type Evidence } from './health-evidence.ts';
import { NO_LATENCY, type LatencyRecord } from './health-latency.ts';

export const HEALTH_STATUSES = ['HEALTHY', 'DEGRADED', 'UNHEALTHY', 'UNKNOWN'] as const;
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

export const CIRCUIT_STATES = ['CLOSED', 'OPEN', 'HALF_OPEN'] as const;
export type CircuitState = (typeof CIRCUIT_STATES)[number];

export const HEALTH_REASONS = [
  /** The first success after nothing was known. */
  'ANSWERS',
  /** Nothing but failures, so many in a row that chance is out of the question. */
  'FAILS_EVERY_CALL',
  /** More failures than successes, for long enough. */
  'FAILS_MOSTLY',
  /** As FAILS_EVERY_CALL or FAILS_MOSTLY, and the last was a refusal of our credentials. */
  'CREDENTIALS_REFUSED',
  /** Fails noticeably more often than a provider should. */
  'ERRORS',
  /** Much slower than it usually is, or than is bearable. */
  'SLOW',
  /** Neither any more. */
  'RECOVERED',
  /** The pause is over, trials are let through. */
  'TRIALS_BEGIN',
  'TRIAL_FAILED',
  'TRIALS_PASSED',
  /** Nothing was heard for too long. */
  'NO_EVIDENCE',
] as const;
export type HealthReason = (typeof HEALTH_REASONS)[number];

export interface Permit {
  readonly id: number;
  /** Instant, ms, at which it ends by itself: its process may be dead. */
  readonly until: number;
}

export interface Circuit {
  readonly state: CircuitState;
  /** Instants, ms. */
  readonly openedAt: number | null;
  readonly openUntil: number | null;
  readonly closedAt: number | null;
  /** How often it was opened without a calm time between: the pause doubles with each. */
  readonly openings: number;
  /** Good trials in a row. */
  readonly goodTrials: number;
  readonly permits: readonly Permit[];
  readonly permitNext: number;
}

/** All instants in ms since 1970. */
export interface HealthState {
  readonly v: 1;
  readonly status: HealthStatus;
  readonly since: number | null;
  /** Of the last change of status or circuit. */
  readonly reason: HealthReason | null;
  /** The latest success or failure. */
  readonly evidenceAt: number | null;
  /** The latest answer of any kind. */
  readonly checkedAt: number | null;
  /** When the last active check began, whoever made it. */
  readonly checkBeganAt: number | null;
  /** Active checks in a row that said nothing: the next ones wait longer. */
  readonly emptyChecks: number;
  readonly evidence: Evidence;
  readonly latency: LatencyRecord;
  readonly circuit: Circuit;
}

export const INITIAL_HEALTH: HealthState = {
  v: 1,
  status: 'UNKNOWN',
  since: null,
  reason: null,
  evidenceAt: null,
  checkedAt: null,
  checkBeganAt: null,
  emptyChecks: 0,
  evidence: NO_EVIDENCE,
  latency: NO_LATENCY,
  circuit: {
    state: 'CLOSED',
    openedAt: null,
    openUntil: null,
    closedAt: null,
    openings: 0,
    goodTrials: 0,
    permits: [],
    permitNext: 1,
  },
};

const DAY_MS = 86_400_000;

export interface HealthSettings {
  /** Between two active checks of a provider nobody suspects (PRV-11). */
  readonly checkEveryMs: number;
  /** Between two active checks while a failure is not yet explained, and of a half-open circuit. */
  readonly suspicionEveryMs: number;
  /** Older evidence is none: the status is UNKNOWN. Three missed checks. */
  readonly staleMs: number;
  /** The first pause of an open circuit; each further one is twice as long, up to the largest. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
  /** A circuit closed this long is trusted again: the next pause is the first one. */
  readonly calmMs: number;
  readonly goodTrialsToClose: number;
  readonly permitsMax: number;
  /** More than the longest call takes. */
  readonly permitMs: number;
  /** A success that took longer is a poor one, whatever is usual. */
  readonly slowMs: number;
  /** A provider stays DEGRADED at least so long, so that one at the edge does not flood the journal. */
  readonly degradedMsMin: number;
  /** What was slow for so long is its usual way. */
  readonly getUsedToMs: number;
}

export const HEALTH_SETTINGS: HealthSettings = {
  checkEveryMs: 300_000,
  suspicionEveryMs: 1_000,
  staleMs: 900_000,
  pauseMs: 5_000,
  pauseMsMax: 300_000,
  calmMs: 600_000,
  goodTrialsToClose: 3,
  permitsMax: 3,
  permitMs: 60_000,
  slowMs: 20_000,
  degradedMsMin: 300_000,
  getUsedToMs: DAY_MS,
};

/**
 * One thing seen of a provider. Instants of all processes come from one clock (the database's), or from clocks within
 * seconds of each other.
 */
export interface HealthObservation {
  /** When it was seen, ms. May be some seconds older than what is known already. */
  readonly at: number;
  /** A live call, or an active check. */
  readonly kind: 'call' | 'probe';
  /**
   * `waiting`: a call still has no answer after `waitingAfterMs`; said once a call, and counts as a failure.
   * `misconfigured`: our credentials are refused. It counts as a failure, because it fails for everyone, and is the
   * reason given. `neutral`: a refusal of what was asked, or a rate limit. It says neither.
   */
  readonly outcome: 'ok' | 'failed' | 'waiting' | 'misconfigured' | 'neutral';
  readonly errorKind?: ErrorKind;
  /** From the sending to the answer, or to now. */
  readonly latencyMs: number | null;
  /** Of `mayPass` or `takeCheck`, where one was given. */
  readonly permit?: number | null;
  /** True where `waiting` was said of the same call before. */
  readonly wasWaiting?: boolean;
}

/** A change of status or circuit with what it rests on: an event's payload, bounded and without personal data. */
export interface HealthChange {
  readonly at: number;
  readonly from: HealthStatus;
  readonly to: HealthStatus;
  readonly circuitFrom: CircuitState;
  readonly circuitTo: CircuitState;
  readonly reason: HealthReason;
  /** Since when the status was what it was; null where nothing was known before. */
  readonly since: number | null;
  /** In the window (health-evidence.ts), rounded. */
  readonly ok: number;
  readonly failed: number;
  readonly failuresInRow: number;
  readonly goodTrials: number;
  /** 0 to 1, four decimals. */
  readonly errorRate: number;
  readonly p95LatencyMs: number | null;
  readonly lastError: ErrorKind | null;
  /** When an open circuit lets the next trial through. */
  readonly retryAt: number | null;
}

const PERMITS_MAX = 100;
const BUCKETS_MAX = 100;

/**
 * Reads what a row holds. What another version wrote, or nobody can read, is as if nothing were known: a few calls tell
 * anew, and an outage of our own making would be worse.
 */
export function readHealth(value: unknown): HealthState {
  return hasShapeOf(value, INITIAL_HEALTH) && isKnown(value as HealthState) ? (value as HealthState) : INITIAL_HEALTH;
}

function isKnown({ v, status, circuit }: HealthState): boolean {
  return v === 1 && HEALTH_STATUSES.includes(status) && CIRCUIT_STATES.includes(circuit.state);
}

/** Null in the template stands for a number, a text or null; an empty object for a histogram. */
function hasShapeOf(value: unknown, template: unknown): boolean {
  if (template === null) return value === null || typeof value === 'string' || Number.isFinite(value);
  if (typeof template === 'number') return Number.isFinite(value);
  if (typeof template !== 'object') return typeof value === typeof template;
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(template)) return Array.isArray(value) && value.length <= PERMITS_MAX && value.every(isPermit);
  const entries = Object.entries(template);
  if (entries.length > 0)
    return entries.every(([key, inner]) => hasShapeOf((value as Record<string, unknown>)[key], inner));
  const weights = Object.values(value);
  return weights.length <= BUCKETS_MAX && weights.every((weight) => Number.isFinite(weight));
}

function isPermit(value: unknown): boolean {
  return hasShapeOf(value, { id: 1, until: 1 });
}
