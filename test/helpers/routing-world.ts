import { encodeGlobalId } from '../../src/global-id.ts';
import { eventually, startTestApp, type As, type TestApp } from './app.ts';
import { configure, descriptionsOf, vendors, type Vendors } from './vendors.ts';

/** The product with vendors in memory, and the people who ask whom it would ask. */

export const TENANT_ID = '00000000-0000-4000-8000-0000000000d1';
export const OTHER_TENANT_ID = '00000000-0000-4000-8000-0000000000d2';

const DECISION = `id scope vertical selected { slug } candidates { accepted reason detail provider { slug }
  slot { id priority enabled vertical tenant { slug } routingRules { currencyAllow } } }`;
export const EXPLAIN = `query ($input: RouteInput!) { routeProvider(input: $input) { ${DECISION} } }`;
const SLOT = `mutation ($input: UpsertProviderSlotInput!) { upsertProviderSlot(input: $input) { providerSlot { id } userErrors { code message } } }`;
const LOG = `query ($vertical: Vertical, $first: Int, $after: String) { routingDecisions(vertical: $vertical, first: $first, after: $after) {
  nodes { ${DECISION} purpose context outcome latencyMs answeredBy { slug } decidedAt } pageInfo { hasNextPage endCursor } } }`;
const SEARCH = `query ($input: StaySearchInput!) { searchStays(input: $input) {
  complete incompleteReason offers { provider { slug } } decision { id selected { slug } } } }`;

type Input = Record<string, unknown>;

export class RoutingWorld {
  readonly world: TestApp;
  readonly all: Vendors;
  readonly operator: As;
  readonly customer: As;
  readonly tenantAdmin: As;
  /** The platform's staff, at home and in the tenant. */
  readonly atHome: As;
  readonly inTenant: As;
  readonly #clock: { shiftMs: number };

  private constructor(
    facts: Pick<RoutingWorld, 'world' | 'all' | 'operator' | 'customer' | 'tenantAdmin' | 'atHome'>,
    clock: { shiftMs: number },
  ) {
    this.world = facts.world;
    this.all = facts.all;
    this.operator = facts.operator;
    this.customer = facts.customer;
    this.tenantAdmin = facts.tenantAdmin;
    this.atHome = facts.atHome;
    this.inTenant = { ...facts.atHome, tenant: facts.world.facts.tenantSlug };
    this.#clock = clock;
  }

  static async open(): Promise<RoutingWorld> {
    const all = vendors();
    const shifted = { shiftMs: 0 };
    const clock = { now: () => new Date(Date.now() + shifted.shiftMs) };
    const world = await startTestApp({ worker: false, clock, providerDescriptions: descriptionsOf(all) });
    const [operator, customer, tenantAdmin, atHome] = await Promise.all(
      (['operator', 'customer', 'tenantAdmin', 'platformAdmin'] as const).map(async (who) => ({
        token: (await world.session(who)).accessToken,
      })),
    );
    await configure(world, ['expedia', 'booking', 'kiwi']);
    return new RoutingWorld(
      { world, all, operator: operator!, customer: customer!, tenantAdmin: tenantAdmin!, atHome: atHome! },
      shifted,
    );
  }

  /** Moves the clock on; tokens of before may have ended. */
  advance(ms: number): void {
    this.#clock.shiftMs += ms;
  }

  get nowMs(): number {
    return Date.now() + this.#clock.shiftMs;
  }

  /** Every vendor well, every provider on, no slots but the global ones. */
  async restore(): Promise<void> {
    for (const vendor of Object.values(this.all)) Object.assign(vendor, { mood: 'well', latencyMs: 0 });
    await this.world.owner('update provider_slots set deleted_at = now() where tenant_id is not null');
    await this.world.owner('update providers set enabled = true');
    this.world.app.providers.refresh();
  }

  async explain(input: Input = {}, as = this.operator): Promise<any> {
    return (await this.world.data(as, EXPLAIN, { input: { vertical: 'LODGING', ...input } })).routeProvider;
  }

  /** By provider. */
  async reasons(input: Input = {}, as = this.operator): Promise<Record<string, string>> {
    const { candidates } = await this.explain(input, as);
    return Object.fromEntries(candidates.map((one: any) => [one.provider.slug, one.reason]));
  }

  /** What such a question is refused with: codes with the fields they are about. */
  async refusals(input: Input, as = this.operator): Promise<unknown[]> {
    const { errors = [] } = await this.world.ask(as, EXPLAIN, { input: { vertical: 'LODGING', ...input } });
    return errors.map(({ extensions: { code, field } }) => [code, field]);
  }

  /** @returns its global id */
  async upsert(input: Input, as = this.inTenant): Promise<string> {
    const given = { vertical: 'LODGING', enabled: true, priority: 5, ...input };
    const { upsertProviderSlot } = await this.world.data(as, SLOT, { input: given });
    if (upsertProviderSlot.userErrors.length > 0) throw new Error(JSON.stringify(upsertProviderSlot.userErrors));
    return upsertProviderSlot.providerSlot.id;
  }

  async globalSlotOf(slug: string): Promise<string> {
    const [row] = await this.world.owner<{ id: string }>(
      'select id from provider_slots where provider_slug = $1 and tenant_id is null',
      [slug],
    );
    return encodeGlobalId('ProviderSlot', row!.id);
  }

  search(input: Input, as = this.customer): Promise<any> {
    return this.world.data(as, SEARCH, { input }).then(({ searchStays }) => searchStays);
  }

  async log(variables: Input = {}, as = this.operator): Promise<any> {
    return (await this.world.data(as, LOG, { first: 100, ...variables })).routingDecisions;
  }

  /** The log once so many are in it: they are written soon, not at once. */
  async logged(count: number, variables: Input = {}): Promise<any[]> {
    const { nodes } = await eventually(
      () => this.log(variables),
      (page) => page.nodes.length >= count,
    );
    return nodes;
  }
}
