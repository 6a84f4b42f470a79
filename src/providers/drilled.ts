import { Lru } from '../auth/lru.ts';
import { DRILLED_CALLS_MAX, DRILLS_KEPT, type Drills } from '../drills.ts';
import type { ProviderDescription } from '../integrations/travel.ts';
import type { CatalogueProvider } from './contract.ts';
import { Members, type Member, type MembersOptions } from './members.ts';

/** A provider as a tenant that drills meets it. */
export interface Drilled {
  readonly provider: CatalogueProvider;
  readonly member: Member;
}

/**
 * Clients for those who drill. Each drill has its own: nobody stands in one queue with its calls, waits where they were told to wait,
 * or is answered from what was kept of theirs.
 */
export class DrilledMembers {
  readonly #options: MembersOptions;
  readonly #drills: Drills;
  readonly #members = new Lru<string, Members>(DRILLS_KEPT);

  constructor(options: MembersOptions, drills: Drills) {
    // How a drill goes says nothing of the provider.
    const { observe: _observe, ...unwatched } = options;
    this.#options = unwatched;
    this.#drills = drills;
  }

  /** Null where the tenant does not drill: then it meets the provider as everybody does. */
  async find(
    tenantId: string | null,
    provider: CatalogueProvider,
    description: ProviderDescription,
  ): Promise<Drilled | null> {
    const drill = tenantId === null ? null : await this.#drills.running(tenantId, provider.slug);
    const address = drill?.redirect(provider.baseUrls.SANDBOX) ?? null;
    if (drill === null || address === null) return null;
    let members = this.#members.get(drill.id);
    if (!members) this.#members.set(drill.id, (members = new Members({ ...this.#options, send: drill.send })));
    const concurrentMax = Math.min(provider.concurrentMax, DRILLED_CALLS_MAX);
    const drilled = { ...provider, concurrentMax, baseUrls: { ...provider.baseUrls, SANDBOX: address } };
    return { provider: drilled, member: members.of(drilled, description) };
  }
}
