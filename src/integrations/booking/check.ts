import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type { CheckedOffer, JsonValue, ProviderConnection } from '../travel.ts';
import { askDemand, type DemandOptions, type Refusal } from './exchange.ts';
import { feesOf } from './fees.ts';
import { priceIn, onTheSpot } from './money.ts';
import { readToken, toToken, type Offer, type PreviewedOrder } from './offer.ts';
import { previewBody } from './request.ts';
import { isMock } from './search.ts';
import { readSettings, type BookingSettings } from './settings.ts';
import { PreviewAnswer, type Preview } from './wire.ts';

/**
 * Asks for the final price, and for the token that an order is made with (travel-providers.md 2.4, 2.10). A preview makes
 * nothing: it may be repeated.
 */

/** How long the vendor honours an order token. */
const TOKEN_MS = 15 * 60_000;

export async function check(
  options: DemandOptions,
  connection: ProviderConnection,
  token: JsonValue,
  call: OutboundCall,
): Promise<Outcome<CheckedOffer>> {
  const settings = readSettings(connection);
  if ('refused' in settings) return notDone('misconfigured', settings.refused);
  const offer = readToken(token);
  if (offer === null) return notDone('rejected', 'this is no offer of this provider');
  if (isMock(connection, settings, offer.property)) {
    return notDone('rejected', 'a property of the sandbox is no property in production');
  }
  const askedAt = options.clock.now();
  return askDemand(options, {
    connection,
    call,
    path: '/orders/preview',
    body: previewBody(offer),
    effect: false,
    shape: PreviewAnswer,
    convert: ({ data }) => judgePreview(data, offer, settings, askedAt),
    refused: soldOut,
  });
}

/** Between the search and the preview somebody else was faster. */
function soldOut({ status, id }: Refusal): Outcome<CheckedOffer> | null {
  return status === 409 && id === 'order_unavailable' ? { kind: 'done', value: { state: 'SOLD_OUT' } } : null;
}

function judgePreview(preview: Preview, offer: Offer, settings: BookingSettings, askedAt: Date): Outcome<CheckedOffer> {
  const { accommodation } = preview;
  const previewed = accommodation.products.map(({ id }) => id);
  if (accommodation.id !== offer.property || !sameProducts(previewed, offer)) {
    return notDone('unavailable', 'the preview is about something else');
  }
  // It must stop the booking (2.4): who has no bed there would find out at the door.
  if (accommodation.products.some((product) => product.occupancy_mismatch)) {
    return notDone('rejected', 'a room does not hold its guests');
  }
  const { currency: currencies } = accommodation;
  const price = priceIn(accommodation.price, currencies, offer.currency, settings.excessDecimals);
  if (price === null) return notDone('unavailable', 'the preview names no price in the currency of the offer');
  const payment = paymentFor(preview, settings);
  if ('refused' in payment) return notDone('rejected', payment.refused);
  const schedules = accommodation.products.map(({ policies }) => policies?.cancellation ?? null);
  const fees = feesOf(schedules, currencies, offer.currency, settings.excessDecimals);
  const expiresAt = new Date(askedAt.getTime() + TOKEN_MS);
  const order: PreviewedOrder = { token: preview.order_token, expiresAt: expiresAt.toISOString(), ...payment };
  return {
    kind: 'done',
    value: {
      state: String(price.minor) === offer.totalMinor ? 'AVAILABLE' : 'PRICE_CHANGED',
      totalMinor: price.minor,
      payAtPropertyMinor: onTheSpot(payment.timing, price.minor),
      currencyCode: price.currencyCode,
      // As in a search: free of charge now. A fee that is not known is no promise.
      refundable: fees !== null && fees.findLast(({ from }) => from === null || from <= askedAt)?.amountMinor === 0n,
      cancellationFees: fees,
      expiresAt,
      token: toToken({ ...offer, totalMinor: String(price.minor), order }),
    },
  };
}

function sameProducts(previewed: readonly string[], { rooms }: Offer): boolean {
  const sorted = (ids: readonly string[]): string => JSON.stringify(ids.toSorted());
  return sorted(previewed) === sorted(rooms.map(({ id }) => id));
}

/** How the order would be paid by the settings, or why the property does not take that. What it does not tell is tried. */
function paymentFor(
  { accommodation }: Preview,
  { paymentTiming, paymentMethod }: BookingSettings,
): Pick<PreviewedOrder, 'timing' | 'method'> | { readonly refused: string } {
  const wish = paymentMethod === 'none' ? null : paymentMethod;
  const ways = accommodation.general_policies?.payment ?? null;
  if (ways === null) return { timing: paymentTiming, method: wish };
  const way = ways[paymentTiming];
  if (way === null) return { refused: `the property does not take ${paymentTiming}` };
  const method = wish !== null && way.methods?.[wish] === false ? null : wish;
  return way.method_required === true && method === null
    ? { refused: `the property takes ${paymentTiming} with a card only` }
    : { timing: paymentTiming, method };
}
