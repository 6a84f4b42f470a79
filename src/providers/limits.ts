import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Budgets } from '../budgets.ts';
import type { Clock } from '../clock.ts';
import type { Outcome } from '../integrations/contract.ts';
import { notDone } from '../integrations/outcome.ts';
import type { CatalogueProvider } from './contract.ts';
import type { Usage } from './usage.ts';

export interface LimitsOptions {
  readonly budgets: Budgets;
  readonly clock: Clock;
  readonly usage: Usage;
}

/** Who may be called how often (PRV-12): the vendor's own wish first, then our budget, one over all processes. */
export class Limits {
  readonly #options: LimitsOptions;
  /** Providers that asked us to wait, or whose budget of this minute is spent. */
  readonly #untilMs = new Map<string, number>();

  constructor(options: LimitsOptions) {
    this.#options = options;
  }

  /** Until when a provider is left alone, ms; null where it may be called. */
  untilMs(slug: string): number | null {
    const until = this.#untilMs.get(slug);
    return until !== undefined && until > this.#options.clock.now().getTime() ? until : null;
  }

  /** A vendor's wish to be left alone until then; an earlier one does not shorten it. */
  heed(slug: string, until: Date): void {
    this.#untilMs.set(slug, Math.max(until.getTime(), this.#untilMs.get(slug) ?? 0));
  }

  /** Takes one call, for a tenant whose use is counted. @returns the refusal; null where the call may be made */
  async spend({ slug, callsPerMinute }: CatalogueProvider, tenantId: string | null): Promise<Outcome<never> | null> {
    const { budgets, clock, usage } = this.#options;
    const now = clock.now();
    if (this.untilMs(slug) === null) {
      const bucket = `provider:${slug}`;
      const grant =
        budgets.takeNow(PLATFORM_TENANT_ID, bucket, 1, callsPerMinute) ??
        (await budgets.take(PLATFORM_TENANT_ID, bucket, 1, callsPerMinute));
      if (grant.granted) {
        if (tenantId !== null) usage.count(tenantId, slug, now, 'calls');
        return null;
      }
      this.heed(slug, grant.resetAt);
    }
    if (tenantId !== null) usage.count(tenantId, slug, now, 'refused');
    return notDone('rateLimited', 'the rate budget is spent', new Date(this.#untilMs.get(slug)!));
  }
}
