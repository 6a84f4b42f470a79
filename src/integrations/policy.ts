import { AsyncLocalStorage } from 'node:async_hooks';
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  CircuitState,
  ConsecutiveBreaker,
  SamplingBreaker,
  bulkhead,
  circuitBreaker,
  handleWhenResult,
  retry,
  wrap,
} from 'cockatiel';
import type { Clock } from '../clock.ts';
import type { OutboundCall, OutboundSend, Outcome } from './contract.ts';
import { createRateWatch } from './rate-watch.ts';

/**
 * What stands around every call to an outside party, once: deadline, bounded concurrency, circuit, retry of
 * what is safe
 * to repeat, rate limits. One policy per integration; inside it each host has its own circuit and queue, so that a
 * staging system that is down costs live customers nothing.
 */

export type CircuitName = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** What GET /health and the operations page show of an integration (COM-13). */
export interface IntegrationSnapshot {
  /** `idle` until the first call: nothing is known, and asking only to know would spend the vendor's rate limit. */
  readonly status: 'healthy' | 'degraded' | 'down' | 'idle';
  readonly circuit: CircuitName;
  readonly lastResponseMs: number | null;
  readonly lastCheckedAt: Date | null;
  /** As the vendor last said, of the account called last (calls, or percent: rate-watch.ts); null where it says nothing. */
  readonly rateLimitRemaining: number | null;
}

/** One finished call, for metrics. `outcome` is a closed set: done, unknown, or the reason of a notDone. */
export interface CallObservation {
  readonly integration: string;
  readonly operation: string;
  readonly outcome: 'done' | 'unknown' | 'rejected' | 'unavailable' | 'rateLimited' | 'misconfigured';
  readonly ms: number;
}

export interface PolicyLimits {
  readonly concurrentMax: number;
  readonly queuedMax: number;
  /** Consecutive failures that open the circuit; a steady share of half the calls opens it too. */
  readonly failuresToOpen: number;
  readonly openMs: number;
  /** Repeats of a safe operation after its first try. */
  readonly retriesMax: number;
  readonly retryBaseMs: number;
  /** How long an account is left alone after a 429 that names no time. */
  readonly rateLimitPauseMs: number;
}

export const DEFAULT_LIMITS: PolicyLimits = {
  concurrentMax: 128,
  queuedMax: 512,
  failuresToOpen: 8,
  openMs: 10_000,
  retriesMax: 2,
  retryBaseMs: 100,
  rateLimitPauseMs: 5_000,
};

export interface PolicyOptions {
  readonly integration: string;
  readonly clock: Clock;
  /** In [0, 1); spreads retries, so that many processes do not knock in step. */
  readonly random: () => number;
  readonly observe?: (observation: CallObservation) => void;
  readonly limits?: Partial<PolicyLimits>;
  /** `elsewhere`: whoever calls has a circuit that all processes share. */
  readonly circuit?: 'own' | 'elsewhere';
}

export interface PolicyOperation {
  readonly name: string;
  /** True only where repeating cannot have a second effect. */
  readonly safe: boolean;
  /** The base URL called: its host decides which circuit and queue apply. */
  readonly baseUrl: string;
}

export interface IntegrationPolicy {
  /** Never rejects for what the other side does; rejects only for defects of ours (such as an open transaction). */
  run<T>(
    operation: PolicyOperation,
    call: OutboundCall,
    work: (call: OutboundCall) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>>;
  /** The sender a client must use: it honours and records the vendor's rate limits. */
  watch(send: OutboundSend): OutboundSend;
  snapshot(): IntegrationSnapshot;
}

const HOSTS_MAX = 64;
/** A remaining budget below this is not worth a try. */
const LEAST_BUDGET_MS = 5;

export function createPolicy(options: PolicyOptions): IntegrationPolicy {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const rates = createRateWatch(options.clock, limits.rateLimitPauseMs);
  const lanes = new Map<string, Lane>();
  let last: { at: Date; ms: number; healthy: boolean } | null = null;

  const laneOf = (baseUrl: string): Lane => {
    const host = URL.parse(baseUrl)?.host ?? 'invalid';
    let lane = lanes.get(host);
    if (!lane) {
      // The oldest host goes first: a bound on what tenants' own base URLs can make us remember.
      if (lanes.size >= HOSTS_MAX) lanes.delete(lanes.keys().next().value ?? '');
      lane = createLane(limits, options.circuit ?? 'own');
      lanes.set(host, lane);
    }
    return lane;
  };

  return {
    async run(operation, call, work) {
      const startedAt = options.clock.now().getTime();
      const outcome = await runInLane(laneOf(operation.baseUrl), operation, call, work, options, limits);
      const ms = Math.max(0, options.clock.now().getTime() - startedAt);
      const label = outcome.kind === 'notDone' ? outcome.reason : outcome.kind;
      last = { at: options.clock.now(), ms, healthy: !isFailure(outcome) };
      options.observe?.({ integration: options.integration, operation: operation.name, outcome: label, ms });
      return outcome;
    },
    watch: (send) => rates.watch(send),
    snapshot: () => {
      const circuit = worstCircuit([...lanes.values()]);
      return {
        status:
          last === null
            ? 'idle'
            : circuit === 'OPEN'
              ? 'down'
              : circuit === 'HALF_OPEN' || !last.healthy
                ? 'degraded'
                : 'healthy',
        circuit,
        lastResponseMs: last?.ms ?? null,
        lastCheckedAt: last?.at ?? null,
        rateLimitRemaining: rates.remaining(),
      };
    },
  };
}

type Attempt = () => Promise<Outcome<unknown>>;

interface Lane {
  run(attempt: Attempt): Promise<Outcome<unknown>>;
  circuit(): CircuitName;
}

/**
 * Only these say that the other side is unwell. A refusal, a wrong credential or a rate limit is the caller's
 * own affair.
 */
function isFailure(outcome: unknown): boolean {
  const { kind, reason } = outcome as { kind: string; reason?: string };
  return kind === 'unknown' || (kind === 'notDone' && reason === 'unavailable');
}

function createLane(limits: PolicyLimits, circuit: 'own' | 'elsewhere'): Lane {
  const room = bulkhead(limits.concurrentMax, limits.queuedMax);
  if (circuit === 'elsewhere') return { run: (attempt) => room.execute(attempt), circuit: () => 'CLOSED' };
  const failed = handleWhenResult(isFailure);
  const consecutive = circuitBreaker(failed, {
    halfOpenAfter: limits.openMs,
    breaker: new ConsecutiveBreaker(limits.failuresToOpen),
  });
  const share = circuitBreaker(failed, {
    halfOpenAfter: limits.openMs,
    breaker: new SamplingBreaker({ threshold: 0.5, duration: 30_000, minimumRps: 2 }),
  });
  const lane = wrap(room, consecutive, share);
  return {
    run: (attempt) => lane.execute(attempt),
    circuit: () => nameOf([consecutive.state, share.state]),
  };
}

async function runInLane<T>(
  lane: Lane,
  operation: PolicyOperation,
  call: OutboundCall,
  work: (call: OutboundCall) => Promise<Outcome<T>>,
  options: PolicyOptions,
  limits: PolicyLimits,
): Promise<Outcome<T>> {
  const deadline = options.clock.now().getTime() + call.timeoutMs;
  const left = (): number => deadline - options.clock.now().getTime();
  const turn = { underWay: false, over: false };
  let latest: Outcome<T> = {
    kind: 'notDone',
    reason: 'unavailable',
    detail: 'the deadline passed while the call waited for its turn',
  };
  const attempt = async (): Promise<Outcome<T>> => {
    // Thrown, not returned: our own queue says nothing about the other side and must not open its circuit.
    if (turn.over || left() < LEAST_BUDGET_MS) throw new TurnMissed();
    turn.underWay = true;
    try {
      latest = await work({ ...call, timeoutMs: left() });
      return latest;
    } finally {
      turn.underWay = false;
    }
  };
  const attempts = retry(
    handleWhenResult((outcome) => operation.safe && isFailure(outcome) && left() > LEAST_BUDGET_MS),
    {
      maxAttempts: limits.retriesMax,
      backoff: jittered(limits.retryBaseMs, options.random, left),
    },
  );
  // Bound, because a queue continues in whoever made room, and the guard against open transactions looks at the caller.
  const bound = AsyncLocalStorage.bind(attempt);
  const running = attempts.execute(() => lane.run(bound) as Promise<Outcome<T>>);
  try {
    return await Promise.race<Outcome<T>>([running, turnMissed(call.timeoutMs, turn, running)]);
  } catch (error) {
    return refusal(error, latest);
  }
}

/** A call whose time ran out before it could be sent (again). */
class TurnMissed extends Error {}

/**
 * A call that waits when its time is up ends there and is never sent after it; one under way ends by its own
 * time-out.
 */
async function turnMissed(
  timeoutMs: number,
  turn: { underWay: boolean; over: boolean },
  running: Promise<unknown>,
): Promise<never> {
  return new Promise((_resolve, reject) => {
    const timer = setTimeout(() => {
      if (turn.underWay) return;
      turn.over = true;
      reject(new TurnMissed());
    }, timeoutMs);
    const settle = (): void => clearTimeout(timer);
    running.then(settle, settle);
  });
}

/** What never left: a full queue or an open circuit. Everything else that is thrown is a defect and stays one. */
function refusal<T>(error: unknown, latest: Outcome<T>): Outcome<T> {
  if (error instanceof TurnMissed) return latest;
  if (error instanceof BrokenCircuitError) {
    return { kind: 'notDone', reason: 'unavailable', detail: 'the circuit is open' };
  }
  if (error instanceof BulkheadRejectedError)
    return { kind: 'notDone', reason: 'unavailable', detail: 'too many calls are under way' };
  throw error;
}

/** Full jitter around a doubling base, never past the deadline. */
function jittered(
  baseMs: number,
  random: () => number,
  left: () => number,
): { next(context: { attempt: number }): { duration: number; next: never } } {
  const next = (context: { attempt: number }): { duration: number; next: never } => ({
    duration: Math.max(0, Math.min(left(), baseMs * 2 ** (context.attempt - 1) * (0.5 + random()))),
    next: next as never,
  });
  return { next };
}

function nameOf(states: readonly CircuitState[]): CircuitName {
  if (states.includes(CircuitState.Open) || states.includes(CircuitState.Isolated)) return 'OPEN';
  return states.includes(CircuitState.HalfOpen) ? 'HALF_OPEN' : 'CLOSED';
}

function worstCircuit(lanes: readonly Lane[]): CircuitName {
  const names = lanes.map((lane) => lane.circuit());
  return names.includes('OPEN') ? 'OPEN' : names.includes('HALF_OPEN') ? 'HALF_OPEN' : 'CLOSED';
}
