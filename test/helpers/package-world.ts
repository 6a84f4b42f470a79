import { pollRefund } from '../../src/resolvers/refund-poll.ts';
import type { TestApp } from './app.ts';
import { eventually } from './app.ts';
import { rawId, Shop } from './shop.ts';
import { ACCOUNT, day, TravelWorld } from './travel-world.ts';

/** Packages of stays and flights with real sandboxes: Expedia keeps rooms, Booking.com does not, Kiwi.com keeps seats and tells later. */

const STEP =
  'kind state leg deadline cost { minorUnits } atRisk { minorUnits } provider { slug } booking { reference }';
const PLAN_FIELDS = `steps { ${STEP} } total { minorUnits currencyCode } payAtProperty { minorUnits } worstCase { minorUnits } riskUntil rollback`;
const FIELDS = `id reference status rollback note total { minorUnits } goesBack { minorUnits } lost { minorUnits } maxRisk { amount }
  plan { ${PLAN_FIELDS} }
  bookings { id reference kind status syncStatus failureReason amount { minorUnits } provider { slug } package { id } }
  order { id type status paymentStatus expiresAt total { minorUnits } items { description lineTotal { minorUnits } } payments { id refunded { minorUnits } } }`;
const ERRORS = 'userErrors { code field message details }';
const PLAN = `query ($input: BookPackageInput!) { planPackage(input: $input) { ${PLAN_FIELDS} } }`;
const BOOK = `mutation ($input: BookPackageInput!) { bookPackage(input: $input) { package { ${FIELDS} } ${ERRORS} } }`;
const ONE = `query ($id: ID!) { package(id: $id) { ${FIELDS} } }`;
const CANCEL = `mutation ($input: CancelPackageInput!) { cancelPackage(input: $input) { package { ${FIELDS} } ${ERRORS} } }`;
const RESOLVE = `mutation ($input: ResolvePackageInput!) { resolvePackage(input: $input) { package { ${FIELDS} } ${ERRORS} } }`;
const POLICY = `mutation ($input: UpdatePackagePolicyInput!) { updatePackagePolicy(input: $input) { packagePolicy { rollback legOrder scope } ${ERRORS} } }`;
const FLIGHTS = `query ($input: FlightSearchInput!) { searchFlights(input: $input) { offers { id total { minorUnits } } } }`;

const PASSENGER = { givenName: 'Test', familyName: 'Test', birthDate: '1990-01-01', title: 'MR', nationality: 'CZ' };
const GUEST = { givenName: 'Ada', familyName: 'Lovelace' };
const FLIGHT = { from: 'PRG', to: 'LIS', departure: day(40), adults: 1, currencyCode: 'USD', countryCode: 'CZ' };

export interface LegInput {
  readonly offerId: string;
  readonly guests?: readonly object[];
  readonly passengers?: readonly object[];
}

export class PackageWorld {
  readonly world: TestApp;
  readonly shop: Shop;
  readonly travel: TravelWorld;
  /** Settings of the account at Kiwi.com, for putting it back. */
  readonly kiwi: Readonly<Record<string, unknown>>;

  private constructor(of: Pick<PackageWorld, 'world' | 'shop' | 'travel' | 'kiwi'>) {
    this.world = of.world;
    this.shop = of.shop;
    this.travel = of.travel;
    this.kiwi = of.kiwi;
  }

  /** Many rooms and seats: a test file books often. Kiwi.com tells of its bookings by its webhooks. */
  static async open(world: TestApp): Promise<PackageWorld> {
    const shop = await Shop.open(world);
    const webhookUrl = `http://127.0.0.1:${world.port}/webhooks/providers/kiwi?secret=push-kiwi-00000001`;
    const kiwi = { seats: 9, polls: 1, carrierDelayMs: 50, webhookUrl, retryDelaysMs: [200, 400] };
    const expedia = { roomsEach: 900 };
    const travel = await TravelWorld.open(world, { expedia, booking: { roomsPerType: 900 }, kiwi });
    const trips = new PackageWorld({ world, shop, travel, kiwi });
    await trips.payBookingBy({ paymentTiming: 'pay_online_now', paymentMethod: 'wallet' });
    return trips;
  }

  /** How Booking.com is paid: left to itself the properties collect everything, and we nothing. */
  async payBookingBy(settings: Readonly<Record<string, string>>): Promise<void> {
    await this.world.owner("update providers set settings = $1 where slug = 'booking'", [JSON.stringify(settings)]);
    this.world.app.providers.refresh();
  }

  /** A stay that Expedia keeps unpaid. @param refundable whether its money comes back */
  async kept(refundable = true, more: Record<string, unknown> = {}): Promise<LegInput> {
    const { offers } = await this.travel.search(this.shop.customer, more);
    return stayOf(offers.find((offer: any) => offer.refundable === refundable));
  }

  /** A stay that Booking.com only books. */
  async unkept(refundable = true, more: Record<string, unknown> = {}): Promise<LegInput> {
    const place = { destination: undefined, propertyIds: ['booking:10507401'], ...more };
    const { offers } = await this.travel.search(this.shop.customer, place);
    return stayOf(offers.find((offer: any) => offer.refundable === refundable));
  }

  async flight(more: object = {}): Promise<LegInput> {
    const { searchFlights } = await this.world.data(this.shop.customer, FLIGHTS, { input: { ...FLIGHT, ...more } });
    return { offerId: searchFlights.offers[0].id, passengers: [PASSENGER] };
  }

  input(legs: readonly LegInput[], more: object = {}) {
    return { legs, contactEmail: 'ada@example.com', contactPhone: '+12065550100', ...more };
  }

  plan(legs: readonly LegInput[], more: object = {}) {
    return this.world
      .data(this.shop.customer, PLAN, { input: this.input(legs, more) })
      .then(({ planPackage }) => planPackage);
  }

  /** The refusal of a plan: a query has no payload for it. */
  async planRefused(legs: readonly LegInput[], more: object = {}) {
    const { errors } = await this.world.ask(this.shop.customer, PLAN, { input: this.input(legs, more) });
    return errors![0]!.extensions;
  }

  book(legs: readonly LegInput[], more: object = {}, as = this.shop.customer) {
    return this.world.data(as, BOOK, { input: this.input(legs, more) }).then(({ bookPackage }) => bookPackage);
  }

  async booked(legs: readonly LegInput[], more: object = {}) {
    const { package: one, userErrors } = await this.book(legs, more);
    if (!one) throw new Error(`Not booked: ${JSON.stringify(userErrors)}`);
    return one;
  }

  package(id: string, as = this.shop.customer) {
    return this.world.data(as, ONE, { id }).then(({ package: one }) => one);
  }

  cancel(packageId: string, more: object = {}) {
    return this.world
      .data(this.shop.customer, CANCEL, { input: { packageId, ...more } })
      .then(({ cancelPackage }) => cancelPackage);
  }

  resolve(packageId: string, decision: 'KEEP' | 'CANCEL', more: object = {}) {
    const input = { packageId, decision, reason: 'asked the customer', ...more };
    return this.world.data(this.shop.operator, RESOLVE, { input }).then(({ resolvePackage }) => resolvePackage);
  }

  /** The tenant's own policy from now on. */
  async policy(input: { rollback?: string; legOrder?: readonly string[] }) {
    const admin = { token: (await this.world.session('tenantAdmin')).accessToken };
    const { updatePackagePolicy } = await this.world.data(admin, POLICY, { input });
    return updatePackagePolicy;
  }

  /** The customer pays at the gateway, and its hook arrives. */
  async pay(one: { order: { id: string } }): Promise<void> {
    const { verdict } = await this.shop.paid(await this.shop.startedOn(one.order.id));
    if (verdict !== 'ACCEPTED') throw new Error(`Not paid: ${verdict}`);
  }

  until(id: string, status: string, more: (one: any) => boolean = () => true): Promise<any> {
    return eventually(
      () => this.package(id),
      (one) => one.status === status && more(one),
    );
  }

  /** What was asked back of the package's payments, done or under way; minor units, as text. */
  async refunds(one: { order: { id: string } }): Promise<string[]> {
    const rows = await this.world.owner<{ minor: string }>(
      `select r.amount_minor as minor from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
       where p.order_id = $1 and r.status <> 'REJECTED' order by r.created_at, r.id`,
      [rawId(one.order.id)],
    );
    return rows.map(({ minor }) => minor);
  }

  /** The gateway's staff approves what was asked back of the package's payment, and the gateway is asked about it. */
  async approve(one: { order: { id: string } }): Promise<void> {
    const { refund, invoice } = await eventually(
      async () => {
        const [refund] = await this.world.owner<{ id: string; invoice: string }>(
          `select r.id, p.gateway_reference as invoice from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
           where p.order_id = $1 and r.status = 'REQUESTED' and r.gateway_refund_reference is not null`,
          [rawId(one.order.id)],
        );
        const { refunds } = await this.world.simulators.book(this.shop.account);
        return { refund, invoice: refunds.find((each) => String(each.invoiceId) === refund?.invoice) };
      },
      (found) => found.invoice?.state === 'pending',
    );
    await this.world.simulators.decide(invoice!.page, 'approve');
    await this.world.owner(
      "update refunds set next_poll_at = now() - interval '1 second', leased_until = null where id = $1",
      [refund!.id],
    );
    await pollRefund(this.world.app, this.shop.scope, refund!.id);
  }

  /** Which of our names stand in the sandboxes' books: booked, or only kept. */
  async standing(): Promise<{ booked: string[]; held: string[] }> {
    const [expedia, booking, kiwi] = await Promise.all([
      this.#book('expedia'),
      this.#book('booking'),
      this.#book('kiwi'),
    ]);
    const rooms = expedia.bookings.filter((one: any) => one.rooms.some(({ status }: any) => status !== 'canceled'));
    const orders = booking.orders.filter(({ status }: any) => !status.startsWith('cancelled'));
    // Kiwi.com takes no name of ours: its own number is what we know a flight by.
    const flights = kiwi.bookings.filter(({ isPaid }: any) => isPaid);
    const booked: string[] = [
      ...rooms.filter(({ isHeld }: any) => !isHeld).map(({ reference }: any) => reference),
      ...orders.map(({ label }: any) => label),
      ...flights.map(({ bookingId }: any) => String(bookingId)),
    ];
    return {
      booked: booked.toSorted(),
      held: rooms.filter(({ isHeld }: any) => isHeld).map(({ reference }: any) => reference),
    };
  }

  async #book(integration: string): Promise<any> {
    return (await this.world.simulators.bookOf(integration, ACCOUNT)).book;
  }

  /** The names under which a package's legs are known at their providers, as they were given; null where one was never sent. */
  async names(one: { id: string }): Promise<string[]> {
    const rows = await this.world.owner<{ name: string }>(
      `select case when kind = 'FLIGHT' then provider_reference else attempt_reference end as name from bookings
       where package_id = $1 order by package_leg`,
      [rawId(one.id)],
    );
    return rows.map(({ name }) => name);
  }
}

function stayOf(offer: { id: string } | undefined): LegInput {
  if (!offer) throw new Error('No such stay is on offer.');
  return { offerId: offer.id, guests: [GUEST] };
}
