/**
 * Where the simulated vendor has properties. Ids are the sandbox's own; those of Amsterdam and of its main mock property
 * are the vendor's.
 */
export interface City {
  readonly id: number;
  readonly name: string;
  readonly country: string;
  readonly region: number;
  readonly airports: readonly string[];
  readonly currency: string;
  /** A night in an ordinary double room, hundredths of a euro. */
  readonly night: number;
  readonly vatPercent: number;
  readonly cityTaxPercent: number;
}

// name | country | id | region | airports | currency | euros a night | VAT | city tax
const LINES = `
Amsterdam|nl|-2140479|1010|AMS|EUR|120|9|7
London|gb|-2601889|2280|LHR,LGW,STN,LTN,LCY|GBP|150|20|0
Paris|fr|-1456928|6347|CDG,ORY|EUR|140|10|3
Nice|fr|-1454990|5179|NCE|EUR|110|10|3
Barcelona|es|-372490|2331|BCN|EUR|115|10|4
Madrid|es|-390625|2332|MAD|EUR|105|10|0
Malaga|es|-390787|2333|AGP|EUR|90|10|0
Rome|it|-126693|908|FCO,CIA|EUR|110|10|4
Milan|it|-121726|909|MXP,LIN|EUR|125|10|5
Berlin|de|-1746443|675|BER|EUR|98|7|5
Munich|de|-1829149|676|MUC|EUR|118|7|0
Frankfurt|de|-1771148|677|FRA|EUR|102|7|2
Vienna|at|-1995499|786|VIE|EUR|104|10|3
Zurich|ch|-2554935|889|ZRH|CHF|170|4|3
Lisbon|pt|-2167973|2105|LIS|EUR|100|6|2
Athens|gr|-814876|1812|ATH|EUR|88|13|1
Istanbul|tr|-755070|1740|IST,SAW|TRY|75|10|2
Antalya|tr|-735338|1741|AYT|EUR|70|10|2
Stockholm|se|-2524279|2690|ARN|SEK|125|12|0
Copenhagen|dk|-2745636|2691|CPH|DKK|135|25|0
Warsaw|pl|-534433|2692|WAW|PLN|72|8|0
Prague|cz|-553173|2693|PRG|CZK|80|12|2
Dubai|ae|-782831|3510|DXB,DWC|AED|130|5|7
Abu Dhabi|ae|-782066|3511|AUH|AED|115|5|6
Doha|qa|-785169|3520|DOH|QAR|110|0|5
Riyadh|sa|900040280|3530|RUH|SAR|105|15|3
Jeddah|sa|900040121|3531|JED|SAR|100|15|3
Makkah|sa|900039095|3531|TIF|SAR|120|15|3
Kuwait City|kw|-784833|3540|KWI|KWD|100|0|0
Manama|bh|-784833001|3550|BAH|BHD|95|10|5
Amman|jo|-978277|3560|AMM|JOD|80|7|5
Cairo|eg|-290692|3570|CAI,SPX|EGP|60|14|1
Alexandria|eg|-290263|3570|HBE|EGP|50|14|1
Sharm El Sheikh|eg|-302053|3571|SSH|EUR|65|14|1
Hurghada|eg|-290029|3571|HRG|EUR|60|14|1
Marrakech|ma|-38833|3580|RAK|MAD|70|10|2
Casablanca|ma|-27899|3581|CMN|MAD|68|10|2
Cape Town|za|-1217214|3590|CPT|ZAR|85|15|1
Nairobi|ke|-2258072|3600|NBO|KES|78|16|2
New York|us|20088325|2007|JFK,EWR,LGA|USD|190|9|6
Seattle|us|20144883|2048|SEA|USD|145|10|6
Los Angeles|us|20014181|2049|LAX|USD|165|10|4
Miami|us|20023181|2050|MIA|USD|155|7|6
San Francisco|us|20015732|2049|SFO|USD|175|9|5
Toronto|ca|-574890|2060|YYZ,YTZ|CAD|130|13|4
Mexico City|mx|-1658079|2070|MEX|MXN|80|16|4
Sao Paulo|br|-671824|2080|GRU,CGH|BRL|75|5|2
Tokyo|jp|-246227|2090|HND,NRT|JPY|115|10|1
Osaka|jp|-240905|2091|KIX,ITM|JPY|95|10|1
Seoul|kr|-716583|2100|ICN,GMP|KRW|98|10|0
Singapore|sg|-73635|2110|SIN|SGD|150|9|0
Bangkok|th|-3414440|2120|BKK,DMK|THB|55|7|1
Kuala Lumpur|my|-2403010|2130|KUL|MYR|60|8|1
Bali|id|-2701757|2140|DPS|IDR|65|11|10
Hong Kong|hk|-1353149|2150|HKG|HKD|140|0|3
Delhi|in|-2106102|2160|DEL|INR|58|12|0
Mumbai|in|-2092174|2161|BOM|INR|70|12|0
Sydney|au|-1603135|2170|SYD|AUD|140|10|0
Auckland|nz|-1506909|2180|AKL|NZD|115|15|0
`;

export const CITIES: readonly City[] = LINES.trim().split('\n').map(readCity);

function readCity(line: string): City {
  const [name = '', country = '', id, region, airports = '', currency = '', night, vat, tax] = line.split('|');
  return {
    id: Number(id),
    name,
    country,
    region: Number(region),
    airports: airports.split(','),
    currency,
    night: Number(night) * 100,
    vatPercent: Number(vat),
    cityTaxPercent: Number(tax),
  };
}

/** Units of a hundredth for one euro. The sandbox's own, and the same every day. */
const PER_EURO: Readonly<Record<string, number>> = {
  EUR: 100,
  USD: 108,
  GBP: 86,
  CHF: 95,
  AED: 397,
  SAR: 405,
  QAR: 393,
  KWD: 33,
  BHD: 41,
  OMR: 42,
  JOD: 77,
  EGP: 5_200,
  MAD: 1_080,
  ZAR: 1_980,
  KES: 14_000,
  TRY: 3_700,
  SEK: 1_130,
  DKK: 746,
  NOK: 1_160,
  PLN: 428,
  CZK: 2_510,
  HUF: 39_600,
  CAD: 147,
  AUD: 163,
  NZD: 178,
  MXN: 1_960,
  BRL: 590,
  JPY: 16_500,
  KRW: 148_000,
  SGD: 145,
  THB: 3_850,
  MYR: 508,
  IDR: 1_750_000,
  HKD: 843,
  INR: 9_100,
  CNY: 783,
};

export const CURRENCIES: readonly string[] = Object.keys(PER_EURO);

/** Currencies without decimals: their hundredths come in whole hundreds. */
const WHOLE = new Set(['JPY', 'KRW']);

/** Hundredths of one currency in another, rounded half up to what that one has. */
export function convert(hundredths: number, from: string, to: string): number {
  return roundTo((hundredths * (PER_EURO[to] ?? 100)) / (PER_EURO[from] ?? 100), to);
}

export function roundTo(hundredths: number, currency: string): number {
  const step = WHOLE.has(currency) ? 100 : 1;
  return Math.round(hundredths / step) * step;
}
