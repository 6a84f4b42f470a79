import { json } from '../simulator/answer.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import {
  Complaint,
  DAY_MS,
  dayIn,
  invalid,
  listIn,
  missing,
  objectIn,
  oneOf,
  only,
  optionalText,
  rowsIn,
  textIn,
  type Fields,
} from './simulator-fields.ts';
import { nightsOf, propertyOf } from './simulator-inventory.ts';
import type { Order, Status } from './simulator-model.ts';
import { convert } from './simulator-places.ts';
import { instant, keepPage, pageOf } from './simulator-search.ts';
import { currencyIn, type Desk } from './simulator-stay.ts';

/** Orders read back and cancelled (travel-providers.md 2.4). */

const WINDOW_MS = 7 * DAY_MS;
/** Of a window of time. */
const [FIRST = '', LAST = ''] = 'from to'.split(' ');
const FILTERS = ['updated', 'created', 'start', 'end', 'orders', 'reservations'] as const;
const SERVICES = ['accommodations', 'cars', 'flights', 'attractions', 'taxis'];

export function orderDetails(desk: Desk, requestId: string, fields: Fields): SimulatorAnswer {
  const { body, offset } = pageOf(desk, 'orderDetails', fields);
  only(body, `${FILTERS.join(' ')} currency maximum_results sort services extras page`);
  const [filter, ...more] = FILTERS.filter((name) => body[name] !== undefined);
  if (filter === undefined) throw new Complaint(400, 'missing_parameter', 'A filter is missing.');
  if (more.length > 0) {
    throw new Complaint(400, 'conflicting_parameters', `Parameters '${filter}' and '${more[0]}' exclude each other.`);
  }
  const currency = currencyIn(body);
  if (currency === null) throw missing('currency');
  const rows = Math.min(rowsIn(body, 'maximum_results'), desk.settings.rowsMax);
  const services = body['services'] === undefined ? SERVICES : listIn(body, 'services', SERVICES.length);
  if (!services.every((one) => SERVICES.includes(one as string))) throw invalid('services');
  const matches = filterOf(desk, filter, body);
  const found = services.includes('accommodations') ? visible(desk).filter(matches) : [];
  const sorted = sortedBy(found, body);
  const isMore = sorted.length > offset + rows;
  return json(200, {
    request_id: requestId,
    data: sorted.slice(offset, offset + rows).map((order) => summary(desk, order, currency)),
    metadata: {
      next_page: isMore ? keepPage(desk, 'orderDetails', body, offset + rows) : null,
      total_results: sorted.length,
    },
  });
}

/** A new order may take its time to show. */
function visible({ ledger, account, now }: Desk): Order[] {
  return ledger.orders(account).filter(({ visibleAtMs }) => now.getTime() >= visibleAtMs);
}

function filterOf(desk: Desk, filter: (typeof FILTERS)[number], body: Fields): (order: Order) => boolean {
  if (filter === 'orders' || filter === 'reservations') {
    const ids = listIn(body, filter, 100);
    if (!ids.every((id) => typeof id === 'string')) throw invalid(filter);
    return (order) => ids.includes(filter === 'orders' ? order.id : order.reservation);
  }
  const bounds = objectIn(body[filter], filter);
  only(bounds, 'from to', `${filter}.`);
  if (filter === 'start' || filter === 'end') {
    const from = dayIn(bounds, FIRST, `${filter}.`);
    const to = bounds[LAST] === undefined ? from : dayIn(bounds, LAST, `${filter}.`);
    checkWindow(filter, from, to);
    const dayOf = (order: Order): number =>
      Date.parse(`${filter === 'start' ? order.checkIn : order.checkOut}T00:00:00Z`);
    return (order) => dayOf(order) >= from && dayOf(order) <= to;
  }
  const from = instantIn(bounds, FIRST, filter);
  const to =
    bounds[LAST] === undefined ? Math.min(from + WINDOW_MS, desk.now.getTime()) : instantIn(bounds, LAST, filter);
  checkWindow(filter, from, to);
  if (from < desk.now.getTime() - 366 * DAY_MS) throw invalid(`${filter}.from`, 'It is more than a year ago.');
  const isIn = (at: number): boolean => at >= from && at <= to;
  return filter === 'created'
    ? (order) => isIn(order.createdAtMs) || isIn(Date.parse(order.created))
    : (order) => isIn(order.updatedAtMs) || isIn(Date.parse(order.updated));
}

function instantIn(bounds: Fields, name: string, filter: string): number {
  const text = textIn(bounds, name, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00)$/, `${filter}.`);
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw invalid(`${filter}.${name}`);
  return at;
}

function checkWindow(filter: string, from: number, to: number): void {
  if (to < from) throw invalid(`${filter}.to`, 'It is before the start.');
  if (to - from > WINDOW_MS) throw invalid(`${filter}.to`, 'A window is seven days at most.');
}

function sortedBy(orders: readonly Order[], body: Fields): Order[] {
  const sort = body['sort'] === undefined ? {} : objectIn(body['sort'], 'sort');
  const by = sort['by'] === undefined ? 'created' : oneOf(sort, 'by', ['created', 'updated'], 'sort.');
  const isAscending =
    sort['direction'] !== undefined && oneOf(sort, 'direction', ['ascending', 'descending'], 'sort.') === 'ascending';
  const at = (order: Order): number => (by === 'created' ? order.createdAtMs : order.updatedAtMs);
  return orders.toSorted((one, other) => (isAscending ? 1 : -1) * (at(one) - at(other)));
}

function summary(desk: Desk, order: Order, currency: string): unknown {
  const { booker } = order;
  const property = propertyOf(order.property)!;
  const own = property.city.currency;
  const pair = (hundredths: number): unknown => ({
    product_currency: hundredths / 100,
    booker_currency: convert(hundredths, own, currency) / 100,
  });
  return {
    id: order.id,
    accommodations: {
      inventory: { third_party: false, type: 'sell' },
      location: { address: `1 ${property.name} Street`, city: property.city.id, country: property.city.country },
      name: property.name,
      number_of_guests: order.rooms.reduce((sum, { adults, children }) => sum + adults + children.length, 0),
      reservation: order.reservation,
    },
    affiliate: Number(desk.settings.affiliateId),
    attractions: null,
    booker: {
      address: { city: null, country: booker.country },
      email: booker.email,
      language: booker.language,
      name: { first_name: booker.firstName, last_name: booker.lastName },
      platform: 'desktop',
      telephone: booker.telephone,
    },
    cars: null,
    commission: { actual_percentage: null },
    created: order.created,
    currencies: { booker: currency, product: own },
    end: `${order.checkOut}T00:00:00+00:00`,
    flights: null,
    label: order.label,
    price: { commissionable_price: pair(order.total), total_price: pair(order.total) },
    start: `${order.checkIn}T00:00:00+00:00`,
    status: order.status,
    updated: order.updated,
  };
}

export function accommodationOrders(desk: Desk, requestId: string, body: Fields): SimulatorAnswer {
  only(body, 'orders reservations currency extras language');
  const filter = body['orders'] === undefined ? 'reservations' : 'orders';
  if (body['orders'] === undefined && body['reservations'] === undefined) throw missing('orders');
  const matches = filterOf(desk, filter, body);
  const currency = currencyIn(body);
  const data = visible(desk)
    .filter(matches)
    .map((order) => {
      const { city } = propertyOf(order.property)!;
      const { id, reservation, status, label, checkIn, checkOut, pincode, remarks } = order;
      return {
        id,
        accommodation: order.property,
        checkin: checkIn,
        checkout: checkOut,
        currency: { accommodation: city.currency, booker: currency },
        label,
        pin_code: pincode,
        price: {
          total: {
            accommodation_currency: order.total / 100,
            booker_currency: currency === null ? null : convert(order.total, city.currency, currency) / 100,
          },
        },
        products: order.rooms.map((room) => ({
          allocation: { adults: room.adults, children: room.children, guests: room.adults + room.children.length },
          room: room.room,
          status,
        })),
        remarks,
        reservation,
        status,
      };
    });
  return json(200, { request_id: requestId, data });
}

/** At once for a stay. What is cancelled, over or begun is a conflict. */
export function cancel(desk: Desk, requestId: string, body: Fields): SimulatorAnswer {
  only(body, 'order accommodation');
  const accommodation = objectIn(body['accommodation'], 'accommodation');
  only(accommodation, 'reservation reason request_property_approval', 'accommodation.');
  const reservation = textIn(accommodation, 'reservation', /^\S+$/, 'accommodation.');
  textIn(accommodation, 'reason', /\S/, 'accommodation.');
  const id = optionalText(body, 'order', /^\S+$/);
  const order = desk.ledger.orders(desk.account).find((one) => one.reservation === reservation);
  if (!order) throw invalid('accommodation.reservation');
  if (id !== null && id !== order.id) throw invalid('order');
  const isBegun = nightsOf(order)[0]! < desk.now.toISOString().slice(0, 10);
  if (order.status !== 'booked' || isBegun) {
    throw new Complaint(409, 'not_cancellable', 'The order cannot be cancelled in its current state.');
  }
  change(desk, order, 'cancelled_by_guest');
  return json(200, { request_id: requestId, data: { status: 'successful' } });
}

export function change({ ledger, now }: Pick<Desk, 'ledger' | 'now'>, order: Order, status: Status): Order {
  const after: Order = { ...order, status, updated: instant(ledger.now(order.account)), updatedAtMs: now.getTime() };
  ledger.save(after);
  return after;
}
