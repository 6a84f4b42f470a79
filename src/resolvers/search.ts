import { createHash } from 'node:crypto';

import type { Context } from '../context.ts';
import type { RoutingCandidate, RoutingContext, Vertical } from '../domain/routing-decision.ts';
import { invalidInput } from '../errors.ts';
import type { OutboundCall, Outcome } from '../integrations/contract.ts';
import type { Found, ProviderConnection, Traveller } from '../integrations/travel.ts';
import type { ClientOf } from '../providers/contract.ts';
import { labelOf, record, route, type TakenDecision } from './routing.ts';

/** What a search of either kind says besides what is searched for. */
export interface SearchAsk {
  readonly currencyCode: string;
  readonly countryCode: string;
  readonly locale: string;
  readonly travelDate: string;
  readonly deadlineMs: number | null;
}

export interface SearchAnswer<Offer> {
  readonly taken: TakenDecision;
  /** Null where nobody answered. */
  readonly answeredBy: RoutingCandidate | null;
  readonly found: Found<Offer>;
  readonly traveller: Traveller;
}

const DEADLINE_MS = 8_000;
const DEADLINE_MS_MIN = 200;
const DEADLINE_MS_MAX = 30_000;
/** Left for ourselves: the answer has to be written before the caller's deadline. */
const MARGIN_MS = 150;
/** What a candidate may use of the time left while there is another behind it. */
const SHARE_OF_TIME = 0.5;
/** Too little to be worth a call. */
const LEAST_MS = 100;
export const OFFERS_MAX = 100;

/**
 * Asks the candidates of a decision one after the other until one answers (PRV-10). Reading is safe to repeat elsewhere:
 * whoever is slow, refuses or is down is moved on from while there is time. The decision is written down with its end.
 */
export async function search<V extends Vertical, Offer extends { readonly expiresAt: Date | null }>(
  { ctx, vertical, ask }: { ctx: Context; vertical: V; ask: SearchAsk },
  asked: {
    /** The question as far as prices depend on it, for the cache; null: this candidate can't be asked this. */
    readonly questionFor: (
      candidate: RoutingCandidate,
      about: { isFirst: boolean; traveller: Traveller },
    ) => Readonly<Record<string, unknown>> | null;
    readonly work: (
      client: ClientOf[V],
      connection: ProviderConnection,
      call: OutboundCall,
      about: { candidate: RoutingCandidate; isFirst: boolean; traveller: Traveller },
    ) => Promise<Outcome<Found<Offer>>>;
  },
): Promise<SearchAnswer<Offer>> {
  const traveller = travellerOf(ctx, ask);
  const taken = await route(contextOf(ctx, vertical, ask, traveller), ctx.app);
  const sinceMs = ctx.app.clock.now().getTime();
  const deadlineAtMs = deadlineOf(ctx, ask.deadlineMs, sinceMs);
  const accepted = taken.decision.candidates.filter((candidate) => candidate.accepted);
  let last: Outcome<Found<Offer>> | null = null;
  for (const [index, candidate] of accepted.entries()) {
    const isFirst = index === 0;
    const question = asked.questionFor(candidate, { isFirst, traveller });
    const leftMs = deadlineAtMs - ctx.app.clock.now().getTime();
    if (question === null) continue;
    if (leftMs < LEAST_MS) break;
    const isLast = index === accepted.length - 1;
    const about = {
      slug: candidate.providerSlug,
      tenantId: ctx.scope.tenantId,
      operation: 'search',
      // A metasearch begins anew with each try, and each counts against its traveller.
      safe: vertical !== 'FLIGHTS_DISCOVERY',
      deadlineAtMs: deadlineAtMs - (isLast ? 0 : leftMs * (1 - SHARE_OF_TIME)),
      lastUsable: isLast,
      cacheKey: JSON.stringify([vertical, question]),
    };
    last = await ctx.app.providers.call(vertical, about, (client, connection, call) =>
      asked.work(client, connection, call, { candidate, isFirst, traveller }),
    );
    if (last.kind !== 'done') continue;
    const outcome = last.value.complete ? 'done' : 'partial';
    end(ctx, taken, { answeredSlug: candidate.providerSlug, outcome, sinceMs });
    return { taken, answeredBy: candidate, found: stillGood(last.value, ctx.app.clock.now()), traveller };
  }
  end(ctx, taken, { answeredSlug: null, outcome: last ? labelOf(last) : 'none', sinceMs });
  return { taken, answeredBy: null, found: nothing(last), traveller };
}

// A kept answer may be older than some of its offers live.
function stillGood<Offer extends { readonly expiresAt: Date | null }>(found: Found<Offer>, now: Date): Found<Offer> {
  const offers = found.offers.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
  return offers.length === found.offers.length ? found : { ...found, offers };
}

function end(
  ctx: Context,
  taken: TakenDecision,
  { answeredSlug, outcome, sinceMs }: { answeredSlug: string | null; outcome: string; sinceMs: number },
): void {
  const latencyMs = Math.max(0, Math.round(ctx.app.clock.now().getTime() - sinceMs));
  record(taken, { ctx, purpose: 'SEARCH' }, { answeredSlug, outcome, latencyMs });
}

// Said, not thrown: the decision tells why, and other fields of the document have their answers.
function nothing<Offer>(last: Outcome<Found<Offer>> | null): Found<Offer> {
  const reason =
    last === null
      ? 'No provider serves this request; the decision says why.'
      : 'No provider could answer in time. Please try again.';
  return { offers: [], complete: false, incompleteReason: reason };
}

function deadlineOf(ctx: Context, deadlineMs: number | null, nowMs: number): number {
  if (deadlineMs !== null && (deadlineMs < DEADLINE_MS_MIN || deadlineMs > DEADLINE_MS_MAX))
    throw invalidInput(`A deadline is from ${DEADLINE_MS_MIN} to ${DEADLINE_MS_MAX} ms.`, ['input', 'deadlineMs']);
  return Math.min(nowMs + (deadlineMs ?? DEADLINE_MS), ctx.deadlineAtMs) - MARGIN_MS;
}

function contextOf(ctx: Context, vertical: Vertical, ask: SearchAsk, traveller: Traveller): RoutingContext {
  return {
    vertical,
    tenantId: ctx.scope.tenantId,
    currencyCode: ask.currencyCode,
    countryCode: ask.countryCode,
    language: ask.locale,
    amountMinor: null,
    travelDate: ask.travelDate,
    // One person is always sent the same way while nothing changes.
    requestKey: traveller.sessionId,
  };
}

function travellerOf(ctx: Context, { countryCode, locale }: SearchAsk): Traveller {
  const { actor, client } = ctx;
  const person = 'sessionId' in actor ? actor.sessionId : ctx.requestId;
  // Providers see a name of ours for the session, never the session.
  const sessionId = createHash('sha256').update(`traveller ${person}`).digest('hex').slice(0, 32);
  return { ip: client.address, userAgent: client.userAgent, sessionId, locale, countryCode };
}
