import { setTimeout as pause } from 'node:timers/promises';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { credentialContext, providerOwner } from '../../src/credentials.ts';
import type { Credentials, OutboundCall, Outcome } from '../../src/integrations/contract.ts';
import { notDone } from '../../src/integrations/outcome.ts';
import type {
  Found,
  FoundStay,
  ProviderConnection,
  ProviderDescription,
  ProviderMode,
  ProviderSlug,
  StayQuery,
  Vertical,
} from '../../src/integrations/travel.ts';
import type { TestApp } from './app.ts';

/** Vendors in memory that do as a test says: for what stands around a call, whoever is called. */

/** How a vendor takes its calls. `hanging` answers nothing until the time limit; a function says it for each call. */
export type Mood = 'well' | 'hanging' | 'failing' | 'rejecting' | 'refusing' | 'limiting' | ((call: Taken) => Mood);

/** A call as the vendor took it. */
export interface Taken {
  readonly operation: string;
  readonly mode: ProviderMode;
  readonly credentials: Credentials;
  readonly timeoutMs: number;
}

const VERTICALS: Readonly<Record<ProviderSlug, Vertical>> = {
  expedia: 'LODGING',
  booking: 'LODGING',
  kiwi: 'FLIGHTS_BOOKING',
  travelpayouts: 'FLIGHTS_DISCOVERY',
};
/** How long a vendor that limits its callers wants to be left alone. */
export const LIMITED_MS = 30_000;

export class Vendor {
  readonly slug: ProviderSlug;
  readonly taken: Taken[] = [];
  mood: Mood = 'well';
  /** How long a good answer takes. */
  latencyMs = 0;
  isComplete = true;

  constructor(slug: ProviderSlug) {
    this.slug = slug;
  }

  get description(): ProviderDescription {
    const { slug } = this;
    const ask =
      <T>(operation: string, value: T | ((connection: ProviderConnection, query: never) => T)) =>
      (connection: ProviderConnection, ...rest: readonly unknown[]): Promise<Outcome<T>> => {
        const call = rest.at(-1) as OutboundCall;
        const answer = () => (typeof value === 'function' ? (value as Function)(connection, rest[0]) : value) as T;
        return this.#take({ operation, ...connection, timeoutMs: call.timeoutMs }, answer);
      };
    return {
      slug,
      name: `Vendor ${slug}`,
      vertical: VERTICALS[slug],
      priority: 10,
      credentials: [{ name: 'API_KEY', environmentVariable: 'NONE', required: true, secret: true }],
      settings: [],
      baseUrls: { SANDBOX: `http://sandbox.${slug}.example`, PRODUCTION: `http://${slug}.example` },
      simulatorPath: `/${slug}`,
      cacheSeconds: {},
      timeoutsMs: { search: 30_000 },
      callsPerMinute: 100_000,
      create: () => ({
        recovery: 'byReference',
        holds: false,
        visibleAfterMs: 0,
        probe: ask('probe', null),
        searchStays: ask('search', (_connection, query) => this.#stays(query)),
        searchFlights: ask('search', { offers: [], complete: true, incompleteReason: null }),
        lookUp: ask('lookUp', { state: 'NOT_FOUND', ids: null }),
      }),
    } as unknown as ProviderDescription;
  }

  countOf(operation: string): number {
    return this.taken.filter((call) => call.operation === operation).length;
  }

  async #take<T>(call: Taken, answer: () => T): Promise<Outcome<T>> {
    this.taken.push(call);
    let { mood } = this;
    while (typeof mood === 'function') mood = mood(call);
    if (mood === 'well') {
      if (this.latencyMs > 0) await pause(this.latencyMs);
      return { kind: 'done', value: answer() };
    }
    if (mood === 'hanging') await pause(call.timeoutMs);
    if (mood === 'limiting') return notDone('rateLimited', 'too many calls', new Date(Date.now() + LIMITED_MS));
    const reasons = {
      hanging: 'unavailable',
      failing: 'unavailable',
      rejecting: 'rejected',
      refusing: 'misconfigured',
    };
    return notDone(reasons[mood] as 'unavailable', `it is ${mood}`);
  }

  #stays({ currencyCode }: StayQuery): Found<FoundStay> {
    const offer = {
      propertyId: '1',
      propertyName: this.slug,
      roomName: 'Room',
      totalMinor: 10_000n,
      currencyCode,
      refundable: true,
      expiresAt: null,
      token: 1,
    };
    return {
      offers: [offer],
      complete: this.isComplete,
      incompleteReason: this.isComplete ? null : 'There was more.',
    };
  }
}

export const vendors = () => ({
  expedia: new Vendor('expedia'),
  booking: new Vendor('booking'),
  kiwi: new Vendor('kiwi'),
  travelpayouts: new Vendor('travelpayouts'),
});
export type Vendors = ReturnType<typeof vendors>;

export const descriptionsOf = (all: Vendors): ProviderDescription[] =>
  Object.values(all).map(({ description }) => description);

/** Configures vendors: switched on, with a credential in each mode and a global slot, in the order given. */
export async function configure(
  world: TestApp,
  slugs: readonly ProviderSlug[],
  more: { readonly callsPerMinute?: number; readonly checkEverySeconds?: number; readonly cacheSeconds?: object } = {},
): Promise<void> {
  const { app } = world;
  for (const [index, slug] of slugs.entries()) {
    await world.owner(
      `insert into providers (slug, id, name, verticals, enabled, calls_per_minute, check_every_seconds, cache_seconds, created_at)
       values ($1, $2, $1, array[$3]::vertical[], true, $4, $5, $6, now())`,
      [
        slug,
        app.newId(),
        VERTICALS[slug],
        more.callsPerMinute ?? 100_000,
        more.checkEverySeconds ?? 300,
        JSON.stringify(more.cacheSeconds ?? {}),
      ],
    );
    await world.owner(
      `insert into provider_slots (id, vertical, provider_slug, priority, created_at) values ($1, $2, $3, $4, now())`,
      [app.newId(), VERTICALS[slug], slug, (index + 1) * 10],
    );
    for (const mode of ['SANDBOX', 'PRODUCTION'] as const) await credential(world, slug, mode, 1, `key of ${mode}`);
  }
  app.providers.refresh();
}

/** A version of a provider's only credential. */
export async function credential(
  { app, owner }: TestApp,
  slug: ProviderSlug,
  mode: ProviderMode,
  version: number,
  value: string,
): Promise<void> {
  const place = { tenantId: PLATFORM_TENANT_ID, owner: providerOwner(slug, mode), name: 'API_KEY', version };
  await owner(
    `insert into credentials (tenant_id, id, owner, name, version, sealed, master_key_version, created_at)
     values ($1, $2, $3, 'API_KEY', $4, $5, $6, now())`,
    [
      PLATFORM_TENANT_ID,
      app.newId(),
      place.owner,
      version,
      app.vault.seal(value, credentialContext(place)),
      app.vault.masterKeyVersion,
    ],
  );
}
