/** The world of the simulated vendor: cities with their airports, zones and places on the globe. */

export interface City {
  readonly code: string;
  readonly name: string;
  readonly country: string;
  readonly zone: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly airports: readonly string[];
}

const TABLE = `
LON London GB Europe/London 51.5 -0.1 LHR LGW STN
BCN Barcelona ES Europe/Madrid 41.3 2.1 BCN
MAD Madrid ES Europe/Madrid 40.5 -3.6 MAD
PRG Prague CZ Europe/Prague 50.1 14.3 PRG
LIS Lisbon PT Europe/Lisbon 38.8 -9.1 LIS
PAR Paris FR Europe/Paris 48.9 2.4 CDG ORY
AMS Amsterdam NL Europe/Amsterdam 52.3 4.8 AMS
BER Berlin DE Europe/Berlin 52.4 13.5 BER
FRA Frankfurt DE Europe/Berlin 50.0 8.6 FRA
ROM Rome IT Europe/Rome 41.8 12.3 FCO CIA
MIL Milan IT Europe/Rome 45.6 8.7 MXP LIN
VIE Vienna AT Europe/Vienna 48.1 16.6 VIE
ZRH Zurich CH Europe/Zurich 47.5 8.5 ZRH
ATH Athens GR Europe/Athens 37.9 23.9 ATH
WAW Warsaw PL Europe/Warsaw 52.2 21.0 WAW
IST Istanbul TR Europe/Istanbul 41.3 28.8 IST SAW
MOW Moscow RU Europe/Moscow 55.8 37.6 SVO DME
LED Petersburg RU Europe/Moscow 59.8 30.3 LED
CAI Cairo EG Africa/Cairo 30.1 31.4 CAI
HRG Hurghada EG Africa/Cairo 27.2 33.8 HRG
RUH Riyadh SA Asia/Riyadh 25.0 46.7 RUH
JED Jeddah SA Asia/Riyadh 21.7 39.2 JED
DXB Dubai AE Asia/Dubai 25.3 55.4 DXB
DOH Doha QA Asia/Qatar 25.3 51.6 DOH
KWI Kuwait KW Asia/Kuwait 29.2 47.9 KWI
AMM Amman JO Asia/Amman 31.7 36.0 AMM
JNB Johannesburg ZA Africa/Johannesburg -26.1 28.2 JNB
CPT Cape-Town ZA Africa/Johannesburg -34.0 18.6 CPT
NBO Nairobi KE Africa/Nairobi -1.3 36.9 NBO
NYC New-York US America/New_York 40.6 -73.8 JFK EWR
LAX Los-Angeles US America/Los_Angeles 33.9 -118.4 LAX
SFO San-Francisco US America/Los_Angeles 37.6 -122.4 SFO
SEA Seattle US America/Los_Angeles 47.4 -122.3 SEA
DEL Delhi IN Asia/Kolkata 28.6 77.1 DEL
BOM Mumbai IN Asia/Kolkata 19.1 72.9 BOM
BKK Bangkok TH Asia/Bangkok 13.7 100.7 BKK
HKT Phuket TH Asia/Bangkok 8.1 98.3 HKT
SIN Singapore SG Asia/Singapore 1.4 104.0 SIN
HKG Hong-Kong HK Asia/Hong_Kong 22.3 113.9 HKG
TPE Taipei TW Asia/Taipei 25.1 121.2 TPE TSA
TYO Tokyo JP Asia/Tokyo 35.6 139.8 HND NRT
SYD Sydney AU Australia/Sydney -33.9 151.2 SYD
`;

export const CITIES: readonly City[] = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [code = '', name = '', country = '', zone = '', latitude, longitude, ...airports] = line.split(' ');
    const place = { latitude: Number(latitude), longitude: Number(longitude) };
    return { code, name: name.replace('-', ' '), country, zone, ...place, airports };
  });

const BY_CODE: ReadonlyMap<string, City> = new Map([
  ...CITIES.flatMap((city) => city.airports.map((airport) => [airport, city] as const)),
  ...CITIES.map((city) => [city.code, city] as const),
]);

/** The city of a city's or an airport's code. */
export function cityOf(code: string): City | undefined {
  return BY_CODE.get(code);
}

/** The airports a code stands for: a city's are all of them. */
export function airportsOf(code: string): readonly string[] {
  const city = cityOf(code);
  return city === undefined ? [] : city.code === code ? city.airports : [code];
}

export const AIRLINES: Readonly<Record<string, string>> = {
  TP: 'TAP',
  IB: 'Iberia',
  BA: 'British Airways',
  AF: 'Air France',
  LH: 'Lufthansa',
  TK: 'Turkish Airlines',
  MS: 'Egyptair',
  EK: 'Emirates',
  QR: 'Qatar Airways',
  SQ: 'Singapore Airlines',
  BR: 'EVA Air',
};

/** Roubles for one unit, as the vendor's currency_rates have them. */
export const RATES: Readonly<Record<string, number>> = {
  rub: 1,
  usd: 78.1,
  eur: 91.2,
  gbp: 104.35,
  egp: 1.61,
  aed: 21.27,
  sar: 20.83,
  kwd: 254.6,
  jpy: 0.5213,
  twd: 2.5104,
  inr: 0.8842,
  zar: 4.4907,
  czk: 2.95961,
  try: 1.8733,
  pln: 21.5,
  chf: 97.4,
};

/** Great circle, in kilometres. */
export function distanceOf(from: City, to: City): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const half = (one: number, other: number): number => Math.sin(radians(other - one) / 2) ** 2;
  const chord =
    half(from.latitude, to.latitude) +
    Math.cos(radians(from.latitude)) * Math.cos(radians(to.latitude)) * half(from.longitude, to.longitude);
  return Math.round(12_742 * Math.asin(Math.sqrt(chord)));
}

const FORMATS: ReadonlyMap<string, Intl.DateTimeFormat> = new Map(
  CITIES.map(({ zone }) => [
    zone,
    new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' }),
  ]),
);

/** Minutes that a zone's clocks are ahead of UTC. */
function offsetMinutes(zone: string, at: number): number {
  const wall = FORMATS.get(zone)?.format(at).replace(' ', 'T') ?? '';
  return Math.round((Date.parse(`${wall}Z`) - at) / 60_000);
}

/** The instant at which a zone's clocks show a wall time (`YYYY-MM-DDTHH:MM`), and the offset they have then. */
export function wallTime(local: string, zone: string): { readonly at: number; readonly offset: number } {
  const asUtc = Date.parse(`${local}:00Z`);
  const guess = asUtc - offsetMinutes(zone, asUtc) * 60_000;
  const offset = offsetMinutes(zone, guess);
  return { at: asUtc - offset * 60_000, offset };
}

/** What a zone's clocks show, `YYYY-MM-DDTHH:MM`. */
export function shownAt(at: number, zone: string): string {
  return new Date(at + offsetMinutes(zone, at) * 60_000).toISOString().slice(0, 16);
}

/** `+02:00` */
export function offsetText(offset: number): string {
  const size = Math.abs(offset);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${two(Math.trunc(size / 60))}:${two(size % 60)}`;
}
