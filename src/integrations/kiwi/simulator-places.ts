/** Where the simulated vendor flies: real airports, so that distances and clocks are plausible. */
export interface Airport {
  readonly code: string;
  readonly name: string;
  readonly city: string;
  /** Of the city: several airports share one. */
  readonly cityCode: string;
  readonly country: string;
  readonly countryName: string;
  readonly timeZone: string;
  readonly latitude: number;
  readonly longitude: number;
}

const LINES = `
PRG|Vaclav Havel|Prague|PRG|CZ|Czechia|Europe/Prague|50.10|14.26
LIS|Humberto Delgado|Lisbon|LIS|PT|Portugal|Europe/Lisbon|38.77|-9.13
LHR|Heathrow|London|LON|GB|United Kingdom|Europe/London|51.47|-0.45
LGW|Gatwick|London|LON|GB|United Kingdom|Europe/London|51.15|-0.19
STN|Stansted|London|LON|GB|United Kingdom|Europe/London|51.89|0.24
CDG|Charles de Gaulle|Paris|PAR|FR|France|Europe/Paris|49.01|2.55
ORY|Orly|Paris|PAR|FR|France|Europe/Paris|48.72|2.36
MAD|Barajas|Madrid|MAD|ES|Spain|Europe/Madrid|40.47|-3.56
BCN|El Prat|Barcelona|BCN|ES|Spain|Europe/Madrid|41.30|2.08
FCO|Fiumicino|Rome|ROM|IT|Italy|Europe/Rome|41.80|12.24
MXP|Malpensa|Milan|MIL|IT|Italy|Europe/Rome|45.63|8.72
FRA|Frankfurt|Frankfurt|FRA|DE|Germany|Europe/Berlin|50.03|8.56
MUC|Munich|Munich|MUC|DE|Germany|Europe/Berlin|48.35|11.79
BER|Brandenburg|Berlin|BER|DE|Germany|Europe/Berlin|52.36|13.50
AMS|Schiphol|Amsterdam|AMS|NL|Netherlands|Europe/Amsterdam|52.31|4.77
VIE|Schwechat|Vienna|VIE|AT|Austria|Europe/Vienna|48.11|16.57
ZRH|Kloten|Zurich|ZRH|CH|Switzerland|Europe/Zurich|47.46|8.55
CPH|Kastrup|Copenhagen|CPH|DK|Denmark|Europe/Copenhagen|55.62|12.65
WAW|Chopin|Warsaw|WAW|PL|Poland|Europe/Warsaw|52.17|20.97
ATH|Venizelos|Athens|ATH|GR|Greece|Europe/Athens|37.94|23.95
IST|Istanbul|Istanbul|IST|TR|Turkey|Europe/Istanbul|41.26|28.74
CAI|Cairo|Cairo|CAI|EG|Egypt|Africa/Cairo|30.12|31.41
HRG|Hurghada|Hurghada|HRG|EG|Egypt|Africa/Cairo|27.18|33.80
SSH|Sharm El Sheikh|Sharm El Sheikh|SSH|EG|Egypt|Africa/Cairo|27.98|34.39
DXB|Dubai|Dubai|DXB|AE|United Arab Emirates|Asia/Dubai|25.25|55.36
AUH|Zayed|Abu Dhabi|AUH|AE|United Arab Emirates|Asia/Dubai|24.43|54.65
DOH|Hamad|Doha|DOH|QA|Qatar|Asia/Qatar|25.27|51.61
KWI|Kuwait|Kuwait|KWI|KW|Kuwait|Asia/Kuwait|29.23|47.97
RUH|King Khalid|Riyadh|RUH|SA|Saudi Arabia|Asia/Riyadh|24.96|46.70
JED|King Abdulaziz|Jeddah|JED|SA|Saudi Arabia|Asia/Riyadh|21.68|39.16
AMM|Queen Alia|Amman|AMM|JO|Jordan|Asia/Amman|31.72|35.99
BEY|Rafic Hariri|Beirut|BEY|LB|Lebanon|Asia/Beirut|33.82|35.49
CMN|Mohammed V|Casablanca|CAS|MA|Morocco|Africa/Casablanca|33.37|-7.59
JNB|O. R. Tambo|Johannesburg|JNB|ZA|South Africa|Africa/Johannesburg|-26.14|28.25
CPT|Cape Town|Cape Town|CPT|ZA|South Africa|Africa/Johannesburg|-33.97|18.60
NBO|Jomo Kenyatta|Nairobi|NBO|KE|Kenya|Africa/Nairobi|-1.32|36.93
DEL|Indira Gandhi|Delhi|DEL|IN|India|Asia/Kolkata|28.57|77.10
BOM|Chhatrapati Shivaji|Mumbai|BOM|IN|India|Asia/Kolkata|19.09|72.87
BKK|Suvarnabhumi|Bangkok|BKK|TH|Thailand|Asia/Bangkok|13.69|100.75
SIN|Changi|Singapore|SIN|SG|Singapore|Asia/Singapore|1.36|103.99
HND|Haneda|Tokyo|TYO|JP|Japan|Asia/Tokyo|35.55|139.78
NRT|Narita|Tokyo|TYO|JP|Japan|Asia/Tokyo|35.77|140.39
SYD|Kingsford Smith|Sydney|SYD|AU|Australia|Australia/Sydney|-33.95|151.18
JFK|John F. Kennedy|New York|NYC|US|United States|America/New_York|40.64|-73.78
EWR|Newark|New York|NYC|US|United States|America/New_York|40.69|-74.17
LAX|Los Angeles|Los Angeles|LAX|US|United States|America/Los_Angeles|33.94|-118.41
SEA|Seattle-Tacoma|Seattle|SEA|US|United States|America/Los_Angeles|47.45|-122.31
MIA|Miami|Miami|MIA|US|United States|America/New_York|25.79|-80.29
GRU|Guarulhos|Sao Paulo|SAO|BR|Brazil|America/Sao_Paulo|-23.43|-46.47`;

export const AIRPORTS: readonly Airport[] = LINES.trim()
  .split('\n')
  .map((line) => {
    const [code, name, city, cityCode, country, countryName, timeZone, latitude, longitude] = line.split('|') as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const place = { latitude: Number(latitude), longitude: Number(longitude) };
    return { code, name, city, cityCode, country, countryName, timeZone, ...place };
  });

const BY_CODE = new Map(AIRPORTS.map((one) => [one.code, one]));

export function airport(code: string): Airport {
  const found = BY_CODE.get(code);
  if (!found) throw new Error(`There is no airport ${code} here.`);
  return found;
}

/** `PRG`, `airport:PRG`, `city:LON`, `LON`, `GB`, and lists of them. Empty where there is no such place. */
export function airportsOf(places: string): Airport[] {
  const found = places.split(',').flatMap((place) => {
    const [kind, code] = place.includes(':') ? place.split(':', 2) : ['any', place];
    return AIRPORTS.filter(
      (one) =>
        (kind !== 'city' && one.code === code) ||
        (kind !== 'airport' && one.cityCode === code) ||
        (kind === 'any' && one.country === code),
    );
  });
  return [...new Set(found)];
}

const EARTH_RADIUS_KM = 6_371;

export function distanceKm(from: Airport, to: Airport): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const [north, east] = [radians(to.latitude - from.latitude), radians(to.longitude - from.longitude)];
  const half =
    Math.sin(north / 2) ** 2 +
    Math.cos(radians(from.latitude)) * Math.cos(radians(to.latitude)) * Math.sin(east / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(half));
}
