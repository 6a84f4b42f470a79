import { createHash } from 'node:crypto';
import type { SimulatorWorld } from './types.ts';

/** Where a simulated vendor's times, numbers and ids come from: real, or a scenario's own and then always the same. */
export interface AccountClock {
  /** @returns which call of the account it is */
  countCall(account: string): number;
  /** The next number of a thing, from 1. */
  next(account: string, thing: string): number;
  /** The account's time: real, or its scenario's own, one second per call. */
  now(account: string): Date;
  realNow(): Date;
  /** Hexadecimal digits that depend on the account, its seed and the name only. */
  derive(account: string, name: string): string;
  forget(account: string): void;
}

const COUNTERS = 'counters';
const CALLS = 'calls';

/** @param vendor tells the vendors' ids apart */
export function openAccountClock(world: SimulatorWorld, vendor: string): AccountClock {
  const { store } = world;
  const counters = (account: string): Readonly<Record<string, number>> => store.get(COUNTERS, account) ?? {};
  const next = (account: string, thing: string): number => {
    const before = counters(account);
    const number = (before[thing] ?? 0) + 1;
    store.put(COUNTERS, account, { ...before, [thing]: number });
    return number;
  };
  return {
    countCall: (account) => next(account, CALLS),
    next,
    now: (account) => {
      const seeded = world.seedOf(account);
      return seeded ? new Date(Date.parse(seeded.startAt) + (counters(account)[CALLS] ?? 0) * 1_000) : world.now();
    },
    realNow: () => world.now(),
    derive: (account, name) => digest(`${vendor}\n${account}\n${world.seedOf(account)?.seed ?? ''}\n${name}`),
    forget: (account) => store.remove(COUNTERS, account),
  };
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** `249.90`, also below zero. */
export function majorUnits(cents: number): string {
  const whole = Math.trunc(Math.abs(cents) / 100);
  return `${cents < 0 ? '-' : ''}${whole}.${String(Math.abs(cents) % 100).padStart(2, '0')}`;
}

/** Writes `YYYY-MM-DD HH:MM:SS` in a zone, without saying so, as vendors do. */
export function wallClock(timeZone: string): (at: Date) => string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return (at) => format.format(at);
}
