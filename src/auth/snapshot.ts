import type { Clock } from '../clock.ts';
import type { Database, Transaction } from '../db.ts';
import type { KeyKind } from './api-keys.ts';
import { Lru } from './lru.ts';

export interface TenantFacts {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly active: boolean;
  readonly currencyCode: string;
  readonly locale: string;
  readonly timeZone: string;
  readonly corsOrigins: readonly string[];
  readonly rateLimitPerMinute: number;
  readonly portalActive: boolean;
  readonly drills: readonly DrillFacts[];
  /** What the tenant has switched on or off; a feature without a word here is as it is by default. */
  readonly features: Readonly<Record<string, boolean>>;
}

/** A fault drill that was begun and not stopped; its time may be over. */
export interface DrillFacts {
  readonly id: string;
  /** A provider's slug, or a gateway's. */
  readonly integration: string;
  readonly endsAtMs: number;
}

export interface KeyFacts {
  readonly id: string;
  readonly tenantId: string;
  readonly kind: KeyKind;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface SessionFacts {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly role: 'CUSTOMER' | 'OPERATOR' | 'TENANT_ADMIN' | 'PLATFORM_ADMIN';
  readonly userActive: boolean;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
}

/** What the journal tells that concerns us. */
export interface AccessEvent {
  readonly tenantId: string;
  readonly type: string;
  readonly aggregateId: string;
  /** Of the aggregate; 1 is its making, which no entry can be older than. */
  readonly version: number;
}

/** How the journal reaches us; its `listen` and `freshAtMs` fit. */
export interface AccessFeed {
  listen(listener: {
    tenants(): Iterable<string>;
    onStart(tenantId: string): void;
    onEvent(event: AccessEvent): void;
  }): unknown;
  /** When the tenant's events were last known to have all been handed out, ms; null where nobody looks. */
  freshAtMs(tenantId: string): number | null;
}

interface Loaded<T> {
  readonly facts: T;
  readonly tenantId: string;
  /** When the read began, ms: it shows everything committed before. */
  readonly readAtMs: number;
}

/** The journal may lag this far behind before the database is asked again (decisions.md, "Keys, tokens, origins, people"). */
const JOURNAL_LAG_MS_MAX = 2_000;
/** How long an entry is believed that the journal does not cover: just long enough for the look-ups of one burst to be shared. */
const UNCOVERED_MS_MAX = 250;
const TENANTS_MAX = 10_000;
const KEYS_MAX = 20_000;
const SESSIONS_MAX = 100_000;

/**
 * The state of tenants, keys and sessions as every request needs it, in memory. It is read from the database when first needed and
 * forgotten by events of the journal, so that a request with known credentials costs no statement and a revocation in any process
 * counts here within the journal's lag.
 */
export class AccessSnapshot {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #tenants = new Lru<string, Loaded<TenantFacts>>(TENANTS_MAX);
  readonly #keys = new Lru<string, Loaded<KeyFacts>>(KEYS_MAX);
  readonly #sessions = new Lru<string, Loaded<SessionFacts>>(SESSIONS_MAX);
  // Counts what was forgotten of a tenant: a read that began before says nothing any more. Every tenant in use has an entry.
  readonly #generations = new Lru<string, { count: number }>(TENANTS_MAX);
  readonly #heardFromMs = new Lru<string, number>(TENANTS_MAX);
  readonly #reading = new Map<string, Promise<unknown>>();
  #feed: AccessFeed | null = null;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** From now on the journal keeps us right; before, and whenever it lags, the database is asked. */
  follow(feed: AccessFeed): void {
    this.#feed = feed;
    feed.listen({
      tenants: () => this.cachedTenants(),
      onStart: (tenantId) => this.#hear(tenantId),
      onEvent: (event) => this.forget(event),
    });
  }

  // What happened before this moment is not told. A read that is under way may not know of it either.
  #hear(tenantId: string): void {
    this.#heardFromMs.set(tenantId, this.#nowMs());
    const generation = this.#generations.get(tenantId);
    if (generation) generation.count += 1;
  }

  cachedTenants(): string[] {
    return Array.from(this.#generations.entries(), ([tenantId]) => tenantId);
  }

  forget(event: AccessEvent): void {
    if (event.version === 1) return;
    switch (event.type) {
      case 'tenant.changed':
        this.#tenants.delete(event.tenantId);
        break;
      case 'session.revoked':
        this.#sessions.delete(event.aggregateId);
        break;
      case 'key.changed':
        dropWhere(this.#keys, (entry) => entry.facts.id === event.aggregateId);
        break;
      case 'user.changed':
        dropWhere(this.#sessions, (entry) => entry.facts.userId === event.aggregateId);
        break;
      default:
        return;
    }
    const generation = this.#generations.get(event.tenantId);
    if (generation) generation.count += 1;
  }

  knownTenant(tenantId: string): TenantFacts | undefined {
    return this.#known(this.#tenants, tenantId);
  }

  knownKey(hash: string): KeyFacts | undefined {
    return this.#known(this.#keys, hash);
  }

  knownSession(sessionId: string): SessionFacts | undefined {
    return this.#known(this.#sessions, sessionId);
  }

  tenant(tenantId: string): Promise<TenantFacts | undefined> {
    return this.#read(this.#tenants, tenantId, tenantId, (tx) => tx.maybeOne<TenantFacts>(TENANT));
  }

  async key(hash: string): Promise<KeyFacts | undefined> {
    const [found] = await this.#db.lookUp<{ tenant_id: string; id: string }>(
      'select tenant_id, id from find_api_key($1)',
      [Buffer.from(hash, 'base64url')],
    );
    if (!found) return undefined;
    return this.#read(this.#keys, hash, found.tenant_id, (tx) => tx.maybeOne<KeyFacts>(KEY, [found.id]));
  }

  session(tenantId: string, sessionId: string): Promise<SessionFacts | undefined> {
    return this.#read(this.#sessions, sessionId, tenantId, (tx) => tx.maybeOne<SessionFacts>(SESSION, [sessionId]));
  }

  #known<T>(entries: Lru<string, Loaded<T>>, name: string): T | undefined {
    const entry = entries.get(name);
    if (!entry) return undefined;
    return this.#isCovered(entry) || this.#isFresh(entry) ? entry.facts : undefined;
  }

  // Of what was read before we began to hear of the tenant, a change may have come in between that nobody tells of.
  #isFresh({ tenantId, readAtMs }: Loaded<unknown>): boolean {
    const heardFromMs = this.#heardFromMs.get(tenantId) ?? Number.NEGATIVE_INFINITY;
    return readAtMs > this.#nowMs() - UNCOVERED_MS_MAX && readAtMs >= heardFromMs;
  }

  // Read after we began to hear of the tenant, and all that happened until just now was heard.
  #isCovered(entry: Loaded<unknown>): boolean {
    const freshAtMs = this.#feed?.freshAtMs(entry.tenantId) ?? null;
    const heardFromMs = this.#heardFromMs.get(entry.tenantId);
    return (
      freshAtMs !== null &&
      heardFromMs !== undefined &&
      entry.readAtMs >= heardFromMs &&
      freshAtMs >= this.#nowMs() - JOURNAL_LAG_MS_MAX
    );
  }

  // Many requests that miss the same entry at once share one read.
  #read<T>(
    entries: Lru<string, Loaded<T>>,
    name: string,
    tenantId: string,
    read: (tx: Transaction) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const generation = this.#generation(tenantId);
    const sharing = `${tenantId} ${generation.count} ${name}`;
    const running = this.#reading.get(sharing) as Promise<T | undefined> | undefined;
    if (running) return running;
    const reading = this.#readNow(entries, name, tenantId, generation, read).finally(() =>
      this.#reading.delete(sharing),
    );
    this.#reading.set(sharing, reading);
    return reading;
  }

  async #readNow<T>(
    entries: Lru<string, Loaded<T>>,
    name: string,
    tenantId: string,
    generation: { readonly count: number },
    read: (tx: Transaction) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { count } = generation;
    const readAtMs = this.#nowMs();
    const facts = await this.#db.read({ tenantId, customerId: null }, read);
    // An event that came meanwhile may be newer than this read: it then serves this request and no other.
    if (facts && generation.count === count && this.#generations.get(tenantId) === generation)
      entries.set(name, { facts, tenantId, readAtMs });
    return facts;
  }

  #generation(tenantId: string): { count: number } {
    let generation = this.#generations.get(tenantId);
    if (!generation) {
      generation = { count: 0 };
      this.#generations.set(tenantId, generation);
    }
    return generation;
  }

  #nowMs(): number {
    return this.#clock.now().getTime();
  }
}

function dropWhere<T>(entries: Lru<string, Loaded<T>>, matches: (entry: Loaded<T>) => boolean): void {
  for (const [name, entry] of entries.entries()) if (matches(entry)) entries.delete(name);
}

const TENANT = `select t.id, t.slug, t.name, t.active, t.currency_code as "currencyCode", t.locale, t.time_zone as "timeZone",
    p.cors_origins as "corsOrigins", p.rate_limit_per_minute as "rateLimitPerMinute", p.active as "portalActive",
    coalesce((select json_agg(json_build_object('id', d.id, 'integration', d.integration,
      'endsAtMs', floor(extract(epoch from d.ends_at) * 1000))) from fault_drills d
      where d.tenant_id = t.id and d.ended_at is null), '[]'::json) as drills,
    (select coalesce(jsonb_object_agg(f.key, f.enabled), '{}') from feature_flags f where f.tenant_id = t.id) as features
  from tenants t join portal_configs p on p.tenant_id = t.id where t.id = current_tenant()`;
const KEY = `select id, tenant_id as "tenantId", kind, scopes, expires_at as "expiresAt", revoked_at as "revokedAt"
  from api_keys where tenant_id = current_tenant() and id = $1`;
const SESSION = `select s.id, s.tenant_id as "tenantId", s.user_id as "userId", u.role, u.active as "userActive",
    s.expires_at as "expiresAt", s.revoked_at as "revokedAt"
  from sessions s join users u on u.tenant_id = s.tenant_id and u.id = s.user_id
  where s.tenant_id = current_tenant() and s.id = $1`;
