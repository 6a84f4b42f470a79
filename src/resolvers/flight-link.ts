import type { App, ClientFacts } from '../context.ts';
import type { Offer } from '../offers.ts';
import { verifyOffer } from '../offers.ts';
import { travellerOf } from './booking-input.ts';

const LIMIT_MS = 8_000;

/** The vendor's address for an offer that is sold elsewhere; null where the offer is over or the vendor gives none. */
export async function linkOfOffer(
  app: Pick<App, 'clock' | 'vault' | 'providers' | 'log'>,
  { offerId, client }: { offerId: string; client: ClientFacts },
): Promise<string | null> {
  const offer: Offer | null = verifyOffer(app.vault, app.clock, offerId);
  if (offer?.kind !== 'FLIGHT') return null;
  const about = {
    slug: offer.providerSlug,
    tenantId: offer.tenantId,
    operation: 'link',
    // Each is a click to the vendor: one, and no more.
    safe: false,
    deadlineAtMs: app.clock.now().getTime() + LIMIT_MS,
    mode: offer.mode,
  };
  const traveller = travellerOf(offer, client);
  const outcome = await app.providers.call('FLIGHTS_DISCOVERY', about, (discovery, connection, call) =>
    discovery.link(connection, offer.token, traveller, call),
  );
  if (outcome.kind === 'done' && isWebAddress(outcome.value.url)) return outcome.value.url;
  app.log.warn({ provider: offer.providerSlug, outcome: outcome.kind }, 'no link for an offer');
  return null;
}

// What a vendor answers is where a browser goes: the web and nothing else.
function isWebAddress(url: string): boolean {
  const protocol = URL.parse(url)?.protocol;
  return protocol === 'https:' || protocol === 'http:';
}
