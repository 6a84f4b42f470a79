import type { Actor } from '../access.ts';
import type { Scope } from '../db.ts';
import { AppError, notFound } from '../errors.ts';
import type { TokenClaims } from './access-tokens.ts';
import { PLATFORM_TENANT_ID } from './platform.ts';
import type { KeyFacts, SessionFacts, TenantFacts } from './snapshot.ts';

/** What a request brings to say who asks. Header values as they came; null where there is none. */
export interface IdentityRequest {
  /** X-API-Key, or `apiKey` of connection_init. */
  readonly apiKey: string | null;
  /** The whole Authorization header, or `authorization` of connection_init. */
  readonly authorization: string | null;
  readonly origin: string | null;
  /** X-Tenant. */
  readonly tenantSlug: string | null;
}

export interface Identity {
  readonly actor: Actor;
  readonly scope: Scope;
  /** The tenant worked in. */
  readonly tenant: TenantFacts;
  readonly rateLimitPerMinute: number;
  readonly apiKeyId: string | null;
  readonly corsOrigins: readonly string[];
}

/** Everything known of a request's credentials, already looked up. */
export interface KnownCredentials {
  readonly key: KeyFacts | null;
  readonly claims: TokenClaims | null;
  readonly session: SessionFacts | null;
  /** The tenant of the key or token; the platform where there is neither. */
  readonly home: TenantFacts;
}

export interface OriginRules {
  readonly ownOrigin: string;
  /** Origins allowed on the platform's realm before any is configured (CORS_ORIGINS). */
  readonly bootstrapOrigins: readonly string[];
}

/**
 * Decides who asks (decisions.md, "Keys, tokens, origins, people"; TEN-1, TEN-2, TEN-3). Pure: everything was looked up before.
 * @throws UNAUTHENTICATED, KEY_REVOKED, TENANT_INACTIVE, FORBIDDEN
 */
export function decideIdentity(
  request: IdentityRequest,
  known: KnownCredentials,
  rules: OriginRules,
  nowMs: number,
): Identity {
  const { key, home } = known;
  if (key) checkKey(key, request.origin, nowMs);
  if (known.claims) checkSession(known.claims, known.session, key, nowMs);
  checkTenant(home, known);
  checkOrigin(request.origin, home, rules);
  const actor = actorOf(known);
  const customerId = actor.kind === 'CUSTOMER' ? actor.userId : null;
  return {
    actor,
    scope: { tenantId: home.id, customerId },
    tenant: home,
    rateLimitPerMinute: home.rateLimitPerMinute,
    apiKeyId: key?.id ?? null,
    corsOrigins: home.corsOrigins,
  };
}

/** Whether X-Tenant asks for a tenant other than the one at home. @throws NOT_FOUND or FORBIDDEN where the actor may not ask. */
export function wantsOtherTenant(identity: Identity, tenantSlug: string | null): boolean {
  if (tenantSlug === null || tenantSlug === identity.tenant.slug) return false;
  if (identity.actor.kind === 'PLATFORM_ADMIN') return true;
  // Nothing was looked up: the answer is the same whether that tenant exists or not.
  if ('userId' in identity.actor) throw notFound('tenant');
  throw new AppError('FORBIDDEN', 'Only platform administrators may name another tenant.');
}

/** The same person at work in another tenant. */
export function enterTenant(identity: Identity, tenant: TenantFacts): Identity {
  if (identity.actor.kind !== 'PLATFORM_ADMIN') throw new Error('Only a platform admin enters another tenant.');
  return {
    ...identity,
    actor: { ...identity.actor, tenantId: tenant.id },
    scope: { tenantId: tenant.id, customerId: null },
    tenant,
  };
}

function checkKey(key: KeyFacts, origin: string | null, nowMs: number): void {
  if (key.revokedAt !== null && key.revokedAt.getTime() <= nowMs)
    throw new AppError('KEY_REVOKED', 'This API key was revoked.');
  if (key.expiresAt !== null && key.expiresAt.getTime() <= nowMs)
    throw new AppError('KEY_REVOKED', 'This API key has expired.');
  if (key.kind === 'SECRET' && origin !== null) {
    throw new AppError(
      'FORBIDDEN',
      'A secret key must never be used from a browser. Revoke it and use a publishable key there.',
      { log: 'Secret key with an Origin' },
    );
  }
}

function checkSession(claims: TokenClaims, session: SessionFacts | null, key: KeyFacts | null, nowMs: number): void {
  if (key && key.tenantId !== claims.tenantId)
    throw new AppError('FORBIDDEN', 'The API key and the access token belong to different tenants.');
  const same = session !== null && session.userId === claims.userId && session.tenantId === claims.tenantId;
  const alive = same && session.revokedAt === null && session.expiresAt.getTime() > nowMs && session.userActive;
  if (!alive) throw new AppError('UNAUTHENTICATED', 'The session has ended. Please sign in again.');
  if (session.role === 'PLATFORM_ADMIN' && session.tenantId !== PLATFORM_TENANT_ID) {
    throw new AppError('UNAUTHENTICATED', 'The session is not valid.', {
      log: 'A platform admin outside the platform tenant',
    });
  }
}

// A closed portal shuts out the website and its customers; staff must be able to come in and open it again.
function checkTenant(tenant: TenantFacts, known: KnownCredentials): void {
  if (!tenant.active) throw new AppError('TENANT_INACTIVE', 'This tenant is not active.');
  const isStaff = known.session !== null && known.session.role !== 'CUSTOMER';
  if (!tenant.portalActive && !isStaff && (known.key !== null || known.session !== null))
    throw new AppError('TENANT_INACTIVE', 'This portal is closed.');
}

function checkOrigin(origin: string | null, tenant: TenantFacts, rules: OriginRules): void {
  if (origin === null || origin === rules.ownOrigin || tenant.corsOrigins.includes(origin)) return;
  if (tenant.id === PLATFORM_TENANT_ID && rules.bootstrapOrigins.includes(origin)) return;
  throw new AppError('FORBIDDEN', "This origin is not on the tenant's list.", { log: 'Foreign origin' });
}

function actorOf({ key, claims, session }: KnownCredentials): Actor {
  if (claims && session) {
    return {
      kind: session.role,
      tenantId: session.tenantId,
      homeTenantId: session.tenantId,
      userId: session.userId,
      sessionId: session.id,
      keyId: key?.id ?? null,
      expiresAtMs: claims.expiresAtMs,
    };
  }
  if (!key) return { kind: 'ANONYMOUS' };
  return key.kind === 'PUBLISHABLE'
    ? { kind: 'PORTAL', tenantId: key.tenantId, keyId: key.id }
    : { kind: 'PARTNER', tenantId: key.tenantId, keyId: key.id, scopes: key.scopes };
}
