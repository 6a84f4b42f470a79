import { hash as hashOnce } from 'node:crypto';

import type { JWK } from 'jose';

import { appendAudit } from './audit.ts';
import { AccessTokens, type TokenClaims } from './auth/access-tokens.ts';
import { readKeyForm } from './auth/api-keys.ts';
import {
  decideIdentity,
  enterTenant,
  wantsOtherTenant,
  type Identity,
  type IdentityRequest,
  type OriginRules,
} from './auth/identify.ts';
import { KeyUses } from './auth/key-uses.ts';
import { LoginAttempts } from './auth/login-attempts.ts';
import { Lru } from './auth/lru.ts';
import { PLATFORM_TENANT_ID } from './auth/platform.ts';
import { SigningKeys } from './auth/signing-keys.ts';
import {
  AccessSnapshot,
  type AccessEvent,
  type AccessFeed,
  type KeyFacts,
  type SessionFacts,
  type TenantFacts,
} from './auth/snapshot.ts';
import type { Budgets } from './budgets.ts';
import type { Clock } from './clock.ts';
import type { Database } from './db.ts';
import { AppError, notFound } from './errors.ts';
import type { NewId } from './ids.ts';
import type { Logger } from './log.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import type { Vault } from './vault.ts';

export type { Identity, IdentityRequest } from './auth/identify.ts';
export type { AccessEvent, AccessFeed } from './auth/snapshot.ts';

export interface AuthOptions {
  readonly db: Database;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly log: Logger;
  readonly budgets: Budgets;
  /** Issuer of the tokens, and our own origin. */
  readonly baseUrl: string;
  readonly bootstrapOrigins: readonly string[];
}

/** Who asks, and what lets them: keys, tokens, origins, passwords. */
export interface Auth {
  readonly passwords: Passwords;
  readonly attempts: LoginAttempts;
  /**
   * Who sends this request. With known credentials it asks nothing of the database.
   * @throws UNAUTHENTICATED, TOKEN_EXPIRED, KEY_REVOKED, TENANT_INACTIVE, FORBIDDEN, NOT_FOUND (X-Tenant)
   */
  identify(request: IdentityRequest): Promise<Identity>;
  /** What a tenant has switched on or off, from memory; the database is asked where the journal does not cover it. */
  featuresOf(tenantId: string): Promise<TenantFacts['features']>;
  issueAccessToken(of: {
    readonly userId: string;
    readonly sessionId: string;
    readonly tenantId: string;
  }): Promise<{ token: string; expiresAt: Date }>;
  /** For /.well-known/jwks.json. */
  jwks(): Promise<{ keys: JWK[] }>;
  /** A new signing key from now on. @returns its id */
  rotateSigningKey(): Promise<string>;
  /** For preflights, which carry no key: may any active tenant's website ask from this origin? */
  mayPreflight(origin: string): Promise<boolean>;
  /** To be called once, before the journal starts: from then on its events keep us right. */
  follow(journal: AccessFeed): void;
  /** The journal's events come by `follow`; the verbs call this too, so that a change counts at once in its own process. */
  onJournalEvent(event: AccessEvent): void;
  flushKeyUses(): Promise<void>;
  /** What is known of a tenant, from memory where it is there; undefined where there is no such tenant. */
  tenant(tenantId: string): Promise<TenantFacts | undefined>;
  /** Writes what is left to write. */
  close(): Promise<void>;
}

/** An entry into another tenant is audited once per session in this time, not with every request. */
const ENTRY_AUDIT_MS = 60 * 60 * 1000;
const ENTRIES_MAX = 10_000;
const SLUGS_MAX = 10_000;

export function createAuth(options: AuthOptions): Auth {
  const { db, clock, log } = options;
  const signingKeys = new SigningKeys(options);
  const tokens = new AccessTokens({ issuer: options.baseUrl, signingKeys, clock });
  const snapshot = new AccessSnapshot(db, clock);
  const uses = new KeyUses(db, clock, log);
  const identifier = new Identifier(options, tokens, snapshot, uses);
  return {
    passwords: createPasswords(clock),
    attempts: new LoginAttempts(options.budgets),
    identify: (request) => identifier.identify(request),
    featuresOf: async (tenantId) =>
      (snapshot.knownTenant(tenantId) ?? (await snapshot.tenant(tenantId)))?.features ?? {},
    issueAccessToken: (of) => tokens.issue(of),
    jwks: () => signingKeys.jwks(),
    rotateSigningKey: () => signingKeys.rotate(),
    mayPreflight: async (origin) => {
      if (origin === new URL(options.baseUrl).origin || options.bootstrapOrigins.includes(origin)) return true;
      const [row] = await db.lookUp<{ listed: boolean }>('select origin_listed($1) as listed', [origin]);
      return row?.listed === true;
    },
    onJournalEvent: (event) => snapshot.forget(event),
    follow: (journal) => snapshot.follow(journal),
    flushKeyUses: () => uses.flush(),
    tenant: async (tenantId) => snapshot.knownTenant(tenantId) ?? snapshot.tenant(tenantId),
    close: () => uses.flush(),
  };
}

class Identifier {
  readonly #options: AuthOptions;
  readonly #tokens: AccessTokens;
  readonly #snapshot: AccessSnapshot;
  readonly #uses: KeyUses;
  readonly #rules: OriginRules;
  // A tenant's slug never changes, so what was found once holds.
  readonly #tenantIds = new Lru<string, string>(SLUGS_MAX);
  readonly #enteredAtMs = new Lru<string, number>(ENTRIES_MAX);

  constructor(options: AuthOptions, tokens: AccessTokens, snapshot: AccessSnapshot, uses: KeyUses) {
    this.#options = options;
    this.#tokens = tokens;
    this.#snapshot = snapshot;
    this.#uses = uses;
    this.#rules = { ownOrigin: new URL(options.baseUrl).origin, bootstrapOrigins: options.bootstrapOrigins };
  }

  async identify(request: IdentityRequest): Promise<Identity> {
    const key = request.apiKey === null ? null : await this.#key(request.apiKey);
    const claims = request.authorization === null ? null : await this.#claims(request.authorization);
    const session = claims && (await this.#session(claims));
    const home = await this.#tenant(claims?.tenantId ?? key?.tenantId ?? PLATFORM_TENANT_ID);
    const identity = decideIdentity(request, { key, claims, session, home }, this.#rules, this.#nowMs());
    if (key) this.#uses.note(key.id);
    return wantsOtherTenant(identity, request.tenantSlug) ? this.#enter(identity, request.tenantSlug!) : identity;
  }

  async #key(apiKey: string): Promise<KeyFacts> {
    if (!readKeyForm(apiKey)) throw new AppError('UNAUTHENTICATED', 'This is not an API key.');
    const hash = hashOnce('sha256', apiKey, 'base64url');
    const key = this.#snapshot.knownKey(hash) ?? (await this.#snapshot.key(hash));
    if (!key) throw new AppError('UNAUTHENTICATED', 'This API key is not known.');
    return key;
  }

  async #claims(authorization: string): Promise<TokenClaims> {
    const token = /^bearer +([\w-]+\.[\w-]+\.[\w-]*)$/i.exec(authorization)?.[1];
    if (!token) throw new AppError('UNAUTHENTICATED', 'The Authorization header must read: Bearer <access token>.');
    return this.#tokens.known(token) ?? this.#tokens.check(token);
  }

  async #session(claims: TokenClaims): Promise<SessionFacts | null> {
    return (
      this.#snapshot.knownSession(claims.sessionId) ??
      (await this.#snapshot.session(claims.tenantId, claims.sessionId)) ??
      null
    );
  }

  async #tenant(tenantId: string): Promise<TenantFacts> {
    const tenant = this.#snapshot.knownTenant(tenantId) ?? (await this.#snapshot.tenant(tenantId));
    if (!tenant) throw new AppError('UNAUTHENTICATED', 'The tenant of these credentials does not exist.');
    return tenant;
  }

  async #enter(identity: Identity, slug: string): Promise<Identity> {
    let tenantId = this.#tenantIds.get(slug);
    if (tenantId === undefined) {
      const [found] = await this.#options.db.lookUp<{ id: string | null }>('select find_tenant($1) as id', [slug]);
      if (!found?.id) throw notFound('tenant');
      tenantId = found.id;
      this.#tenantIds.set(slug, tenantId);
    }
    const entered = enterTenant(identity, await this.#tenant(tenantId));
    await this.#auditEntry(entered);
    return entered;
  }

  // Written into the entered tenant's own chain, before anything is done there.
  async #auditEntry({ actor, tenant, scope }: Identity): Promise<void> {
    if (actor.kind !== 'PLATFORM_ADMIN') return;
    const now = this.#nowMs();
    const name = `${actor.sessionId} ${tenant.id}`;
    if ((this.#enteredAtMs.get(name) ?? Number.NEGATIVE_INFINITY) > now - ENTRY_AUDIT_MS) return;
    await this.#options.db.write(scope, (tx) =>
      appendAudit(tx, {
        id: this.#options.newId(),
        actor: `user:${actor.userId}`,
        action: 'tenant.enter',
        target: `Tenant:${tenant.id}`,
        before: null,
        after: null,
        occurredAt: this.#options.clock.now(),
      }),
    );
    this.#enteredAtMs.set(name, now);
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}
