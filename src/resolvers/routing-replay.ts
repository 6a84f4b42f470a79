import { authorize } from '../access.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Context } from '../context.ts';
import { EMPTY_REPLAY, replay, type RecordedDecision, type Replay } from '../domain/routing-replay.ts';
import type { RoutingContext, Vertical } from '../domain/routing-decision.ts';
import { compileSnapshot } from '../domain/routing-snapshot.ts';
import { invalidInput } from '../errors.ts';
import type { DecisionPurpose } from '../providers/decisions.ts';
import { refusePlatform } from './configuration.ts';
import { decisionsByIds, ofVertical, type DecisionRow } from './routing-read.ts';
import { supposed, type HypothesisInput } from './routing-suppose.ts';

export interface ReplayInput extends HypothesisInput {
  readonly vertical: Vertical;
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive; now, unless told. */
  readonly to?: Date | null | undefined;
  /** All, unless told. */
  readonly purposes?: readonly DecisionPurpose[] | null | undefined;
  readonly samples?: number | null | undefined;
}

export interface ReplayAnswer extends Omit<Replay, 'samples'> {
  /** False: there are older ones in the period that were not looked at; it was looked back to `reached`. */
  readonly complete: boolean;
  readonly reached: Date;
  readonly samples: readonly ReplaySampleShown[];
}

export interface ReplaySampleShown {
  readonly decision: DecisionRow;
  readonly from: string | null;
  readonly to: string | null;
}

const PAGE_SIZE = 1_000;
/** As long as decisions are kept, and a day. */
const PERIOD_MS_MAX = 31 * 86_400_000;
const SAMPLES = 10;
const SAMPLES_MAX = 50;
/** Of the request's time, left to answer in. */
const MARGIN_MS = 2_000;

/**
 * What proposed slots, or providers that are down, would have done with the tenant's recorded decisions of a period (BEY-5): newest
 * first, page by page in one snapshot, until the period or the request's time is over. What the answer rests on is said in it.
 * @throws INVALID_INPUT, NOT_FOUND, INVALID_STATE at home on the platform, which has no requests of its own
 */
export async function replayRouting(ctx: Context, input: ReplayInput): Promise<ReplayAnswer> {
  authorize(ctx, 'routing.replay');
  refusePlatform(ctx.scope.tenantId === PLATFORM_TENANT_ID, 'recorded decisions');
  const period = periodOf(ctx, input);
  const samplesMax = input.samples ?? SAMPLES;
  if (samplesMax < 0 || samplesMax > SAMPLES_MAX)
    throw invalidInput(`There are from 0 to ${SAMPLES_MAX} samples.`, ['input', 'samples']);
  const { snapshot: now } = await ctx.app.providers.routing();
  // Both sides without what no decision of this tenant can name.
  const before = supposed(ctx, now, {}, ['input']).snapshot;
  const after = supposed(ctx, now, input, ['input']).snapshot;
  const sides = { before: compileSnapshot(before), after: compileSnapshot(after) };
  const folded = await foldAll(ctx, input, period, { ...sides, samplesMax });
  return { ...folded.known, ...folded.extent, samples: await samplesOf(ctx, folded.known.samples) };
}

interface Period {
  readonly from: Date;
  readonly to: Date;
}

function periodOf(ctx: Context, input: ReplayInput): Period {
  const { from } = input;
  const to = input.to ?? ctx.app.clock.now();
  if (from >= to) throw invalidInput('The period ends before it begins.', ['input', 'to']);
  if (+to - +from > PERIOD_MS_MAX) throw invalidInput('A period has 31 days at most.', ['input', 'from']);
  return { from, to };
}

interface ReadRow {
  readonly id: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly selected: string | null;
  readonly decidedAt: Date;
  readonly cursorAt: string;
}

async function foldAll(
  ctx: Context,
  { vertical, purposes }: ReplayInput,
  { from, to }: Period,
  how: Parameters<typeof replay>[2],
): Promise<{ known: Replay; extent: Pick<ReplayAnswer, 'complete' | 'reached'> }> {
  const text = `select d.id, d.context, d.selected_slug as selected, d.decided_at as "decidedAt", d.decided_at::text as "cursorAt"
    from routing_decisions d where d.tenant_id = current_tenant() ${ofVertical('d', vertical)}
      and d.decided_at >= $1 and (d.decided_at, d.id) < ($2::timestamptz, $3::uuid) and ($4::text[] is null or d.purpose = any($4))
    order by d.decided_at desc, d.id desc limit ${PAGE_SIZE}`;
  let [known, reached] = [EMPTY_REPLAY, to];
  let place = { at: to.toISOString(), id: FIRST_ID };
  for (;;) {
    if (isLate(ctx)) return { known, extent: { complete: false, reached } };
    const rows = await ctx.reads.query<ReadRow>(text, [from, place.at, place.id, purposes ?? null]);
    known = replay(known, recorded(ctx, vertical, rows), how);
    const last = rows.at(-1);
    if (last) [place, reached] = [{ at: last.cursorAt, id: last.id }, last.decidedAt];
    if (rows.length < PAGE_SIZE) return { known, extent: { complete: true, reached: from } };
  }
}

/** Before all ids: what was decided at the very end of the period does not belong to it. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

function isLate({ app, deadlineAtMs }: Context): boolean {
  return app.clock.now().getTime() > deadlineAtMs - MARGIN_MS;
}

function* recorded(ctx: Context, vertical: Vertical, rows: readonly ReadRow[]): Generator<RecordedDecision> {
  for (const { id, context, selected } of rows)
    yield { id, selected, context: contextOf(ctx.scope.tenantId, vertical, context) };
}

/** As it was written down (routing.ts); what an older version did not write is what nobody said. */
function contextOf(
  tenantId: string,
  vertical: Vertical,
  { currencyCode, countryCode, language, amountMinor, travelDate, requestKey }: Readonly<Record<string, unknown>>,
): RoutingContext {
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  const minor = text(amountMinor);
  return {
    vertical,
    tenantId,
    currencyCode: text(currencyCode),
    countryCode: text(countryCode),
    language: text(language),
    amountMinor: minor !== null && /^\d{1,18}$/.test(minor) ? BigInt(minor) : null,
    travelDate: text(travelDate),
    requestKey: text(requestKey),
  };
}

async function samplesOf(ctx: Context, samples: Replay['samples']): Promise<ReplaySampleShown[]> {
  if (samples.length === 0) return [];
  const rows = await decisionsByIds(
    ctx,
    samples.map(({ decisionId }) => decisionId),
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  return samples.map(({ decisionId, from, to }) => ({ decision: byId.get(decisionId)!, from, to }));
}
