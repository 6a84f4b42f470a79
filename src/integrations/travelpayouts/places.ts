import type { OutboundCall } from '../contract.ts';
import type { ProviderConnection } from '../travel.ts';
import type { Account } from './account.ts';
import { askVendor, type Exchange } from './exchange.ts';
import { AirportRow, readEach, readJson } from './wire.ts';
import { z } from 'zod';

/** Time zones by the IATA code of an airport or its city. */
export type Zones = Readonly<Record<string, string>>;

const AIRPORTS_MS_MAX = 5_000;
/** Ten thousand airports with their names in many languages. */
const AIRPORTS_BYTES_MAX = 16 * 1_048_576;

const Rows = z.array(z.unknown());

/**
 * The vendor's dictionary, kept for a week. Cached prices name the minutes of a flight but no time of arrival, so it is
 * the zone that makes one of them; without the dictionary there are none, and the prices stand.
 */
export async function zonesOf(
  exchange: Exchange,
  connection: ProviderConnection,
  account: Account,
  call: OutboundCall,
): Promise<Zones> {
  const kept = await exchange.cache.through(connection, 'places', 'zones', () =>
    askVendor(exchange, {
      account,
      call,
      method: '/data',
      path: '/data/en/airports.json',
      withToken: true,
      timeoutMsMax: AIRPORTS_MS_MAX,
      bytesMax: AIRPORTS_BYTES_MAX,
      effect: false,
      read: (body) => {
        const rows = readJson(Rows, body);
        return rows === null ? null : { kind: 'done', value: toZones(rows) };
      },
    }),
  );
  return kept.kind === 'done' ? kept.value : {};
}

/** A city is in the zone of its first airport; an airport's own zone counts more. */
export function toZones(rows: readonly unknown[]): Zones {
  const airports = readEach(AirportRow, rows).read;
  const cities = airports.toReversed().map((row) => [row.city_code, row.time_zone] as const);
  const own = airports.map((row) => [row.code, row.time_zone] as const);
  return Object.fromEntries([...cities, ...own].filter(([code]) => /^[A-Z]{3}$/.test(code)));
}
