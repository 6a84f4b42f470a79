import { z } from 'zod';
import type { Deliveries } from './deliveries.ts';
import { Rule, type Scenarios } from './scenario.ts';
import type { Store } from './store.ts';

/**
 * Drills: misbehaviour for those who call under a name, `/_drill/{name}/{integration}/...`, whichever account they use.
 * Several callers may share an account at a vendor, and what one of them tries out is nobody else's business. With a
 * seed a drill has a vendor to itself: empty books, a clock of its own, and everything it answers derives from the seed
 * and the name. Each ends by itself.
 */
export const DrillInput = z.strictObject({
  /** Absent: the rules change, and books and clock stay as they are. */
  seed: z.string().min(1).max(200).optional(),
  /** Where the clock of its own starts; it advances one second per call. */
  startAt: z.iso.datetime().default('2030-01-01T00:00:00Z'),
  rules: z.array(Rule).max(100).default([]),
  seconds: z.int().min(1).max(3_600),
});
export type DrillInput = z.infer<typeof DrillInput>;

export const DRILL_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** A drill that has not ended. */
export interface Drill {
  readonly name: string;
  readonly integration: string;
  readonly untilMs: number;
  readonly ownBooks: boolean;
}

export interface Drills {
  start(name: string, integration: string, input: DrillInput): void;
  stop(name: string, integration: string): void;
  running(name: string, integration: string): Drill | null;
  /** Under which name scenarios and deliveries know it: no account can be called so. */
  accountOf(name: string): string;
  /** Is told when the books of a drill are over. */
  onForgotten(listener: (name: string, integration: string) => void): void;
}

const DRILLS = 'drills';
const DRILLS_MAX = 200;

export interface DrillsOptions {
  readonly store: Store;
  readonly scenarios: Scenarios;
  readonly deliveries: Deliveries;
  readonly now: () => Date;
}

export function openDrills({ store, scenarios, deliveries, now }: DrillsOptions): Drills {
  const keyOf = (name: string, integration: string): string => `${integration}/${name}`;
  const accountOf = (name: string): string => `@${name}`;
  let forgotten: (name: string, integration: string) => void = () => undefined;

  const forget = ({ name, integration, ownBooks }: Drill): void => {
    if (!ownBooks) return;
    deliveries.dropAccount(integration, accountOf(name));
    forgotten(name, integration);
  };
  const stop = (name: string, integration: string): void => {
    const drill = store.get<Drill>(DRILLS, keyOf(name, integration));
    if (!drill) return;
    store.remove(DRILLS, keyOf(name, integration));
    scenarios.remove(integration, accountOf(name));
    forget(drill);
  };
  const running = (name: string, integration: string): Drill | null => {
    const drill = store.get<Drill>(DRILLS, keyOf(name, integration));
    if (drill && drill.untilMs > now().getTime()) return drill;
    stop(name, integration);
    return null;
  };
  // Nobody is waited for: whoever begins one ends those that are over, and the one that ends first where there are too many.
  const makeRoom = (): void => {
    for (const [, { name, integration }] of [...store.entries<Drill>(DRILLS)]) running(name, integration);
    const rest = [...store.entries<Drill>(DRILLS)].map(([, drill]) => drill);
    const first = rest.toSorted((one, other) => one.untilMs - other.untilMs)[0];
    if (first && rest.length >= DRILLS_MAX) stop(first.name, first.integration);
  };

  return {
    accountOf,
    running,
    stop,
    onForgotten: (listener) => (forgotten = listener),
    start: (name, integration, { seed, startAt, rules, seconds }) => {
      const before = running(name, integration);
      if (before === null) makeRoom();
      else if (seed !== undefined) forget(before);
      const untilMs = now().getTime() + seconds * 1_000;
      const ownBooks = seed !== undefined || before?.ownBooks === true;
      store.put(DRILLS, keyOf(name, integration), { name, integration, untilMs, ownBooks } satisfies Drill);
      // Names of things that two drills of one seed make must differ: a vendor's numbers are its own.
      const named = seed === undefined ? {} : { seed: `${name}\n${seed}` };
      scenarios.set({ integration, account: accountOf(name), startAt, rules, ...named });
    },
  };
}
