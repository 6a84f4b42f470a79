import type { OutboundCall, OutboundResponse, Outcome } from '../contract.ts';
import { readAnswer } from '../json.ts';
import { notDone, sharedBudget, unreadable } from '../outcome.ts';
import type { CheckedOffer, JsonValue, ProviderConnection } from '../travel.ts';
import { askKiwi, type KiwiOptions } from './exchange.ts';
import { toChecked } from './map.ts';
import { numberSetting } from './settings.ts';
import { readToken, type CheckedToken, type OfferToken } from './token.ts';
import { BaggageAnswer, CheckAnswer } from './wire.ts';

/** check_flights: asked again until the vendor has verified the flights with its suppliers (travel-providers.md 3.4). */

/** One poll may take so long, and a check so many of them. */
const POLL_TIMEOUT_MS = 20_000;
const POLLS_MAX = 100;
const PAUSE_MS_MAX = 10_000;

/** One poll: the offer is decided, or verification goes on under the session. */
type Polled = { readonly decided: CheckedOffer } | { readonly sessionId: string; readonly bookingToken: string };

export async function check(
  options: KiwiOptions,
  connection: ProviderConnection,
  offer: JsonValue,
  call: OutboundCall,
): Promise<Outcome<CheckedOffer>> {
  const token = readToken(offer);
  if (token === null) return notDone('rejected', 'this is no offer of Kiwi.com');
  const pauseMs = numberSetting(connection, 'POLL_MS', PAUSE_MS_MAX);
  const budget = sharedBudget(options.clock, call);
  let session = { sessionId: token.kind === 'checked' ? token.sessionId : '', bookingToken: token.bookingToken };
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    const left = budget.next();
    if (poll > 0 && (left.timeoutMs <= pauseMs || !(await waited(options, pauseMs, call)))) break;
    if (budget.isOver) break;
    const { timeoutMs } = budget.next();
    const bounded = { ...call, timeoutMs: Math.min(timeoutMs, POLL_TIMEOUT_MS) };
    const polled = await pollOnce(options, connection, { ...token, ...session }, bounded);
    if (polled.kind !== 'done') return polled;
    if ('decided' in polled.value) return { kind: 'done', value: polled.value.decided };
    session = polled.value;
  }
  return notDone('unavailable', 'the vendor did not verify the flights in time');
}

/** False where the caller gave up meanwhile. */
async function waited({ pause }: KiwiOptions, ms: number, { signal }: OutboundCall): Promise<boolean> {
  try {
    await pause(ms, signal);
    return true;
  } catch {
    return false;
  }
}

type Session = (OfferToken | CheckedToken) & { readonly sessionId: string };

async function pollOnce(
  options: KiwiOptions,
  connection: ProviderConnection,
  offer: Session,
  call: OutboundCall,
): Promise<Outcome<Polled>> {
  const query = new URLSearchParams({
    booking_token: offer.bookingToken,
    // Nothing is sold but the seat; still it must be asked for.
    bnum: '0',
    adults: String(offer.adults),
    children: String(offer.children),
    infants: '0',
    currency: offer.currencyCode,
    ...(offer.sessionId !== '' && { session_id: offer.sessionId }),
  });
  const path = '/v2/booking/check_flights';
  const expired: Polled = { decided: { state: 'EXPIRED' } };
  return askKiwi<Polled>(options, { connection, call, path, query, effect: false, expired, read: readWith(offer) });
}

function readWith(offer: Session) {
  return (response: OutboundResponse): Outcome<Polled> | null => {
    const answer = response.status === 200 ? readAnswer(CheckAnswer, response.body, 'written') : null;
    if (answer === null) return null;
    if (answer.flights_invalid) return { kind: 'done', value: { decided: { state: 'SOLD_OUT' } } };
    const sessionId = offer.sessionId || answer.session_id;
    if (answer.flights_checked === undefined || sessionId === '' || sessionId.length > 200)
      return unreadable(response.status, false);
    if (!answer.flights_checked) {
      return { kind: 'done', value: { sessionId, bookingToken: answer.booking_token || offer.bookingToken } };
    }
    const baggage = readAnswer(BaggageAnswer, response.body);
    if (baggage === null) return unreadable(response.status, false);
    const checked = toChecked(answer, baggage, offer, sessionId);
    if (typeof checked === 'string') return notDone('unavailable', checked);
    return { kind: 'done', value: { decided: checked } };
  };
}
