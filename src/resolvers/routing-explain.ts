import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { parseAmount } from '../domain/money.ts';
import type { RoutingContext, Vertical } from '../domain/routing-decision.ts';
import { decide } from '../domain/routing.ts';
import { compileSnapshot } from '../domain/routing-snapshot.ts';
import { invalidInput } from '../errors.ts';
import type { ProviderSlotRow } from '../provider-reads.ts';
import { checkTenantId } from './configuration.ts';
import { record, route, type TakenDecision } from './routing.ts';
import { supposed, type HypothesisInput } from './routing-suppose.ts';

type Given<T> = T | null | undefined;

export interface RouteInput {
  readonly vertical: Vertical;
  readonly tenantId?: Given<string>;
  readonly currencyCode?: Given<string>;
  readonly countryCode?: Given<string>;
  readonly locale?: Given<string>;
  /** In major units of the currency. */
  readonly amount?: Given<string>;
  readonly travelDate?: Given<string>;
  readonly requestKey?: Given<string>;
  readonly hypothetical?: Given<HypothesisInput>;
}

export interface ExplainedDecision {
  readonly taken: TakenDecision;
  /** By id; none where nothing was supposed. */
  readonly slots: ReadonlyMap<string, ProviderSlotRow>;
}

const REQUEST_KEY_MAX = 200;
const NONE: ExplainedDecision['slots'] = new Map();

/**
 * Who would serve such a request, and why not the others (PRV-8): just what a search would decide, from the same memory, without calling
 * anybody. A real decision is written down, one about something supposed is not.
 * @throws INVALID_INPUT, NOT_FOUND, FORBIDDEN
 */
export async function routeProvider(ctx: Context, input: RouteInput): Promise<ExplainedDecision> {
  authorize(ctx, 'routing.explain');
  checkTenantId(ctx, input.tenantId);
  const context = contextOf(ctx, input);
  if (input.hypothetical) return explainSupposed(ctx, context, input.hypothetical);
  const taken = await route(context, ctx.app);
  record(taken, { ctx, purpose: 'EXPLAIN' });
  return { taken, slots: NONE };
}

async function explainSupposed(
  ctx: Context,
  context: RoutingContext,
  hypothesis: HypothesisInput,
): Promise<ExplainedDecision> {
  const { app } = ctx;
  const now = await app.providers.routing();
  const { snapshot, slots } = supposed(ctx, now.snapshot, hypothesis, ['input', 'hypothetical']);
  const decision = decide(compileSnapshot(snapshot), context);
  return { taken: { id: app.newId(), decidedAt: app.clock.now(), context, decision }, slots };
}

function contextOf(ctx: Context, input: RouteInput): RoutingContext {
  const { vertical, currencyCode, countryCode, locale, travelDate, requestKey } = input;
  if (requestKey === '' || (requestKey?.length ?? 0) > REQUEST_KEY_MAX)
    throw invalidInput(`A request key has from 1 to ${REQUEST_KEY_MAX} characters.`, ['input', 'requestKey']);
  return {
    vertical,
    tenantId: ctx.scope.tenantId,
    currencyCode: currencyCode ?? null,
    countryCode: countryCode ?? null,
    language: locale ?? null,
    amountMinor: amountOf(input),
    travelDate: travelDate ?? null,
    requestKey: requestKey ?? null,
  };
}

function amountOf({ amount, currencyCode }: RouteInput): bigint | null {
  if (amount === null || amount === undefined) return null;
  const field = ['input', 'amount'];
  if (!currencyCode) throw invalidInput('An amount is in a currency: say which.', ['input', 'currencyCode']);
  const minor = parseAmount(amount, currencyCode, field);
  if (minor < 0n) throw invalidInput('An amount is not negative.', field);
  return minor;
}
