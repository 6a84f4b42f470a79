import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { credentialContext, providerOwner } from '../../src/credentials.ts';
import { TRAVEL_PROVIDERS } from '../../src/integrations/providers.ts';
import type { ProviderSlug } from '../../src/integrations/travel.ts';
import { eventually, type As, type TestApp } from './app.ts';
import type { FaultRule } from './simulators.ts';

/** Travel providers configured and switched on, with accounts at their sandboxes: for tests of searching and booking. */

const PLATFORM = { tenantId: PLATFORM_TENANT_ID, customerId: null };

/** The account's name at the sandboxes, and its secrets there. */
export const ACCOUNT = 'portolan';
const CREDENTIALS: Readonly<Record<ProviderSlug, Readonly<Record<string, string>>>> = {
  expedia: {
    API_KEY: 'test-expedia-key-0001',
    SECRET: 'test-expedia-secret-0001',
    NOTIFICATION_SECRET: 'push-expedia-0001',
  },
  booking: { API_KEY: 'test-booking-key-0001', AFFILIATE_ID: '1234567' },
  kiwi: { API_KEY: 'test-kiwi-key-000001', WEBHOOK_SECRET: 'push-kiwi-00000001' },
  travelpayouts: { TOKEN: '0123456789abcdef0123456789abcdef', MARKER: '123456' },
};

const accountOf = (slug: ProviderSlug): Record<string, unknown> => {
  const values = CREDENTIALS[slug];
  if (slug === 'expedia') return { apiKey: values['API_KEY'], sharedSecret: values['SECRET'] };
  if (slug === 'booking') return { apiKey: values['API_KEY'], affiliateId: values['AFFILIATE_ID'], callsPerMinute: 0 };
  if (slug === 'kiwi') return { apiKey: values['API_KEY'] };
  return { token: values['TOKEN'], marker: values['MARKER'] };
};

export class TravelWorld {
  readonly world: TestApp;

  private constructor(world: TestApp) {
    this.world = world;
  }

  /** @param settings of the sandboxes' accounts, by provider */
  static async open(
    world: TestApp,
    settings: Partial<Record<ProviderSlug, Record<string, unknown>>> = {},
  ): Promise<TravelWorld> {
    const travel = new TravelWorld(world);
    for (const { slug } of TRAVEL_PROVIDERS) await travel.account(slug, settings[slug] ?? {});
    await world.app.db.write(PLATFORM, async (tx) => {
      for (const description of TRAVEL_PROVIDERS) {
        const { slug, name, vertical, priority, callsPerMinute } = description;
        await tx.query(
          `insert into providers (slug, id, name, verticals, enabled, calls_per_minute, created_at)
           values ($1, $2, $3, array[$4]::vertical[], true, $5, now()) on conflict (slug) do nothing`,
          [slug, world.app.newId(), name, vertical, Math.max(callsPerMinute, 100_000)],
        );
        await tx.query(
          `insert into provider_slots (id, vertical, provider_slug, priority, created_at) values ($1, $2, $3, $4, now())`,
          [world.app.newId(), vertical, slug, priority],
        );
        for (const [credential, value] of Object.entries(CREDENTIALS[slug])) {
          const owner = providerOwner(slug, 'SANDBOX');
          const place = { tenantId: PLATFORM_TENANT_ID, owner, name: credential, version: 1 };
          await tx.query(
            `insert into credentials (tenant_id, id, owner, name, version, sealed, master_key_version, created_at)
             values (current_tenant(), $1, $2, $3, 1, $4, $5, now())`,
            [
              world.app.newId(),
              owner,
              credential,
              world.app.vault.seal(value, credentialContext(place)),
              world.app.vault.masterKeyVersion,
            ],
          );
        }
      }
    });
    world.app.providers.refresh();
    return travel;
  }

  /** The account at a sandbox, with other settings than the usual. */
  account(slug: ProviderSlug, settings: Record<string, unknown>): Promise<void> {
    return this.world.simulators.register(slug, ACCOUNT, { ...accountOf(slug), ...settings });
  }

  /** A sandbox misbehaves as told, until told otherwise. */
  scenario(slug: ProviderSlug, rules: readonly FaultRule[]): Promise<void> {
    return this.world.simulators.scenario({ integration: slug, account: ACCOUNT, rules });
  }

  search(as: As, input: Record<string, unknown> = {}) {
    return this.world.data(as, SEARCH, { input: { ...STAY, ...input } }).then(({ searchStays }) => searchStays);
  }

  book(as: As, offerId: string, more: Record<string, unknown> = {}) {
    const input = {
      offerId,
      guests: [{ givenName: 'Ada', familyName: 'Lovelace' }],
      contactEmail: 'ada@example.com',
      contactPhone: '+12065550100',
      ...more,
    };
    return this.world.data(as, BOOK, { input }).then(({ bookStay }) => bookStay);
  }

  booking(as: As, id: string) {
    return this.world.data(as, BOOKING, { id }).then(({ booking }) => booking);
  }

  /** Waits until a booking has a status; the journal tells when it moved. */
  until(as: As, id: string, status: string): Promise<any> {
    return eventually(
      () => this.booking(as, id),
      (booking) => booking.status === status,
    );
  }
}

export const day = (ahead: number): string => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
export const STAY = {
  destination: 'SEA',
  checkIn: day(40),
  checkOut: day(42),
  occupancies: [{ adults: 1, childAges: [] }],
  currencyCode: 'USD',
  countryCode: 'US',
};

const SEARCH = `query ($input: StaySearchInput!) { searchStays(input: $input) { complete incompleteReason
  decision { scope selected { slug } }
  offers { id provider { slug } propertyId propertyName roomName refundable expiresAt total { amount currencyCode minorUnits } payAtProperty { minorUnits } } } }`;
const FIELDS = `id reference kind status syncStatus providerReference failureReason holdExpiresAt start end refundable
  amount { amount currencyCode minorUnits } payAtProperty { minorUnits } guests { givenName familyName room } provider { slug }
  order { id number status paymentStatus total { amount currencyCode } amountPaid { amount } expiresAt }`;
const BOOK = `mutation ($input: BookStayInput!) { bookStay(input: $input) { booking { ${FIELDS} } userErrors { code field message details } } }`;
const BOOKING = `query ($id: ID!) { booking(id: $id) { ${FIELDS} } }`;
