import type { Actor } from '../access.ts';
import type { Identity, IdentityRequest } from '../auth.ts';
import type { Grant } from '../budgets.ts';
import type { App } from '../context.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import type { Abandonment, Exchange } from '../graphql/engine.ts';
import { statusOf } from '../graphql/mask.ts';
import type { Asker } from '../live/contract.ts';
import { sendGraphRefusal, type Headers, type Visit } from './answer.ts';
import { readableBy, type Origins } from './origins.ts';
import { STRANGER_POINTS_PER_MINUTE, type Strangers } from './strangers.ts';

export interface Gate {
  readonly app: App;
  readonly origins: Origins;
  readonly strangers: Strangers;
}

/** What a request says of who sends it (graph.graphql, "HTTP beside the graph"). No cookie is read here or anywhere. */
export function identityRequestOf(headers: NodeJS.Dict<string | string[]>, origins: Origins): IdentityRequest {
  const origin = headerOf(headers, 'origin');
  return {
    apiKey: headerOf(headers, 'x-api-key'),
    authorization: headerOf(headers, 'authorization'),
    origin: origin !== null && origins.isOwn(origin) ? null : origin,
    tenantSlug: headerOf(headers, 'x-tenant'),
  };
}

function headerOf(headers: NodeJS.Dict<string | string[]>, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The budget of a caller: of their key, of the tenant's tokens, or of the address of somebody we do not know (TEN-4). */
export function chargeOf(
  app: App,
  strangers: Strangers,
  identity: Identity,
  address: string,
): (points: number) => Grant | Promise<Grant> {
  const { actor, rateLimitPerMinute } = identity;
  if (actor.kind === 'ANONYMOUS') return (points) => strangers.charge(address, points);
  // The platform's staff at work in a tenant spend their own budget, whose limit they have, and not that tenant's.
  const tenantId = 'homeTenantId' in actor ? actor.homeTenantId : actor.tenantId;
  const bucket = bucketOf(identity.apiKeyId);
  return (points) =>
    app.budgets.takeNow(tenantId, bucket, points, rateLimitPerMinute) ??
    app.budgets.take(tenantId, bucket, points, rateLimitPerMinute);
}

function bucketOf(apiKeyId: string | null): string {
  return apiKeyId === null ? 'tokens' : `key:${apiKeyId}`;
}

export function limitOf(actor: Actor, rateLimitPerMinute: number): number {
  return actor.kind === 'ANONYMOUS' ? STRANGER_POINTS_PER_MINUTE : rateLimitPerMinute;
}

/**
 * Auth.identify for whoever comes from this address: guessing at credentials is bounded, whichever door it knocks at.
 * @throws RATE_LIMITED after too many wrong ones, and what Auth.identify throws
 */
export async function identifyAt(
  { app, strangers }: Pick<Gate, 'app' | 'strangers'>,
  request: IdentityRequest,
  address: string,
): Promise<Identity> {
  const credentials = `${request.apiKey ?? ''} ${request.authorization ?? ''}`;
  const blockedUntil = credentials === ' ' ? null : strangers.blockedUntil(address, credentials);
  if (blockedUntil)
    throw new AppError('RATE_LIMITED', 'Too many wrong credentials from your address. Please wait a moment.', {
      details: { retryAt: blockedUntil.toISOString() },
    });
  try {
    const identity = await app.auth.identify(request);
    strangers.noteKnown(credentials);
    return identity;
  } catch (error) {
    if (error instanceof AppError && error.code === 'UNAUTHENTICATED') strangers.noteFailure(address);
    throw error;
  }
}

const USER_AGENT_MAX = 256;

/** A request of the graph that was let in. */
export interface Entered {
  readonly exchange: Exchange;
  /** For its answer. */
  readonly headers: Headers;
  /** Who it was and what they were known by; long-lived connections ask again. */
  readonly asker: Asker;
}

/** Lets a request of the graph in, or answers it with the refusal and gives null. */
export async function enter(gate: Gate, visit: Visit): Promise<Entered | null> {
  const { app, origins, strangers } = gate;
  const request = identityRequestOf(visit.request.headers, origins);
  const { address } = visit;
  try {
    const identity = await identifyAt(gate, request, address);
    visit.facts.tenantId = identity.tenant.id;
    return {
      exchange: {
        identity,
        requestId: visit.requestId,
        method: visit.request.method ?? 'GET',
        charge: chargeOf(app, strangers, identity, address),
        limit: limitOf(identity.actor, identity.rateLimitPerMinute),
        abandonment: abandonmentOf(visit),
        client: { address, userAgent: visit.request.headers['user-agent']?.slice(0, USER_AGENT_MAX) ?? null },
      },
      // Whoever's list the origin is not on was refused by now.
      headers: request.origin === null ? {} : readableBy(request.origin),
      asker: { identity, request, address },
    };
  } catch (error) {
    await refuse(gate, visit, request, error);
    return null;
  }
}

async function refuse(gate: Gate, visit: Visit, request: IdentityRequest, error: unknown): Promise<void> {
  const known = error instanceof AppError ? error : null;
  if (!known || known.code === 'INTERNAL')
    gate.app.log.error({ requestId: visit.requestId, err: error }, 'Identification failed');
  const code: ErrorCode = known?.code ?? 'INTERNAL';
  const { origin } = request;
  const readable = origin !== null && code !== 'FORBIDDEN' && (await gate.origins.isListed(origin).catch(() => false));
  const retryAt = known?.details?.['retryAt'];
  sendGraphRefusal(visit, statusOf(code), code, known?.message ?? 'Something went wrong on our side.', {
    // A page must be able to read that its token has expired; the refusal says nothing else.
    ...(readable && readableBy(origin)),
    ...(typeof retryAt === 'string' && { 'retry-after': secondsUntil(gate.app.clock.now(), new Date(retryAt)) }),
  });
}

export function secondsUntil(now: Date, then: Date): string {
  return String(Math.max(1, Math.ceil((then.getTime() - now.getTime()) / 1000)));
}

function abandonmentOf(visit: Visit): Abandonment {
  const abandonment: Abandonment = { abandoned: false, onAbandon: null };
  visit.response.on('close', () => {
    if (visit.response.writableFinished) return;
    abandonment.abandoned = true;
    abandonment.onAbandon?.();
  });
  return abandonment;
}
