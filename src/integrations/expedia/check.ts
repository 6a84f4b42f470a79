import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type { CheckedOffer, JsonValue, Traveller } from '../travel.ts';
import { answerOf, ask, type ExpediaOptions } from './exchange.ts';
import { toCheckedOffer } from './map.ts';
import { followed, type Profile } from './profile.ts';
import { readToken } from './token.ts';
import { PriceCheck } from './wire.ts';

/** Asks for the price once more by the offer's own link; the answer brings the link that books (travel-providers.md 1.5). */
export async function check(
  options: ExpediaOptions,
  profile: Profile,
  asked: { readonly offer: JsonValue; readonly traveller: Traveller; readonly call: OutboundCall },
): Promise<Outcome<CheckedOffer>> {
  const token = readToken(asked.offer);
  if (token === null) return notDone('rejected', 'the offer is none of this provider');
  const url = followed(profile, token.check);
  if (url === null) return notDone('rejected', "the offer's link leads to another host");
  return ask<CheckedOffer>(options, {
    profile,
    call: asked.call,
    traveller: asked.traveller,
    method: 'GET',
    about: 'search',
    url,
    tested: 'check',
    effect: false,
    read: (response) => {
      const answer = answerOf(PriceCheck, response);
      if (answer === null) return null;
      // A card of the traveller's would have to be registered first, and none ever comes here.
      const wantsCard = answer.links !== null && answer.links.book === null && answer.links.payment_session !== null;
      if (wantsCard) return notDone('rejected', 'the vendor wants a payment session');
      const value = toCheckedOffer(answer, token);
      return value && { kind: 'done', value };
    },
    // A link that is used up, or a rate that is not there any more: only a new search helps.
    refused: ({ status, types }) =>
      types.has('link.invalid') || status === 404 || status === 410
        ? { kind: 'done', value: { state: 'EXPIRED' } }
        : null,
  });
}
