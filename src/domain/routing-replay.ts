/**
 * What a proposed configuration would have done with recorded traffic (BEY-5). A fold over pages of recorded
 * decisions: it keeps a count for each pair of providers and a bounded number of samples, however many there are.
 */
import type { RoutingContext } from './routing-decision.ts';
import { decide } from './routing.ts';
import type { CompiledSnapshot } from './routing-snapshot.ts';

export interface RecordedDecision {
  readonly id: string;
  readonly context: RoutingContext;
  /** Slug of the provider that was selected then, or null. */
  readonly selected: string | null;
}

/** Slugs, null for nobody. */
export interface ReplayMove {
  readonly from: string | null;
  readonly to: string | null;
  readonly count: number;
}

export interface ReplaySample {
  readonly decisionId: string;
  readonly from: string | null;
  readonly to: string | null;
}

export interface Replay {
  readonly decided: number;
  readonly moved: number;
  /**
   * How many the configuration of now, with the health handed in, decides otherwise than was recorded: health and
   * budgets of then are not known any more. The larger it is, the less the rest says.
   */
  readonly unlikeRecorded: number;
  /** Most frequent first. */
  readonly moves: readonly ReplayMove[];
  /** At least one of each move where there is room, in the order they came. */
  readonly samples: readonly ReplaySample[];
}

export const EMPTY_REPLAY: Replay = { decided: 0, moved: 0, unlikeRecorded: 0, moves: [], samples: [] };

/**
 * Folds one page into what is known. Both sides are decided anew, on the same health: so what differs is the
 * configuration's doing. A request moves when the provider it goes to first is another; another slot of the same is none.
 * @param samplesMax the same for all pages
 */
export function replay(
  known: Replay,
  page: Iterable<RecordedDecision>,
  { before, after, samplesMax }: { before: CompiledSnapshot; after: CompiledSnapshot; samplesMax: number },
): Replay {
  let { decided, moved, unlikeRecorded } = known;
  const moves = new Map(known.moves.map((move) => [pairOf(move), move]));
  let samples = known.samples;
  for (const { id, context, selected } of page) {
    const from = decide(before, context).selected?.providerSlug ?? null;
    const to = decide(after, context).selected?.providerSlug ?? null;
    decided += 1;
    if (from !== selected) unlikeRecorded += 1;
    if (from === to) continue;
    moved += 1;
    const count = (moves.get(pairOf({ from, to }))?.count ?? 0) + 1;
    moves.set(pairOf({ from, to }), { from, to, count });
    samples = withSample(samples, { decisionId: id, from, to }, samplesMax, count === 1);
  }
  return { decided, moved, unlikeRecorded, moves: [...moves.values()].toSorted(byCount), samples };
}

type Pair = Pick<ReplayMove, 'from' | 'to'>;

function pairOf({ from, to }: Pair): string {
  return JSON.stringify([from, to]);
}

function byCount(one: ReplayMove, other: ReplayMove): number {
  return other.count - one.count || (pairOf(one) < pairOf(other) ? -1 : 1);
}

/** The first of its kind finds room: the newest of those that have most gives way to it. */
function withSample(
  samples: readonly ReplaySample[],
  sample: ReplaySample,
  samplesMax: number,
  isFirst: boolean,
): readonly ReplaySample[] {
  if (samples.length < samplesMax) return [...samples, sample];
  if (!isFirst) return samples;
  const groups = [...Map.groupBy(samples, pairOf).values()];
  const largest = groups.reduce((most, group) => (group.length > most.length ? group : most), []);
  if (largest.length < 2) return samples;
  const goes = largest.at(-1);
  return [...samples.filter((one) => one !== goes), sample];
}
