import { setTimeout as delay } from 'node:timers/promises';
import { isCurrency } from '../../domain/money.ts';
import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type {
  FlightDiscoveryClient,
  FlightQuery,
  Found,
  FoundFlight,
  ProviderClientOptions,
  ProviderConnection,
} from '../travel.ts';
import { openAccount } from './account.ts';
import { probe, searchCached } from './cached.ts';
import { linkOf } from './click.ts';
import type { Exchange, Pause } from './exchange.ts';
import { createHourlyCount } from './limits.ts';
import { liveRefusal, searchLive } from './live.ts';
import { isDay } from './times.ts';

export interface TravelpayoutsOptions extends ProviderClientOptions {
  /** How polls wait; tests do not. */
  readonly pause?: Pause;
}

/** Travelpayouts / Aviasales (travel-providers.md section 4): prices to show, and a link to whoever sells them. */
export function createTravelpayoutsClient(options: TravelpayoutsOptions): FlightDiscoveryClient {
  const exchange: Exchange = {
    ...options,
    pause: options.pause ?? waitFor,
    searches: createHourlyCount(options.clock),
  };
  return {
    probe: async (connection, call) => {
      const account = openAccount(connection);
      return 'kind' in account ? account : probe(exchange, account, call);
    },
    searchFlights: (connection, query, call) => search(exchange, connection, query, call),
    link: async (connection, offer, _traveller, call) => {
      const account = openAccount(connection);
      return 'kind' in account ? account : linkOf(exchange, account, offer, call);
    },
  };
}

/** A query that must not be searched live gets the cached prices and is told so: a price of yesterday beats none. */
async function search(
  exchange: Exchange,
  connection: ProviderConnection,
  query: FlightQuery,
  call: OutboundCall,
): Promise<Outcome<Found<FoundFlight>>> {
  const account = openAccount(connection);
  if ('kind' in account) return account;
  const complaint = complaintAbout(query);
  if (complaint !== null) return notDone('rejected', complaint);
  if (account.settings.SURFACE === 'cached') return searchCached(exchange, connection, account, query, call, []);
  const refusal = liveRefusal(account, query);
  if (refusal === null) return searchLive(exchange, account, query, call);
  return searchCached(exchange, connection, account, query, call, [refusal]);
}

/** What the vendor would refuse (4.5), said before it is asked. */
function complaintAbout(query: FlightQuery): string | null {
  const { from, to, departure, adults, children } = query;
  if (![from, to].every((code) => /^[A-Z]{3}$/.test(code))) return 'origin and destination are IATA codes';
  if (from === to) return 'origin and destination are the same';
  if (!isDay(departure) || (query.return !== null && !isDay(query.return))) return 'a date is none of the calendar';
  if (query.return !== null && query.return < departure) return 'the return is before the departure';
  if (!isCount(adults, 1, 9) || !isCount(children, 0, 6)) return 'the vendor takes 1 to 9 adults and up to 6 children';
  return isCurrency(query.currencyCode) ? null : 'the currency is none of ISO 4217';
}

function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

async function waitFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  // Aborted: whoever waited looks at the signal itself.
  await delay(ms, undefined, signal && { signal }).catch(() => undefined);
}
