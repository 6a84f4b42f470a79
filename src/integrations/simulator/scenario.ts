import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Store } from './store.ts';

/**
 * Misbehaviour on demand. A scenario belongs to one account of one integration; its rules name an operation and when:
 * the nth call, a probability drawn from the seed, or always. The same seed and the same calls meet the same faults.
 */
export const FAULTS = [
  'slow',
  'slowAfter',
  'hang',
  'hangAfter',
  'resetBefore',
  'resetAfter',
  'status5xx',
  'status5xxAfter',
  'rateLimited',
  'malformedBody',
  'truncated',
  'oversized',
  'html405',
  'echoSecret',
  'wrongAmount',
  'wrongCurrency',
  'lostWebhook',
  'duplicateWebhook',
  'lateWebhook',
  'reorderedWebhooks',
  'forgedWebhook',
  /** The buyer is charged for the way of paying, on top of the price. */
  'additionalCharges',
  /** Ids of 18 digits as JSON numbers. */
  'numericIds',
  /** Nothing is certain at first; after `ms` it is paid. */
  'pendingFirst',
  /** The bank gave no answer; after `ms` it turns out paid, and the money went back by itself. */
  'droppedFirst',
  /** What was offered costs more now, or the vendor finds so when it is booked. */
  'priceChanged',
  'soldOut',
  /** A new booking is not shown before `ms` have passed. */
  'lateVisible',
  /** Taken, and nobody knows yet: it takes effect after `ms`, or never without. */
  'stateUnknown',
] as const;

export const Rule = z.strictObject({
  /** The vendor's operation, or * for every one. */
  operation: z.string().min(1).max(60),
  fault: z.enum(FAULTS),
  /** Only the nth call of the operation since the scenario was set, counted from 1. */
  nth: z.int().min(1).max(1_000_000).optional(),
  probability: z.number().min(0).max(1).optional(),
  /** Delay of slow, slowAfter, lateWebhook, pendingFirst, droppedFirst, lateVisible and stateUnknown. */
  ms: z.int().min(0).max(600_000).optional(),
  /** Status of status5xx. */
  status: z.int().min(500).max(599).optional(),
  retryAfterSeconds: z.int().min(0).max(3_600).optional(),
});

export const ScenarioInput = z.strictObject({
  integration: z.string().min(1).max(60),
  account: z.string().min(1).max(120),
  /**
   * Given: the account's books are emptied and everything it answers derives from this. Absent: only the rules
   * change.
   */
  seed: z
    .union([z.string().min(1).max(200), z.int()])
    .transform(String)
    .optional(),
  /** Where the scenario's own clock starts; it advances one second per call, whatever the real time. */
  startAt: z.iso.datetime().default('2030-01-01T00:00:00Z'),
  rules: z.array(Rule).max(100).default([]),
});

export type Fault = z.infer<typeof Rule>;
export type Scenario = z.infer<typeof ScenarioInput>;

export interface Scenarios {
  set(scenario: Scenario): void;
  get(integration: string, account: string): Scenario | undefined;
  remove(integration: string, account: string): void;
  /** Counts the call and says which fault it meets; the first rule that fits wins. */
  next(integration: string, account: string, operation: string): Fault | null;
}

const SCENARIOS = 'scenarios';
const COUNTS = 'scenarioCounts';

export function createScenarios(store: Store): Scenarios {
  const keyOf = (integration: string, account: string): string => `${integration}/${account}`;
  return {
    set: (scenario) => {
      const key = keyOf(scenario.integration, scenario.account);
      const before = store.get<Scenario>(SCENARIOS, key);
      // New rules without a seed keep the running world: same ids, same clock.
      const kept =
        scenario.seed === undefined && before !== undefined ? { seed: before.seed, startAt: before.startAt } : {};
      store.put(SCENARIOS, key, { ...scenario, ...kept });
      store.put(COUNTS, key, {});
    },
    get: (integration, account) => store.get<Scenario>(SCENARIOS, keyOf(integration, account)),
    remove: (integration, account) => {
      store.remove(SCENARIOS, keyOf(integration, account));
      store.remove(COUNTS, keyOf(integration, account));
    },
    next: (integration, account, operation) => {
      const key = keyOf(integration, account);
      const scenario = store.get<Scenario>(SCENARIOS, key);
      if (!scenario || scenario.rules.length === 0) return null;
      const counts = { ...store.get<Record<string, number>>(COUNTS, key) };
      const nth = (counts[operation] ?? 0) + 1;
      counts[operation] = nth;
      store.put(COUNTS, key, counts);
      return (
        scenario.rules.find((rule, index) => applies(rule, index, operation, nth, scenario.seed ?? scenario.account)) ??
        null
      );
    },
  };
}

function applies(rule: Fault, index: number, operation: string, nth: number, seed: string): boolean {
  if (rule.operation !== '*' && rule.operation !== operation) return false;
  if (rule.nth !== undefined) return rule.nth === nth;
  return rule.probability === undefined || drawn(seed, `${index}:${operation}:${nth}`) < rule.probability;
}

/** A number in [0, 1) that depends on the seed and the name only. */
export function drawn(seed: string, name: string): number {
  return createHash('sha256').update(`${seed}\n${name}`).digest().readUInt32BE(0) / 2 ** 32;
}
