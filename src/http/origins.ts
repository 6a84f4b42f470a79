import { Lru } from '../auth/lru.ts';
import type { Clock } from '../clock.ts';
import type { Headers } from './answer.ts';

const KEPT_MAX = 1_000;
/** A new origin works within a second (TEN-3). */
const KEPT_MS = 900;
/** Longest origin there can be: a scheme, a host of 253 and a port. */
const ORIGIN_CHARACTERS_MAX = 270;

export interface Origins {
  /** True for our own pages, such as GraphiQL: they are no foreign origin whoever's key they use. */
  isOwn(origin: string): boolean;
  /** Whether some tenant lists the origin; all a preflight can be asked, because it carries no key. */
  isListed(origin: string): Promise<boolean>;
}

/** @param own the origins under which this process serves pages of its own */
export function createOrigins(
  clock: Clock,
  mayPreflight: (origin: string) => Promise<boolean>,
  own: () => readonly string[],
): Origins {
  const kept = new Lru<string, { untilMs: number; listed: Promise<boolean> }>(KEPT_MAX);
  return {
    isOwn: (origin) => own().includes(origin),
    isListed: (origin) => {
      if (origin.length > ORIGIN_CHARACTERS_MAX) return Promise.resolve(false);
      const now = clock.now().getTime();
      const known = kept.get(origin);
      if (known && known.untilMs > now) return known.listed;
      const listed = mayPreflight(origin);
      kept.set(origin, { untilMs: now + KEPT_MS, listed });
      // What could not be looked up must not be remembered.
      listed.catch(() => kept.delete(origin));
      return listed;
    },
  };
}

const EXPOSED = 'RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id';

/** Lets the page of this origin read the answer. No credentials: there are no cookies anywhere. */
export function readableBy(origin: string): Headers {
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED, vary: 'Origin' };
}

/** The answer to an allowed preflight. Only success is kept by browsers, and every real request is checked again. */
export function preflightHeaders(origin: string): Headers {
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers':
      'content-type, authorization, x-api-key, x-tenant, x-request-id, apollographql-client-name, apollographql-client-version',
    'access-control-max-age': '600',
    vary: 'Origin',
  };
}
