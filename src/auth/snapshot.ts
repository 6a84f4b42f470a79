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
}

interface Loaded<T> {
  readonly facts: T;
  readonly tenantId: string;
  /** When the read began, ms: it shows everything committed before. */
  readonly readAtMs: number;
}

/** How far a tenant's entries follow the journal. */
interface Watch {
  /** Counts what was forgotten: a read that began before says nothing any more. */
  generation: number;
  named: boolean;
  /** From when on every event of the tenant reaches us; null before. */
  watchedFromMs: number | null;
}

/** The journal may lag this far behind before the database is asked again (decisions.md, "Keys, tokens, origins, people"). */
const JOURNAL_LAG_MS_MAX = 2_000;
/** How long an entry is believed that the journal does not cover. */
const UNWATCHED_MS_MAX = 250;
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
  readonly #watches = new Lru<string, Watch>(TENANTS_MAX);
  readonly #tenants = new Lru<string, Loaded<TenantFacts>>(TENANTS_MAX);
  readonly #keys = new Lru<string, Loaded<KeyFacts>>(KEYS_MAX);
  readonly #sessions = new Lru<string, Loaded<SessionFacts>>(SESSIONS_MAX);
  readonly #reading = new Map<string, Promise<unknown>>();
  #journalFreshAtMs = Number.NEGATIVE_INFINITY;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** The tenants whose streams must be followed. Whoever calls it reads their events from now on, or from earlier. */
  cachedTenants(): string[] {
    return Array.from(this.#watches.entries(), ([tenantId, watch]) => {
      watch.named = true;
      return tenantId;
    });
  }

  /** Every event that the tenants last named had at this moment (ms) was handed to `forget`. */
  journalFreshAt(ms: number): void {
    this.#journalFreshAtMs = ms;
    const now = this.#nowMs();
    for (const [, watch] of this.#watches.entries()) {
      if (watch.named) watch.watchedFromMs ??= now;
    }
  }

  forget(event: AccessEvent): void {
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
    const watch = this.#watches.get(event.tenantId);
    if (watch) watch.generation += 1;
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
    const [found] = await this.#db.lookUp<{ tenant_id: string; id: string }>('select tenant_id, id from find_api_key($1)', [Buffer.from(hash, 'base64url')]);
    if (!found) return undefined;
    return this.#read(this.#keys, hash, found.tenant_id, (tx) => tx.maybeOne<KeyFacts>(KEY, [found.id]));
  }

  session(tenantId: string, sessionId: string): Promise<SessionFacts | undefined> {
    return this.#read(this.#sessions, sessionId, tenantId, (tx) => tx.maybeOne<SessionFacts>(SESSION, [sessionId]));
  }

  #known<T>(entries: Lru<string, Loaded<T>>, name: string): T | undefined {
    const entry = entries.get(name);
    if (!entry) return undefined;
    const now = this.#nowMs();
    const watchedFromMs = this.#watches.get(entry.tenantId)?.watchedFromMs ?? null;
    const covered = watchedFromMs !== null && entry.readAtMs >= watchedFromMs && this.#journalFreshAtMs >= now - JOURNAL_LAG_MS_MAX;
    return covered || entry.readAtMs > now - UNWATCHED_MS_MAX ? entry.facts : undefined;
  }

  // Many requests that miss the same entry at once share one read.
  #read<T>(entries: Lru<string, Loaded<T>>, name: string, tenantId: string, read: (tx: Transaction) => Promise<T | undefined>): Promise<T | undefined> {
    const watch = this.#watch(tenantId);
    const sharing = `${tenantId} ${watch.generation} ${name}`;
    const running = this.#reading.get(sharing) as Promise<T | undefined> | undefined;
    if (running) return running;
    const reading = this.#readNow(entries, name, tenantId, watch, read).finally(() => this.#reading.delete(sharing));
    this.#reading.set(sharing, reading);
    return reading;
  }

  async #readNow<T>(entries: Lru<string, Loaded<T>>, name: string, tenantId: string, watch: Watch, read: (tx: Transaction) => Promise<T | undefined>): Promise<T | undefined> {
    const { generation } = watch;
    const readAtMs = this.#nowMs();
    const facts = await this.#db.read({ tenantId, customerId: null }, read);
    // An event that came meanwhile may be newer than this read: it then serves this request and no other.
    if (facts && watch.generation === generation && this.#watches.get(tenantId) === watch) entries.set(name, { facts, tenantId, readAtMs });
    return facts;
  }

  #watch(tenantId: string): Watch {
    let watch = this.#watches.get(tenantId);
    if (!watch) {
      watch = { generation: 0, named: false, watchedFromMs: null };
      this.#watches.set(tenantId, watch);
    }
    return watch;
  }

  #nowMs(): number {
    return this.#clock.now().getTime();
  }
}

function dropWhere<T>(entries: Lru<string, Loaded<T>>, matches: (entry: Loaded<T>) => boolean): void {
  for (const [name, entry] of entries.entries()) if (matches(entry)) entries.delete(name);
}

const TENANT = `select t.id, t.slug, t.name, t.active, t.currency_code as "currencyCode", t.locale, t.time_zone as "timeZone",
    p.cors_origins as "corsOrigins", p.rate_limit_per_minute as "rateLimitPerMinute", p.active as "portalActive"
  from tenants t join portal_configs p on p.tenant_id = t.id where t.id = current_tenant()`;
const KEY = `select id, tenant_id as "tenantId", kind, scopes, expires_at as "expiresAt", revoked_at as "revokedAt"
  from api_keys where tenant_id = current_tenant() and id = $1`;
const SESSION = `select s.id, s.tenant_id as "tenantId", s.user_id as "userId", u.role, u.active as "userActive",
    s.expires_at as "expiresAt", s.revoked_at as "revokedAt"
  from sessions s join users u on u.tenant_id = s.tenant_id and u.id = s.user_id
  where s.tenant_id = current_tenant() and s.id = $1`;
