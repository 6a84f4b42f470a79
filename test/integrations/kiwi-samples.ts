import type { CheckedOffer, FoundFlight } from '../../src/integrations/travel.ts';
import { TRAVELLER, connectionTo, kiwiClient } from '../helpers/kiwi.ts';

/** The answers of travel-providers.md 3.4, as they stand there. */
export const SEARCH_SAMPLE = {
  search_id: '4e159077-f9d6-fa6d-0391-803b4b39a09f',
  currency: 'EUR',
  fx_rate: 1,
  _results: 1,
  data: [
    {
      id: '0f1c23a44c5d0000a1b2c3d4_0',
      flyFrom: 'PRG',
      flyTo: 'LIS',
      cityFrom: 'Prague',
      cityCodeFrom: 'PRG',
      cityTo: 'Lisbon',
      cityCodeTo: 'LIS',
      countryFrom: { code: 'CZ', name: 'Czechia' },
      countryTo: { code: 'PT', name: 'Portugal' },
      local_departure: '2026-10-14T06:05:00.000Z',
      utc_departure: '2026-10-14T04:05:00.000Z',
      local_arrival: '2026-10-14T08:35:00.000Z',
      utc_arrival: '2026-10-14T07:35:00.000Z',
      nightsInDest: null,
      quality: 98.4,
      distance: 2240.7,
      duration: { departure: 12600, return: 0, total: 12600 },
      price: 91,
      conversion: { EUR: 91 },
      fare: { adults: 91, children: 91, infants: 40 },
      bags_price: { '1': 38.5 },
      availability: { seats: 4 },
      airlines: ['TP'],
      virtual_interlining: false,
      has_airport_change: false,
      route: [
        {
          id: '0f1c23a44c5d0000a1b2c3d4_0',
          flyFrom: 'PRG',
          flyTo: 'LIS',
          airline: 'TP',
          flight_no: 1241,
          operating_carrier: 'TP',
          return: 0,
          bags_recheck_required: false,
          vi_connection: false,
          vehicle_type: 'aircraft',
          local_departure: '2026-10-14T06:05:00.000Z',
          utc_departure: '2026-10-14T04:05:00.000Z',
          local_arrival: '2026-10-14T08:35:00.000Z',
          utc_arrival: '2026-10-14T07:35:00.000Z',
        },
      ],
      booking_token: 'Gs1mToken.PRG.LIS.1',
      deep_link: 'https://www.kiwi.com/deep?from=PRG&to=LIS',
    },
  ],
};

const FREE = { currency: 'EUR', amount: 0, base: 0, service: 0, service_flat: 0, merchant: 0 };

export const CHECK_SAMPLE = {
  session_id: 'd48aecde-df60-496a-9ee6-12fc6a1786e7',
  booking_token: 'Gs1mToken.PRG.LIS.1',
  flights_checked: true,
  flights_to_check: false,
  flights_real_checked: true,
  flights_invalid: false,
  price_change: false,
  total: 91.47,
  orig_price: 91.47,
  currency: 'EUR',
  pnum: 1,
  conversion: {
    currency: 'USD',
    amount: 99.7,
    adults_price: 99.7,
    children_price: 0,
    infants_price: 0,
    bags_price: { '1': 41.9 },
  },
  bags_price: { '1': 38.5 },
  document_options: { document_need: 1, checkin_date: 1791950400, airport_checkin_price: 55 },
  age_category_thresholds: { adult: 12, child: 2 },
  max_passengers: 9,
  server_time: 1785578400,
  baggage: {
    definitions: {
      hold_bag: [
        {
          category: 'hold_bag',
          is_hold: true,
          price: { currency: 'EUR', amount: 38.5, base: 32, service: 0, service_flat: 6.5, merchant: 0 },
          restrictions: { weight: 20, length: 78, height: 52, width: 28, dimensions_sum: 158 },
          conditions: { passenger_groups: ['adult'] },
        },
      ],
      hand_bag: [],
    },
    combinations: {
      hold_bag: [{ indices: [], category: 'hold_bag', conditions: { passenger_groups: ['adult'] }, price: FREE }],
      hand_bag: [{ indices: [], category: 'hand_bag', conditions: { passenger_groups: ['adult'] }, price: FREE }],
    },
    notices: {},
  },
};

export const SAVE_SAMPLE = {
  booking_id: 257967413,
  transaction_id: 'sandbox_257967413',
  auth_token: '1f1ad32a-1f32-4a32-aeee-2888dfe101c3',
  sandbox: true,
  status: 'success',
  status_code: 200,
  total: 91.47,
  orig_price: 91.47,
  price_change: false,
  flights_checked: true,
  flights_invalid: false,
  eur_payment_price: 91.47,
  promocode: { used: false, discount: 0 },
  zooz_token: null,
  passengers: [
    {
      pk: 46957217,
      bid: 257967413,
      title: 'mr',
      name: 'Test',
      surname: 'Test',
      category: 'adult',
      birthday: '1990-01-01',
      nationality: 'cz',
      cardno: '12345',
    },
  ],
};

/** When the samples are read. */
export const NOW = new Date('2026-08-01T10:00:00Z');

const CALL = { timeoutMs: 1_000 };
const connection = connectionTo('https://api.tequila.kiwi.com');

/** A vendor that says this, whatever it is asked. */
export const saying = (body: unknown, status = 200) =>
  kiwiClient(async () => ({ status, headers: {}, body: typeof body === 'string' ? body : JSON.stringify(body) }), {
    clock: { now: () => NOW },
  });

export const OFFER_TOKEN = {
  kind: 'offer',
  bookingToken: 'Gs1mToken.PRG.LIS.1',
  adults: 1,
  children: 0,
  currencyCode: 'USD',
  totalMinor: '9970',
  departure: '2026-10-14',
  expiresAt: '2026-08-01T10:30:00.000Z',
} as const;

export async function checkOf(changes: object, token: object = OFFER_TOKEN) {
  return saying({ ...CHECK_SAMPLE, ...changes }).check(connection, token as FoundFlight['token'], TRAVELLER, CALL);
}

/** A checked offer of the sample, or of one that differs from it. */
export async function checkedSample(
  changes: object = {},
  token: object = OFFER_TOKEN,
): Promise<Extract<CheckedOffer, { totalMinor: bigint }>> {
  const outcome = await checkOf(changes, token);
  if (outcome.kind !== 'done' || !('totalMinor' in outcome.value)) throw new Error(JSON.stringify(outcome));
  return outcome.value;
}
