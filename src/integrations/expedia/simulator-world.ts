/** The simulated inventory: places, properties, rooms. The same for every account; what is free and what it costs is not. */

export interface City {
  readonly region: string;
  readonly name: string;
  readonly country: string;
  /** Of the city itself, then of its airports. */
  readonly codes: readonly string[];
  /** Offset of its clocks from UTC, as the vendor writes it. */
  readonly offset: string;
  /** What a usual night costs, US cents. */
  readonly cents: number;
}

const CITY_LINES = `
178307|Seattle|US|SEA|-07:00|16500
178293|New York|US|NYC JFK EWR LGA|-04:00|24500
178280|Los Angeles|US|LAX|-07:00|19000
178305|San Francisco|US|SFO|-07:00|21000
178286|Miami|US|MIA|-04:00|18500
178258|Las Vegas|US|LAS|-07:00|11000
178314|Toronto|CA|YTO YYZ|-04:00|15500
2114|London|GB|LON LHR LGW STN|+01:00|21500
179898|Paris|FR|PAR CDG ORY|+02:00|20500
179899|Rome|IT|ROM FCO|+02:00|15500
179900|Milan|IT|MIL MXP LIN|+02:00|16000
179992|Barcelona|ES|BCN|+02:00|15000
179993|Madrid|ES|MAD|+02:00|14000
179994|Berlin|DE|BER|+02:00|12500
179995|Amsterdam|NL|AMS|+02:00|17500
178320|Istanbul|TR|IST SAW|+03:00|9500
1079|Dubai|AE|DXB|+04:00|16500
1080|Abu Dhabi|AE|AUH|+04:00|13500
1081|Doha|QA|DOH|+03:00|12500
1082|Kuwait City|KW|KWI|+03:00|13000
1083|Riyadh|SA|RUH|+03:00|14500
1084|Jeddah|SA|JED|+03:00|13500
1085|Amman|JO|AMM|+03:00|9000
1086|Cairo|EG|CAI|+03:00|8000
1087|Sharm El Sheikh|EG|SSH|+03:00|7500
1088|Hurghada|EG|HRG|+03:00|7000
1089|Casablanca|MA|CAS CMN|+01:00|8500
1090|Johannesburg|ZA|JNB|+02:00|9000
1091|Cape Town|ZA|CPT|+02:00|11500
1092|Mumbai|IN|BOM|+05:30|9000
1093|Delhi|IN|DEL|+05:30|8000
1094|Bangkok|TH|BKK DMK|+07:00|7500
1095|Singapore|SG|SIN|+08:00|19500
1096|Kuala Lumpur|MY|KUL|+08:00|7000
1097|Hong Kong|HK|HKG|+08:00|17500
1098|Taipei|TW|TPE TSA|+08:00|12500
1099|Tokyo|JP|TYO NRT HND|+09:00|17000
1100|Seoul|KR|SEL ICN GMP|+09:00|13500
1101|Sydney|AU|SYD|+10:00|18000`;

export const CITIES: readonly City[] = CITY_LINES.trim()
  .split('\n')
  .map((line) => {
    const [region = '', name = '', country = '', codes = '', offset = '', cents = ''] = line.split('|');
    return { region, name, country, codes: codes.split(' '), offset, cents: Number(cents) };
  });

export interface Property {
  readonly id: string;
  readonly name: string;
  readonly city: City;
  readonly score: number;
  /** Of the city's usual price, percent. */
  readonly factor: number;
  /** What it takes at its own desk for each room and night, US cents. */
  readonly resortCents: number;
  readonly stars: number;
  readonly rooms: readonly Room[];
}

export interface Room {
  readonly id: string;
  readonly name: string;
  readonly guestsMax: number;
  /** Of the property's price, percent. */
  readonly factor: number;
  readonly beds: readonly { readonly id: string; readonly description: string; readonly type: string }[];
  readonly rates: readonly Rate[];
}

export interface Rate {
  readonly id: string;
  readonly refundable: boolean;
  readonly breakfast: boolean;
  readonly factor: number;
}

const HOUSES = [
  'Harbour House',
  'Grand Central Hotel',
  'The Lantern',
  'Old Town Residence',
  'Palm Court',
  'Station Hotel',
  'Riverside Suites',
  'The Copper Beech',
  'Park Lane Lodge',
  'Skyline Tower',
  'Garden Inn',
  'Airport Plaza',
] as const;

/** Near the airport, and found by its code. */
const NEAR_AIRPORT = 4;

export const PROPERTIES: ReadonlyMap<string, Property> = new Map(
  CITIES.flatMap((city, cityIndex) => HOUSES.map((house, index) => propertyOf(city, cityIndex, house, index))).map(
    (property) => [property.id, property],
  ),
);

function propertyOf(city: City, cityIndex: number, house: string, index: number): Property {
  const number = 19_248 + cityIndex * 100 + index;
  return {
    id: String(number),
    name: `${house} ${city.name}`,
    city,
    score: 10_052 - index * 37,
    factor: 70 + ((index * 29) % 90),
    resortCents: index % 3 === 0 ? 1_500 : 0,
    stars: 3 + (index % 3),
    rooms: [
      roomOf(number, 1, 'Superior Queen Room', { guestsMax: 4, factor: 100 }),
      roomOf(number, 2, 'Deluxe King Suite', { guestsMax: 6, factor: 165 }),
    ],
  };
}

function roomOf(property: number, index: number, name: string, facts: Pick<Room, 'guestsMax' | 'factor'>): Room {
  const base = property * 10 + index;
  const beds =
    index === 1
      ? [{ id: '37321', description: '1 Queen Bed', type: 'Queen' }]
      : [
          { id: '37310', description: '1 King Bed', type: 'King' },
          { id: '37311', description: '2 Twin Beds', type: 'Twin' },
        ];
  const rates = [
    { id: `${base}01`, refundable: true, breakfast: false, factor: 100 },
    { id: `${base}02`, refundable: false, breakfast: false, factor: 88 },
    { id: `${base}03`, refundable: true, breakfast: true, factor: 112 },
  ];
  return { id: String(base), name, ...facts, beds, rates };
}

export interface Region {
  readonly id: string;
  readonly type: 'city' | 'airport';
  readonly name: string;
  readonly city: City;
  readonly code: string;
  readonly propertyIds: readonly string[];
}

/** The city under its own code, and each airport with what is near it. A city's airport often shares its code. */
export const REGIONS: readonly Region[] = CITIES.flatMap((city, cityIndex) => {
  const ids = [...PROPERTIES.values()].filter((property) => property.city === city).map(({ id }) => id);
  const [cityCode = '', ...others] = city.codes;
  const airports = others.length === 0 ? [cityCode] : others;
  return [
    { id: city.region, type: 'city' as const, name: city.name, city, code: cityCode, propertyIds: ids },
    ...airports.map((code, index) => ({
      id: String(5_000_000 + cityIndex * 10 + index),
      type: 'airport' as const,
      name: `${city.name} (${code})`,
      city,
      code,
      propertyIds: ids.slice(-NEAR_AIRPORT),
    })),
  ];
});

export function roomById(property: Property | undefined, id: string): Room | undefined {
  return property?.rooms.find((room) => room.id === id);
}
