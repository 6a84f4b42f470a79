import type { Clock } from '../clock.ts';
import type { OutboundSend } from '../integrations/contract.ts';
import { createPolicy, type CallObservation, type IntegrationPolicy } from '../integrations/policy.ts';
import type { ProbingClient, ProviderCache, ProviderDescription } from '../integrations/travel.ts';
import { createCache } from './cache.ts';
import type { CatalogueProvider } from './contract.ts';

/** A provider's client with what stands around it in this process. */
export interface Member {
  readonly concurrentMax: number;
  readonly client: ProbingClient;
  readonly policy: IntegrationPolicy;
  readonly cache: ProviderCache;
}

export interface MembersOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly send: OutboundSend;
  readonly observe?: (observation: CallObservation) => void;
  /** How long an operation's answers are kept at present, seconds. */
  readonly cacheSecondsOf: (slug: string, operation: string) => number | undefined;
}

/** Clients by provider, made when they are first needed, and anew when their width changes. */
export class Members {
  readonly #options: MembersOptions;
  readonly #members = new Map<string, Member>();

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** Null where nobody has called it yet. */
  known(slug: string): Member | null {
    return this.#members.get(slug) ?? null;
  }

  of({ slug, concurrentMax }: CatalogueProvider, description: ProviderDescription): Member {
    const known = this.#members.get(slug);
    if (known?.concurrentMax === concurrentMax) return known;
    const { clock, random, observe, send, cacheSecondsOf } = this.#options;
    const policy = createPolicy({
      integration: slug,
      clock,
      random,
      circuit: 'elsewhere',
      limits: { concurrentMax, queuedMax: concurrentMax * 4 },
      ...(observe && { observe }),
    });
    const cache = createCache({ clock, secondsOf: (operation) => cacheSecondsOf(slug, operation) });
    const client = description.create({ send: policy.watch(send), clock, cache });
    const member = { concurrentMax, client, policy, cache };
    this.#members.set(slug, member);
    return member;
  }
}
