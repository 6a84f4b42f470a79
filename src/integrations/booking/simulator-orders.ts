import { json } from '../simulator/answer.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import {
  Complaint,
  invalid,
  listIn,
  missing,
  objectIn,
  oneOf,
  only,
  optionalText,
  textIn,
  type Fields,
} from './simulator-fields.ts';
import {
  holds,
  priceOf,
  productsOf,
  totalOf,
  type Party,
  type Priced,
  type Product,
  type Property,
  type Stay,
  type Timing,
} from './simulator-inventory.ts';
import type { Booked, Order, Previewed } from './simulator-model.ts';
import { instant, priceTold, scheduleOf } from './simulator-search.ts';
import {
  amountsOf,
  bookerIn,
  currencyIn,
  datesIn,
  knownProperty,
  partyIn,
  roomsLeft,
  type Desk,
} from './simulator-stay.ts';

/** /orders/preview and /orders/create (travel-providers.md 2.4, 2.10). */

const TOKEN_MS = 15 * 60_000;
const LATE_MS = 60_000;

interface Picked {
  readonly product: Product;
  readonly party: Party;
  readonly priced: Priced;
}

export function preview(desk: Desk, requestId: string, body: Fields): SimulatorAnswer {
  only(body, 'accommodation car currency');
  const asked = objectIn(body['accommodation'], 'accommodation');
  only(asked, 'id booker checkin checkout products', 'accommodation.');
  const property = knownProperty(desk, asked['id'], 'accommodation.id');
  if (property === null) throw invalid('accommodation.id');
  bookerIn(asked, 'accommodation.');
  const stay = datesIn(asked, desk.now, 'accommodation.');
  const picked = pick(desk, property, stay, asked);
  const rooms = picked.map(({ product, party }) => ({ ...party, product: product.id, room: product.room.id }));
  refuseTaken(desk, 'preview', rooms, stay);
  const currency = currencyIn(body);
  const { currency: currencies, pair } = amountsOf(desk, property, currency);
  const total = picked.reduce((sum, { priced }) => sum + totalOf(priced), 0);
  const expiresAtMs = desk.now.getTime() + TOKEN_MS;
  const promise: Previewed = { ...stay, property: property.id, rooms, total, expiresAtMs, usedFor: null };
  const price = (priced: readonly Priced[]): unknown => priceTold(priced, pair, true, true);
  const products = picked.map(({ product, party, priced }) => ({
    id: product.id,
    bundle: null,
    deal: null,
    inventory: { third_party: false, type: 'sell' },
    room: product.room.id,
    occupancy_mismatch: mismatchOf(product, party),
    // The schedule itself here, other than in availability.
    policies: {
      cancellation: scheduleOf(desk, product, { ...stay, parties: [party], currency }, totalOf(priced), pair),
      meal_plan: { plan: product.rate.plan, meals: product.rate.plan === 'breakfast_included' ? ['breakfast'] : [] },
    },
    price: price([priced]),
  }));
  const accommodation = {
    id: property.id,
    currency: told(desk, currencies),
    general_policies: { payment: waysOf(desk, property, stay, pair(0), pair(total)) },
    price: price(picked.map(({ priced }) => priced)),
    products,
  };
  const token = desk.ledger.keep(desk.account, 'order', promise);
  return json(200, { request_id: requestId, data: { accommodation, order_token: token } });
}

function told({ fault }: Desk, currencies: { accommodation: string; booker: string | null }): unknown {
  return fault?.fault === 'wrongCurrency' ? { accommodation: 'XTS', booker: 'XTS' } : currencies;
}

function pick(desk: Desk, property: Property, stay: Stay, asked: Fields): Picked[] {
  const percent = 100 + desk.settings.priceChangePercent + (isDearer(desk) ? 10 : 0);
  return listIn(asked, 'products', 100, 'accommodation.').map((one) => {
    const fields = objectIn(one, 'accommodation.products');
    only(fields, 'id allocation', 'accommodation.products.');
    const id = textIn(fields, 'id', /^\S+$/, 'accommodation.products.');
    const product = productsOf(property).find((known) => known.id === id);
    if (!product) throw invalid('accommodation.products.id');
    const whole = { adults: product.room.adults, children: [] };
    const party =
      fields['allocation'] === undefined ? whole : partyIn(fields['allocation'], 'accommodation.products.allocation');
    return { product, party, priced: priceOf(product, stay, desk.ledger.seedOf(desk.account), percent) };
  });
}

function isDearer({ fault }: Desk): boolean {
  return fault?.fault === 'wrongAmount' || fault?.fault === 'priceChanged';
}

/** Somebody else was faster, in truth or because a drill says so. */
function refuseTaken(desk: Desk, at: 'preview' | 'create', rooms: readonly Booked[], stay: Stay): void {
  const wanted = new Map<string, number>();
  for (const { room } of rooms) wanted.set(room, (wanted.get(room) ?? 0) + 1);
  const short = [...wanted].find(([room, count]) => roomsLeft(desk, room, stay) < count);
  const isDrilled = desk.settings.soldOutAt === at || desk.fault?.fault === 'soldOut';
  if (short === undefined && !isDrilled) return;
  throw new Complaint(
    409,
    'order_unavailable',
    `Order has unavailable items: room '${(short ?? [rooms[0]?.room])[0]}'.`,
  );
}

/** Who finds no place in the room: null where everybody does. */
function mismatchOf({ room }: Product, party: Party): unknown {
  if (holds(room, party)) return null;
  const adults = Math.min(party.adults, room.adults);
  return {
    allocated: { number_of_adults: adults, children: null },
    unallocated: {
      number_of_adults: party.adults - adults,
      children: party.children.length === 0 ? null : party.children,
    },
  };
}

function waysOf(desk: Desk, property: Property, stay: Stay, nothing: unknown, whole: unknown): unknown {
  const today = desk.now.toISOString().slice(0, 10);
  const way = (timing: Timing): unknown => {
    if (!property.timings.includes(timing)) return null;
    const atProperty = timing === 'pay_at_the_property';
    const isNow = timing === 'pay_online_now';
    return {
      dates: isNow
        ? [{ at: today, price: whole }]
        : [
            { at: today, price: nothing },
            { at: stay.checkIn, price: whole },
          ],
      method_required: atProperty ? property.wantsCard : true,
      methods: { airplus: !atProperty, cards: [1, 2, 3], wallet: isNow },
    };
  };
  return {
    pay_at_the_property: way('pay_at_the_property'),
    pay_online_now: way('pay_online_now'),
    pay_online_later: way('pay_online_later'),
  };
}

export function create(desk: Desk, requestId: string, body: Fields): SimulatorAnswer {
  only(body, 'accommodation booker order_token payment');
  const token = textIn(body, 'order_token', /^[^\s]+$/);
  const booker = bookerOf(body);
  const payment = objectIn(body['payment'], 'payment');
  const promise = desk.ledger.kept<Previewed>(desk.account, 'order', token);
  if (promise === null) throw new Complaint(400, 'invalid_token', "Token 'order_token' is invalid.");
  if (promise.usedFor !== null) throw usedTwice(desk, promise.usedFor);
  if (promise.expiresAtMs <= desk.now.getTime()) {
    throw new Complaint(400, 'expired_token', "Token 'order_token' has expired.");
  }
  const property = knownProperty(desk, promise.property, 'order_token');
  if (property === null) throw new Complaint(400, 'invalid_token', "Token 'order_token' is invalid.");
  const paid = paymentOf(payment, property);
  const { label, remarks } = detailsOf(body, promise);
  refuseTaken(desk, 'create', promise.rooms, promise);
  const { order, reservation, pincode } = desk.ledger.newIds(desk.account);
  const at = instant(desk.ledger.now(desk.account));
  const made: Order = {
    account: desk.account,
    id: order,
    reservation,
    pincode,
    label: desk.settings.keepsLabels ? label : null,
    status: 'booked',
    property: promise.property,
    rooms: promise.rooms,
    total: promise.total,
    checkIn: promise.checkIn,
    checkOut: promise.checkOut,
    booker,
    ...paid,
    remarks,
    created: at,
    updated: at,
    createdAtMs: desk.now.getTime(),
    updatedAtMs: desk.now.getTime(),
    visibleAtMs: desk.now.getTime() + lateMs(desk),
  };
  desk.ledger.save(made);
  desk.ledger.replace(desk.account, token, { ...promise, usedFor: reservation });
  const receipt = `https://secure.booking.com/payment_receipt.html?bn=${reservation}`;
  const isReceipt = payment['include_receipt'] === true;
  return json(200, {
    request_id: requestId,
    data: { order, accommodation: { reservation, pincode }, ...(isReceipt && { payment: { receipt_url: receipt } }) },
  });
}

function lateMs({ settings, fault }: Desk): number {
  return fault?.fault === 'lateVisible' ? (fault.ms ?? LATE_MS) : settings.visibleAfterMs;
}

function usedTwice({ settings }: Desk, reservation: string): Complaint {
  return settings.reusedToken === 'invalid_token'
    ? new Complaint(400, 'invalid_token', "Token 'order_token' is invalid.")
    : new Complaint(409, 'duplicate_request', 'This reservation already exists for the submitted request.', {
        reservation,
      });
}

function bookerOf(body: Fields): Order['booker'] {
  const booker = objectIn(body['booker'], 'booker');
  only(booker, 'name email telephone address company language', 'booker.');
  const name = objectIn(booker['name'], 'booker.name');
  const address = objectIn(booker['address'], 'booker.address');
  only(address, 'address_line city country post_code', 'booker.address.');
  return {
    firstName: textIn(name, 'first_name', /\S/, 'booker.name.'),
    lastName: textIn(name, 'last_name', /\S/, 'booker.name.'),
    email: textIn(booker, 'email', /^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'booker.'),
    telephone: textIn(booker, 'telephone', /^\+?[\d\s()-]{5,30}$/, 'booker.'),
    country: textIn(address, 'country', /^[a-z]{2}$/, 'booker.address.'),
    language: optionalText(booker, 'language', /^[a-z]{2}(-[a-z]{2})?$/, 'booker.') ?? 'en-gb',
  };
}

/** The card is looked at and never kept. */
function paymentOf(payment: Fields, property: Property): Pick<Order, 'timing' | 'method'> {
  only(payment, 'timing method card airplus include_receipt business_information', 'payment.');
  const timing = oneOf(payment, 'timing', ['pay_at_the_property', 'pay_online_now', 'pay_online_later'], 'payment.');
  if (!property.timings.includes(timing)) throw invalid('payment.timing');
  const atProperty = timing === 'pay_at_the_property';
  if (payment['method'] === undefined) {
    if (!atProperty || property.wantsCard) throw missing('payment.method');
    return { timing, method: null };
  }
  const method = oneOf(payment, 'method', ['airplus', 'card', 'wallet'], 'payment.');
  if ((method === 'airplus' && atProperty) || (method === 'wallet' && timing !== 'pay_online_now')) {
    throw invalid('payment.method');
  }
  if (method === 'airplus') {
    textIn(objectIn(payment['airplus'], 'payment.airplus'), 'number', /^\d{12}$/, 'payment.airplus.');
  }
  if (method === 'card') {
    const card = objectIn(payment['card'], 'payment.card');
    textIn(card, 'number', /^\d{12,19}$/, 'payment.card.');
    textIn(card, 'cardholder', /\S/, 'payment.card.');
    textIn(card, 'cvc', /^\d{3,4}$/, 'payment.card.');
    textIn(card, 'expiry_date', /^\d{4}-\d{2}$/, 'payment.card.');
  }
  return { timing, method };
}

function detailsOf(body: Fields, promise: Previewed): { label: string | null; remarks: string | null } {
  if (body['accommodation'] === undefined) return { label: null, remarks: null };
  const accommodation = objectIn(body['accommodation'], 'accommodation');
  only(accommodation, 'label products remarks', 'accommodation.');
  if (accommodation['products'] !== undefined) {
    const ids = listIn(accommodation, 'products', 100, 'accommodation.').map((one) => {
      const product = objectIn(one, 'accommodation.products');
      only(product, 'id bed_configuration guests', 'accommodation.products.');
      for (const guest of (product['guests'] ?? []) as unknown[]) {
        const fields = objectIn(guest, 'accommodation.products.guests');
        textIn(fields, 'name', /\S/, 'accommodation.products.guests.');
        textIn(fields, 'email', /^\S+@\S+$/, 'accommodation.products.guests.');
      }
      return textIn(product, 'id', /^\S+$/, 'accommodation.products.');
    });
    const previewed = promise.rooms.map(({ product }) => product);
    if (String(ids.toSorted()) !== String(previewed.toSorted())) throw invalid('accommodation.products.id');
  }
  const remarks =
    accommodation['remarks'] === undefined ? {} : objectIn(accommodation['remarks'], 'accommodation.remarks');
  return {
    label: optionalText(accommodation, 'label', /^.{1,255}$/, 'accommodation.'),
    remarks: optionalText(remarks, 'special_requests', /^[^]{1,2000}$/, 'accommodation.remarks.'),
  };
}
