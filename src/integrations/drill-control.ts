import { transmit } from './ask.ts';
import type { OutboundSend, Outcome } from './contract.ts';
import { notDone, unreadable } from './outcome.ts';

/** The sandboxes' own interface, as far as drills need it. They know nothing of tenants: a drill has a name. */
export interface SandboxDrill {
  /** Absent: books and clock stay as they are. */
  readonly seed?: string;
  readonly startAt?: string;
  readonly rules: readonly object[];
  readonly seconds: number;
}

export interface DrillControl {
  start(name: string, integration: string, drill: SandboxDrill): Promise<Outcome<null>>;
  stop(name: string, integration: string): Promise<Outcome<null>>;
}

const TIMEOUT_MS = 5_000;

/** @param sandboxes where all of them are served, without a slash at the end */
export function createDrillControl(send: OutboundSend, sandboxes: string): DrillControl {
  const ask = async (method: 'PUT' | 'DELETE', [name, integration]: [string, string], body?: unknown) => {
    const url = `${sandboxes}/_control/${encodeURIComponent(integration)}/drills/${encodeURIComponent(name)}`;
    const request = { method, url, ...(body !== undefined && { body: JSON.stringify(body) }) };
    // Sent once more it would do the same, so a lost answer is no more than that.
    const answered = await transmit(send, request, { call: { timeoutMs: TIMEOUT_MS }, effect: false });
    if ('kind' in answered) return answered;
    if (answered.status >= 500) return unreadable(answered.status, false);
    return answered.status === 200
      ? ({ kind: 'done', value: null } as const)
      : notDone('rejected', `the sandboxes refused the drill (${answered.status})`);
  };
  return {
    start: (name, integration, drill) => ask('PUT', [name, integration], drill),
    stop: (name, integration) => ask('DELETE', [name, integration]),
  };
}
