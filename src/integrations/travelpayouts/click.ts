import { z } from 'zod';
import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type { JsonValue } from '../travel.ts';
import { isVendors, type Account } from './account.ts';
import { askVendor, type Exchange } from './exchange.ts';
import { markerOf, pageUrl } from './link.ts';
import { Click, readJson } from './wire.ts';

/** Where a customer who clicked is sent (travel-providers.md 4.5, 4.7). */
export interface Destination {
  readonly url: string;
  readonly expiresAt: Date | null;
}

const CLICK_MS_MAX = 10_000;

/** What our own searches put into an offer. */
const OfferToken = z.discriminatedUnion('surface', [
  z.object({ surface: z.literal('cached'), path: z.string().regex(/^\/search\/[\x21-\x7e]{1,700}$/) }),
  z.object({
    surface: z.literal('live'),
    searchId: z.string().regex(/^[\w-]{8,100}$/),
    term: z.string().regex(/^\d{1,20}$/),
    expiresAt: z.iso.datetime(),
  }),
]);

type LiveToken = Extract<z.infer<typeof OfferToken>, { surface: 'live' }>;

/** A cached offer's page costs no call; a live one's is the vendor's click, which is the customer's alone to make. */
export async function linkOf(
  exchange: Exchange,
  account: Account,
  offer: JsonValue,
  call: OutboundCall,
): Promise<Outcome<Destination>> {
  const token = OfferToken.safeParse(offer);
  if (!token.success) return notDone('rejected', 'the offer is none of this provider');
  if (token.data.surface === 'live') return click(exchange, account, token.data, call);
  return { kind: 'done', value: { url: pageUrl(account, token.data.path), expiresAt: null } };
}

/**
 * Counted by the vendor against its partner's conversion, so it has an effect: a lost answer is unknown, and only the
 * customer may click again. Fetching links ahead gets the partner's access switched off.
 */
async function click(
  exchange: Exchange,
  account: Account,
  token: LiveToken,
  call: OutboundCall,
): Promise<Outcome<Destination>> {
  const resultsExpireAt = new Date(token.expiresAt);
  if (resultsExpireAt <= exchange.clock.now()) return notDone('rejected', 'the offer has expired: search again');
  if (account.mode === 'SANDBOX' && isVendors(account.baseUrl)) {
    return notDone('misconfigured', 'the vendor has no sandbox, and counts every click');
  }
  return askVendor<Destination>(exchange, {
    account,
    call,
    method: '/v1/flight_searches/clicks',
    path: `/v1/flight_searches/${token.searchId}/clicks/${token.term}.json`,
    query: { marker: markerOf(account) },
    withToken: false,
    timeoutMsMax: CLICK_MS_MAX,
    effect: true,
    notFound: 'the vendor does not know the offer any more: search again',
    read: (body) => {
      const read = readJson(Click, body);
      if (read === null) return null;
      // How params are to be posted is not confirmed, and an address can't carry a form.
      if (read.method !== 'GET') return notDone('rejected', 'the agency takes its customers by a form only');
      const url = destinationOf(read.url, account);
      // Links live 15 minutes, and so do results: which clock counts is not said, and the results' ends first.
      return url === null ? null : { kind: 'done', value: { url, expiresAt: resultsExpireAt } };
    },
  });
}

/** Agencies are anybody, so an address is all that is taken from them: encrypted, and with nobody's password in it. */
function destinationOf(written: string, account: Account): string | null {
  const url = URL.parse(written);
  const isAllowed = url?.protocol === 'https:' || (url?.protocol === 'http:' && account.baseUrl.startsWith('http:'));
  return url !== null && isAllowed && url.username === '' && url.password === '' ? url.href : null;
}
