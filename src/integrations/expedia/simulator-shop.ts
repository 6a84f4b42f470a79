import type { SimulatorAnswer } from '../simulator/types.ts';
import { badLink, link, opened, reply, type Call } from './simulator-answers.ts';
import { statusOf, type Account, type Ledger, type Stay } from './simulator-model.ts';
import { nightsBetween, penaltiesOf, pricingOf, readOccupancy, stayTotal } from './simulator-prices.ts';
import { PROPERTIES, roomById, type Property, type Rate, type Room } from './simulator-world.ts';

/** Shopping: what is free, at what price, and whether it still is (travel-providers.md 1.5). */

/** What is asked for, whatever the property. */
interface Wanted {
  readonly checkin: string;
  readonly checkout: string;
  readonly occupancies: readonly string[];
  readonly currency: string;
  readonly rateCount: number;
  readonly filters: readonly string[];
}

export function shop(call: Call): SimulatorAnswer {
  const { query } = call.request;
  const wanted: Wanted = {
    checkin: query.get('checkin') ?? '',
    checkout: query.get('checkout') ?? '',
    occupancies: query.getAll('occupancy'),
    currency: query.get('currency') ?? '',
    rateCount: Number(query.get('rate_plan_count')),
    filters: query.getAll('filter'),
  };
  if (call.fault?.fault === 'soldOut') return reply(call, 200, []);
  const taken = takenRooms(call.ledger, call.accountId, call.at);
  const found = [...new Set(query.getAll('property_id'))].flatMap((id) => PROPERTIES.get(id) ?? []);
  const withReasons = query.getAll('include').includes('unavailable_reason');
  return reply(
    call,
    200,
    found.flatMap((property) => available(call, property, wanted, { taken, withReasons })),
  );
}

interface Stock {
  readonly taken: ReadonlyMap<string, number>;
  readonly withReasons: boolean;
}

function available(call: Call, property: Property, wanted: Wanted, stock: Stock): unknown[] {
  const property_id = idOf(call, property.id);
  const guests = wanted.occupancies.map((one) => {
    const { adults = 0, ages = [] } = readOccupancy(one) ?? {};
    return adults + ages.length;
  });
  const fitting = property.rooms.filter((room) => Math.max(...guests) <= room.guestsMax);
  const free = fitting.filter((room) => freeOf(call.account, property, room, wanted, stock.taken) >= guests.length);
  const rooms = bestRates(call, property, free, wanted);
  if (rooms.length > 0) {
    const about = { property: property.id, wanted };
    const additional_rates = link(call, 'GET', `/properties/${property.id}/availability`, { step: 'rates', about });
    return [{ property_id, status: 'available', score: property.score, rooms, links: { additional_rates } }];
  }
  const code = fitting.length === 0 ? 'maximum_occupancy' : 'no_inventory_available';
  if (!stock.withReasons) return [];
  return [{ property_id, status: 'partially_unavailable', unavailable_reason: { code, data: {} } }];
}

/** The cheapest so many rates of a property, by room. */
function bestRates(call: Call, property: Property, rooms: readonly Room[], wanted: Wanted): unknown[] {
  const stays = rooms
    .flatMap((room) => room.rates.map((rate, index) => ({ room, rate, index })))
    .filter(({ rate, index }) => matches(call.account, rate, index, wanted.filters))
    .map(({ room, rate, index }) => {
      const stay: Stay = {
        property: property.id,
        room: room.id,
        rate: rate.id,
        bed: room.beds[0]?.id ?? '',
        checkin: wanted.checkin,
        checkout: wanted.checkout,
        occupancies: wanted.occupancies,
        currency: wanted.currency,
        factor: 100,
        chargeCents: 0,
      };
      return { room, rate, index, stay, total: stayTotal(call.ledger, call.accountId, stay) };
    })
    .toSorted((one, two) => one.total - two.total)
    .slice(0, wanted.rateCount);
  return rooms.flatMap((room) => {
    const rates = stays.filter((one) => one.room === room);
    if (rates.length === 0) return [];
    return [{ id: idOf(call, room.id), room_name: room.name, rates: rates.map((one) => shownRate(call, one)) }];
  });
}

function merchantOf({ chargedBy }: Account, index: number): 'expedia' | 'property' {
  if (chargedBy === 'both') return index % 2 === 0 ? 'expedia' : 'property';
  return chargedBy;
}

function matches(account: Account, rate: Rate, index: number, filters: readonly string[]): boolean {
  const merchant = merchantOf(account, index);
  const charged = filters.filter((one) => one.endsWith('_collect'));
  if (filters.includes('refundable') && !rate.refundable) return false;
  return charged.length === 0 || charged.includes(`${merchant}_collect`);
}

interface Offered {
  readonly room: Room;
  readonly rate: Rate;
  readonly index: number;
  readonly stay: Stay;
}

function shownRate(call: Call, { room, rate, index, stay }: Offered): unknown {
  const path = `/properties/${stay.property}/rooms/${room.id}/rates/${rate.id}`;
  const options = `/properties/${stay.property}/payment-options`;
  return {
    id: idOf(call, rate.id),
    status: 'available',
    available_rooms: call.account.roomsEach,
    refundable: rate.refundable,
    member_deal_available: false,
    sale_scenario: { package: false, member: false, corporate: false, distribution: false },
    merchant_of_record: merchantOf(call.account, index),
    amenities: rate.breakfast ? { 2193: { id: '2193', name: 'Continental breakfast' } } : {},
    links: { payment_options: link(call, 'GET', options, { step: 'options', about: stay }) },
    bed_groups: Object.fromEntries(
      room.beds.map(({ id, description, type }) => {
        const about = { ...stay, bed: id };
        const price_check = link(call, 'GET', path, { step: 'check', about });
        return [
          id,
          { id, description, configuration: [{ type: `${type}Bed`, size: type, quantity: 1 }], links: { price_check } },
        ];
      }),
    ),
    ...(rate.refundable && { cancel_penalties: penaltiesOf(stay) }),
    occupancy_pricing: pricingOf(call.ledger, call.accountId, stay, billableOf(call, stay)),
  };
}

export function billableOf({ account }: Call, { currency }: Stay): string {
  return account.billableCurrency ?? currency;
}

/** More rates of one property, by its link. */
export function moreRates(call: Call, propertyId: string): SimulatorAnswer {
  const about = opened<{ property: string; wanted: Wanted }>(call, 'rates');
  const property = PROPERTIES.get(propertyId);
  if (about === null || about.property !== propertyId || !property) return badLink();
  const taken = takenRooms(call.ledger, call.accountId, call.at);
  const wanted = { ...about.wanted, rateCount: 250 };
  return reply(call, 200, available(call, property, wanted, { taken, withReasons: false }));
}

export function paymentOptions(call: Call): SimulatorAnswer {
  if (opened<Stay>(call, 'options') === null) return badLink();
  return reply(call, 200, { affiliate_collect: { name: 'Affiliate Collect' } });
}

export function priceCheck(call: Call, [property, room, rate]: readonly string[]): SimulatorAnswer {
  const stay = opened<Stay>(call, 'check');
  if (stay === null || stay.property !== property || stay.room !== room || stay.rate !== rate) return badLink();
  const { account, fault } = call;
  const isGone = account.soldOutAt === 'check' || fault?.fault === 'soldOut' || !isFree(call, stay);
  if (isGone) return checked(call, 'sold_out', stay);
  const percent = fault?.fault === 'priceChanged' ? 10 : account.priceChangePercent;
  const now = { ...stay, factor: 100 + percent };
  return checked(call, now.factor === stay.factor ? 'available' : 'price_changed', spoilt(call, now));
}

/** A vendor that says one thing and writes another: its status stays what it was. */
function spoilt({ fault }: Call, stay: Stay): Stay {
  if (fault?.fault === 'wrongAmount') return { ...stay, factor: stay.factor + 7 };
  if (fault?.fault === 'additionalCharges') return { ...stay, chargeCents: stay.chargeCents + 998 };
  return fault?.fault === 'wrongCurrency' ? { ...stay, currency: stay.currency === 'EUR' ? 'USD' : 'EUR' } : stay;
}

/** What a price check answers; the link that books is for the price shown. */
export function checked(call: Call, status: 'available' | 'price_changed' | 'sold_out', stay: Stay): SimulatorAnswer {
  const wanted = { ...stay, rateCount: 250, filters: [] };
  const more = link(call, 'GET', `/properties/${stay.property}/availability`, {
    step: 'rates',
    about: { property: stay.property, wanted },
  });
  if (status === 'sold_out') return reply(call, 200, { status, links: { shop: more } });
  const until = new Date(call.at.getTime() + call.account.linkMs);
  const book = {
    ...link(call, 'POST', '/itineraries', { step: 'book', about: stay, until }),
    expires: until.toISOString(),
  };
  const occupancy_pricing = pricingOf(call.ledger, call.accountId, stay, billableOf(call, stay));
  return reply(call, 200, {
    status,
    occupancy_pricing,
    links: { book, ...(status === 'price_changed' && { additional_rates: more }) },
  });
}

/** Rooms that bookings and holds keep from others, by property, room and night. */
function takenRooms(ledger: Ledger, account: string, at: Date): ReadonlyMap<string, number> {
  const taken = new Map<string, number>();
  for (const booking of ledger.bookings(account)) {
    const { stay, rooms, isStub } = booking;
    const kept = isStub ? 0 : rooms.filter((room) => statusOf(booking, room, at) !== 'canceled').length;
    if (kept === 0) continue;
    for (const night of nightsBetween(stay.checkin, stay.checkout)) {
      const key = `${stay.property}/${stay.room}/${night}`;
      taken.set(key, (taken.get(key) ?? 0) + kept);
    }
  }
  return taken;
}

function freeOf(
  { roomsEach }: Account,
  property: Property,
  room: Room,
  { checkin, checkout }: Pick<Wanted, 'checkin' | 'checkout'>,
  taken: ReadonlyMap<string, number>,
): number {
  const kept = nightsBetween(checkin, checkout).map((night) => taken.get(`${property.id}/${room.id}/${night}`) ?? 0);
  return roomsEach - Math.max(0, ...kept);
}

export function isFree(call: Call, stay: Stay): boolean {
  const property = PROPERTIES.get(stay.property);
  const room = roomById(property, stay.room);
  if (!property || !room) return false;
  const taken = takenRooms(call.ledger, call.accountId, call.at);
  return freeOf(call.account, property, room, stay, taken) >= stay.occupancies.length;
}

/** Ids are text in the documents and a number in one of their samples. */
export function idOf({ account, fault }: Call, id: string): string | number {
  return account.numericIds || fault?.fault === 'numericIds' ? Number(id) : id;
}
