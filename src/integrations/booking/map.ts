import type { FoundStay, Occupancy, ProviderBookingState, StayQuery } from '../travel.ts';
import { instantOf } from './fees.ts';
import { priceIn, type Amount, type ExcessDecimals, type Price } from './money.ts';
import { toToken, type RoomProduct } from './offer.ts';
import type { Booker } from './request.ts';
import { TIMINGS } from './wire.ts';
import type {
  AvailabilityEntry,
  AvailableProduct,
  Currencies,
  OrderStatus,
  Plan,
  SearchEntry,
  SearchProduct,
} from './wire.ts';

/** Pure conversion between the Demand API's shapes and ours (travel-providers.md 2.4). */

/** An offer before the names are known: a search tells ids only. */
export interface Candidate {
  readonly property: string;
  readonly rooms: readonly { readonly product: RoomProduct; readonly roomId: string | null; readonly plan: Plan }[];
  readonly price: Amount;
  readonly refundable: boolean;
}

/** What an offer is judged by. */
export interface Wanted {
  readonly occupancies: readonly Occupancy[];
  readonly currencyCode: string;
  readonly timing: (typeof TIMINGS)[number];
  readonly excess: ExcessDecimals;
  readonly now: Date;
}

/**
 * The cheapest stay at a property: one product for each room. `ASK` where the answer does not say who sleeps where, so
 * that availability has to be asked; `PAID_OTHERWISE` where it is not sold in the way we pay; null where there is no price
 * we could hold anybody to.
 */
export function fromSearch(entry: SearchEntry, wanted: Wanted): Candidate | 'ASK' | 'PAID_OTHERWISE' | null {
  const price = priceOf(entry.price, entry.currency, wanted);
  if (price === null) return null;
  if (entry.products?.some((product) => product !== null && !isPayable(product, wanted))) return 'PAID_OTHERWISE';
  const products = entry.products ?? [];
  const read = products.filter((product) => product !== null);
  const rooms = read.length === products.length ? roomsOf(read, wanted.occupancies) : null;
  return rooms === null ? 'ASK' : candidate(entry.id, rooms, price, wanted);
}

/** How many of a property's products cannot be read, or have no price we could hold anybody to. */
export function unreadableOf({ products, currency }: AvailabilityEntry, wanted: Wanted): number {
  return products.filter((product) => product === null || priceOf(product.price, currency, wanted) === null).length;
}

/**
 * For one room every product that holds the party, cheapest first; for several the vendor's own recommendation, because
 * a product's price is for one room and one party.
 */
export function fromAvailability(entry: AvailabilityEntry, wanted: Wanted): Candidate[] {
  const products = entry.products.filter((product) => product !== null);
  const [only, ...more] = wanted.occupancies;
  if (only !== undefined && more.length === 0) {
    const found = products.flatMap((product) => fromProduct(entry, product, only, wanted) ?? []);
    if (found.length > 0) return found.toSorted((one, other) => (one.price.minor < other.price.minor ? -1 : 1));
  }
  const { recommendation } = entry;
  const price = recommendation === null ? null : priceOf(recommendation.price, entry.currency, wanted);
  if (recommendation === null || price === null) return [];
  const known = new Map(products.map((product) => [product.id, product]));
  const recommended = recommendation.products.map((one) => ({
    room: null,
    policies: null,
    price: null,
    ...known.get(one.id),
    ...one,
  }));
  const rooms = recommended.every((one) => isPayable(one, wanted)) ? roomsOf(recommended, wanted.occupancies) : null;
  return rooms === null ? [] : [candidate(entry.id, rooms, price, wanted)];
}

function fromProduct(
  entry: AvailabilityEntry,
  product: AvailableProduct,
  party: Occupancy,
  wanted: Wanted,
): Candidate | null {
  const { maximum_occupancy: most } = product;
  const guests = party.adults + party.childAges.length;
  // What is not told is left to the preview, which says who has no place.
  if ((most?.adults ?? party.adults) < party.adults || (most?.total ?? guests) < guests) return null;
  if (product.number_available === 0 || !isPayable(product, wanted)) return null;
  const price = priceOf(product.price, entry.currency, wanted);
  if (price === null) return null;
  const allocated = { ...product, number_of_adults: party.adults, children: [...party.childAges] };
  const rooms = roomsOf([allocated], [party]);
  return rooms === null ? null : candidate(entry.id, rooms, price, wanted);
}

/** The vendor's filter knows one word for paying online now and later; what a product does not tell is left to the preview. */
function isPayable({ policies }: Pick<Allocated, 'policies'>, { timing }: Wanted): boolean {
  const timings = policies?.payment?.timings ?? [];
  return timings.length === 0 || timings.includes(timing);
}

/** In the currency asked for; where the vendor does not convert, in the property's own. */
function priceOf(price: Price | null, currencies: Currencies, { currencyCode, excess }: Wanted): Amount | null {
  const own = currencies.accommodation;
  return (
    priceIn(price, currencies, currencyCode, excess) ??
    (own === null || own === currencyCode ? null : priceIn(price, currencies, own, excess))
  );
}

type Allocated = Pick<SearchProduct, 'id' | 'room' | 'policies' | 'number_of_adults' | 'children'>;

function candidate(
  property: string,
  rooms: readonly { readonly product: RoomProduct; readonly from: Allocated }[],
  price: Amount,
  { now }: Wanted,
): Candidate {
  return {
    property,
    rooms: rooms.map(({ product, from }) => ({
      product,
      roomId: from.room,
      plan: from.policies?.meal_plan?.plan ?? 'unknown',
    })),
    price,
    refundable: rooms.every(({ from }) => isFreeToCancel(from, now)),
  };
}

/** Refundable means that cancelling is free of charge now; a stay that gives back a part is not called so. */
function isFreeToCancel({ policies }: Allocated, now: Date): boolean {
  const cancellation = policies?.cancellation;
  if (cancellation?.type !== 'free_cancellation') return false;
  const until = cancellation.free_cancellation_until;
  return until === null || (instantOf(until) ?? Number.NEGATIVE_INFINITY) > now.getTime();
}

/** More in one room is nonsense, and our own token refuses it. */
const ADULTS_MAX = 100;

/**
 * The products in the order of the rooms asked for. Null where they hold fewer people than asked for, or do not say
 * whom they hold.
 */
function roomsOf(
  products: readonly Allocated[],
  occupancies: readonly Occupancy[],
): { product: RoomProduct; from: Allocated }[] | null {
  if (products.length === 0) return null;
  const rooms = products.flatMap((from) =>
    from.number_of_adults === null || from.number_of_adults < 1 || from.number_of_adults > ADULTS_MAX
      ? []
      : [{ product: { id: from.id, adults: from.number_of_adults, childAges: from.children ?? [] }, from }],
  );
  if (rooms.length !== products.length) return null;
  const sum = (count: (room: RoomProduct) => number): number =>
    rooms.reduce((all, { product }) => all + count(product), 0);
  const [adults, guests] = [sum((room) => room.adults), sum((room) => room.adults + room.childAges.length)];
  const asked = occupancies.reduce((all, one) => all + one.adults, 0);
  const askedGuests = occupancies.reduce((all, one) => all + one.adults + one.childAges.length, 0);
  if (adults < asked || guests < askedGuests) return null;
  return inRoomOrder(rooms, occupancies);
}

/** So that the guests of the second room are named for the second room. Where the vendor split the party otherwise, its order stays. */
function inRoomOrder<R extends { product: RoomProduct }>(rooms: readonly R[], occupancies: readonly Occupancy[]): R[] {
  const left = [...rooms];
  const ordered = occupancies.flatMap((occupancy) => {
    const at = left.findIndex(({ product }) => partyOf(product) === partyOf(occupancy));
    return at < 0 ? [] : left.splice(at, 1);
  });
  return ordered.length === occupancies.length && left.length === 0 ? ordered : [...rooms];
}

function partyOf({ adults, childAges }: Occupancy): string {
  return `${adults} ${childAges.toSorted((one, other) => one - other).join(',')}`;
}

/** What a property and its rooms are called. */
export interface PropertyNames {
  readonly name: string | null;
  readonly rooms: Readonly<Record<string, string>>;
}

export function toFoundStay(
  { property, rooms, price, refundable }: Candidate,
  query: StayQuery,
  booker: Booker,
  names: PropertyNames | undefined,
): FoundStay {
  return {
    propertyId: property,
    propertyName: names?.name ?? null,
    roomName: roomNameOf(rooms, names),
    totalMinor: price.minor,
    currencyCode: price.currencyCode,
    refundable,
    // A search makes no promise for how long; the preview does.
    expiresAt: null,
    token: toToken({
      v: 1,
      property,
      checkIn: query.checkIn,
      checkOut: query.checkOut,
      ...booker,
      currency: price.currencyCode,
      totalMinor: String(price.minor),
      rooms: rooms.map(({ product }) => product),
    }),
  };
}

const PLANS: Readonly<Record<Plan, string | null>> = {
  all_inclusive: 'all inclusive',
  breakfast_included: 'breakfast included',
  full_board: 'full board',
  half_board: 'half board',
  no_plan: null,
  unknown: null,
};

/** `2 × Double Room (breakfast included) + Suite`: without the plan two rates of one room would look alike. */
function roomNameOf(rooms: Candidate['rooms'], names: PropertyNames | undefined): string {
  const counted = new Map<string, number>();
  for (const { roomId, plan } of rooms) {
    const known = roomId !== null && names && Object.hasOwn(names.rooms, roomId) ? names.rooms[roomId] : undefined;
    const meals = PLANS[plan];
    const called = `${known ?? 'Room'}${meals === null ? '' : ` (${meals})`}`;
    counted.set(called, (counted.get(called) ?? 0) + 1);
  }
  return [...counted].map(([called, count]) => (count === 1 ? called : `${count} × ${called}`)).join(' + ');
}

const STATES: Readonly<Record<OrderStatus, ProviderBookingState['state']>> = {
  booked: 'CONFIRMED',
  cancelled: 'CANCELLED',
  cancelled_by_guest: 'CANCELLED',
  cancelled_by_accommodation: 'CANCELLED',
  stayed: 'COMPLETED',
  no_show: 'NO_SHOW',
  // It exists; what became of it has to be asked again, or by a person.
  unknown: 'PENDING',
};

export function stateOf(status: OrderStatus): ProviderBookingState['state'] {
  return STATES[status];
}
