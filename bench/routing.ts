import type { RoutingContext, RoutingSlot, RoutingSnapshot } from '../src/domain/routing-decision.ts';
import { decide } from '../src/domain/routing.ts';
import { compileSnapshot } from '../src/domain/routing-snapshot.ts';

const SLOTS = 50;
const PRIORITIES = 5;
const CONTEXTS = 1_000;
/** Between two looks at the clock. */
const BATCH = 1_000;
const ROUNDS = 5;

export interface RoutingResults {
  /** Whole decisions over 50 slots, all reasons and the order of all accepted, in a second of one core's time. */
  readonly decisionsPerSecond: number;
  /** A call of a function that looks its context up and gives an object back: what any decision costs at least. */
  readonly bareCallsPerSecond: number;
}

/** The two in turns, so that a busy moment of the machine hits both. */
export function measureRouting(seconds: number, log: (line: string) => void): RoutingResults {
  const snapshot = compileSnapshot(snapshotOf());
  const contexts = Array.from({ length: CONTEXTS }, (_, index) => contextOf(index));
  check(contexts.map((context) => decide(snapshot, context).candidates.length));
  const slices = seconds / (2 * (ROUNDS + 1));
  const decisions: number[] = [];
  const calls: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    decisions.push(rate(slices, (index) => decide(snapshot, contexts[index]!).candidates.length));
    calls.push(rate(slices, (index) => bare(contexts[index]!).length));
  }
  // The first round warms up and does not count.
  const results = { decisionsPerSecond: median(decisions.slice(1)), bareCallsPerSecond: median(calls.slice(1)) };
  log(`  ${Math.round(results.decisionsPerSecond)} decisions a second of one core over ${SLOTS} slots`);
  const times = results.bareCallsPerSecond / results.decisionsPerSecond;
  log(`  ${Math.round(results.bareCallsPerSecond)} bare calls a second: a decision costs ${Math.round(times)} of them`);
  return results;
}

function bare(context: RoutingContext): { readonly length: number } {
  return { length: context.requestKey?.length ?? 0 };
}

/**
 * How often the work is done in a second of processor time, collecting its garbage included: that is what one core does,
 * however many others want it. The results are added up, so that none of the work is left out.
 */
function rate(seconds: number, work: (index: number) => number): number {
  const before = process.cpuUsage();
  const until = performance.now() + seconds * 1000;
  let [done, sum] = [0, 0];
  while (performance.now() < until) {
    for (let index = 0; index < BATCH; index += 1) sum += work(index % CONTEXTS);
    done += BATCH;
  }
  if (!(sum > 0)) throw new Error('The work gave nothing.');
  const { user, system } = process.cpuUsage(before);
  return (done / (user + system)) * 1_000_000;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** @throws Error where a decision leaves a slot out: then its speed means nothing. */
function check(sizes: readonly number[]): void {
  if (sizes.some((size) => size !== SLOTS)) throw new Error(`A decision does not hold all ${SLOTS} candidates.`);
}

/** Ten slots to a priority with shares of traffic, every second with rules, some off, some ill. */
function snapshotOf(): RoutingSnapshot {
  const slots = Array.from({ length: SLOTS }, (_, index): RoutingSlot => {
    const rules =
      index % 2 === 0
        ? { currencyAllow: ['EGP', 'USD', 'EUR'], countryDeny: ['KP'], amountMin: '10', amountMax: '250000.50' }
        : { languageAllow: ['ar', 'en'], travelFrom: '2026-01-01', travelTo: '2027-12-31' };
    return {
      id: `slot-${index}`,
      tenantId: null,
      vertical: 'LODGING',
      providerSlug: `provider-${index}`,
      enabled: index % 17 !== 0,
      priority: Math.floor(index / (SLOTS / PRIORITIES)) * 10,
      rules: index % 3 === 0 ? { ...rules, trafficShare: 20 } : rules,
    };
  });
  const slugs = slots.map(({ providerSlug }) => providerSlug);
  return {
    slots,
    providers: Object.fromEntries(
      slugs.map((slug) => [slug, { enabled: true, verticals: ['LODGING'], credentials: 'ACTIVE' }]),
    ),
    health: Object.fromEntries(
      slugs.map((slug, index) => [
        slug,
        index % 11 === 0 ? { status: 'UNHEALTHY', circuit: 'OPEN' } : { status: 'HEALTHY', circuit: 'CLOSED' },
      ]),
    ),
    budgets: Object.fromEntries(slugs.map((slug, index) => [slug, { exhausted: index % 13 === 0 }])),
  };
}

function contextOf(index: number): RoutingContext {
  return {
    vertical: 'LODGING',
    tenantId: `tenant-${index % 20}`,
    currencyCode: ['EGP', 'USD', 'SAR'][index % 3]!,
    countryCode: ['EG', 'US', 'SA', 'KP'][index % 4]!,
    language: ['ar-EG', 'en', 'fr'][index % 3]!,
    amountMinor: BigInt(index * 1_000),
    travelDate: '2026-08-01',
    requestKey: `0199d1f2-7a3b-7c4d-8e5f-${index.toString(16).padStart(12, '0')}`,
  };
}
