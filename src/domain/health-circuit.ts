/**
 * The circuit of a provider (PRV-12): closed, open for a pause that doubles, half open for a few trials at a time. A
 * trial takes a permit, and a permit ends by itself, so a process that dies with one holds nobody up.
 */
import type { Circuit, HealthSettings } from './health-state.ts';

/** @param jitter in [0, 1): shortens the pause by up to a fifth, so that providers that fell together do not rise in step */
export function openCircuit(circuit: Circuit, at: number, settings: HealthSettings, jitter: number): Circuit {
  const isCalm = circuit.closedAt === null || at - circuit.closedAt >= settings.calmMs;
  const isReopened = circuit.state !== 'CLOSED';
  const openings = !isReopened && isCalm ? 1 : Math.min(circuit.openings + 1, OPENINGS_MAX);
  const pauseMs = Math.min(settings.pauseMsMax, settings.pauseMs * 2 ** (openings - 1));
  const openUntil = at + Math.round(pauseMs * (1 - JITTER_PART * (jitter > 0 ? Math.min(1, jitter) : 0)));
  return { ...circuit, state: 'OPEN', openedAt: at, openUntil, openings, goodTrials: 0, permits: [] };
}

const OPENINGS_MAX = 32;
const JITTER_PART = 0.2;

export function closeCircuit(circuit: Circuit, at: number): Circuit {
  return { ...circuit, state: 'CLOSED', openUntil: null, closedAt: at, goodTrials: 0, permits: [] };
}

/** Begins the trials; the pause is over. */
export function halfOpenCircuit(circuit: Circuit): Circuit {
  return { ...circuit, state: 'HALF_OPEN', openUntil: null, goodTrials: 0, permits: [] };
}

/** A pause that ends further away than any is was written by a clock that is wrong, and holds nobody. */
export function isPauseOver({ openUntil }: Circuit, now: number, { pauseMsMax }: HealthSettings): boolean {
  return openUntil === null || now >= openUntil || openUntil - now > pauseMsMax;
}

/** Whether a call, live or active, may be made now. */
export function hasPermit(circuit: Circuit, now: number, settings: HealthSettings): boolean {
  if (circuit.state === 'CLOSED') return true;
  if (circuit.state === 'OPEN') return isPauseOver(circuit, now, settings);
  return livePermits(circuit, now, settings).length < settings.permitsMax;
}

/** Of a half-open circuit that has one. */
export function takePermit(circuit: Circuit, now: number, settings: HealthSettings): Circuit {
  const permit = { id: circuit.permitNext, until: now + settings.permitMs };
  const permits = [...livePermits(circuit, now, settings), permit];
  return { ...circuit, permits, permitNext: circuit.permitNext + 1 };
}

export function releasePermit(circuit: Circuit, permit: number | null = null): Circuit {
  if (permit === null || !circuit.permits.some(({ id }) => id === permit)) return circuit;
  return { ...circuit, permits: circuit.permits.filter(({ id }) => id !== permit) };
}

// The upper bound is for a clock that was wrong when the permit was taken.
function livePermits({ permits }: Circuit, now: number, { permitMs, permitsMax }: HealthSettings): Circuit['permits'] {
  return permits.filter(({ until }) => until > now && until - now <= permitMs).slice(-permitsMax);
}

/**
 * Whether an answer tells how the provider is after its pause: it came with a permit, or was sent after the circuit
 * opened. Late answers of calls that were under way then tell what is known already.
 */
export function isTrial(
  circuit: Circuit,
  { permit, startedAt, at }: { permit?: number | null; startedAt: number; at: number },
  settings: HealthSettings,
): boolean {
  if (circuit.state === 'HALF_OPEN' && circuit.permits.some(({ id }) => id === permit)) return true;
  if (circuit.state === 'OPEN' && !isPauseOver(circuit, at, settings)) return false;
  return startedAt > (circuit.openedAt ?? -Infinity);
}
