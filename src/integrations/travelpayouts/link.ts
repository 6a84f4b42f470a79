import type { FlightQuery } from '../travel.ts';
import { isVendors, type Account } from './account.ts';

/** Links to the vendor's own site, which cost no call (travel-providers.md 4.7). */

const SITE = 'https://www.aviasales.com';

export type Party = Pick<FlightQuery, 'adults' | 'children'>;

export interface Journey {
  readonly from: string;
  readonly to: string;
  /** YYYY-MM-DD. */
  readonly departure: string;
  readonly return: string | null;
}

const SEARCH_PATH = /^\/search\/[A-Z]{3}\d{4}[A-Z]{3}(?:\d{4})?(\d{1,3})(?:\?[\w=&%.:+~-]{0,600})?$/;

/**
 * The path of an offer's page. The vendor's own `link` names the very ticket, but is of whoever searched for it: for
 * another party, and where it is no such path, the search itself is the page.
 */
export function pagePath(link: string, journey: Journey, party: Party): string {
  const match = SEARCH_PATH.exec(link);
  const isUsable = match?.[1] === passengerDigits(party) && !/[?&]marker=/.test(link);
  return isUsable ? link : searchPath(journey, party);
}

/** `/search/MAD1410BCN18101`: 14 October, back on the 18th, one adult. */
export function searchPath(journey: Journey, party: Party): string {
  const back = journey.return === null ? '' : dayMonth(journey.return);
  return `/search/${journey.from}${dayMonth(journey.departure)}${journey.to}${back}${passengerDigits(party)}`;
}

/** With the marker that earns the commission. */
export function pageUrl(account: Account, path: string): string {
  const base = account.settings.LINK_BASE_URL || (isVendors(account.baseUrl) ? SITE : account.baseUrl);
  return `${base.replace(/\/+$/, '')}${path}${path.includes('?') ? '&' : '?'}marker=${markerOf(account)}`;
}

/** The marker as links carry it: with our sub-id behind a dot, where there is one. */
export function markerOf({ marker, settings }: Account): string {
  return settings.SUB_ID === '' ? marker : `${marker}.${settings.SUB_ID}`;
}

/** Adults, children, infants; what is none at the end is not written. */
function passengerDigits({ adults, children }: Party): string {
  return children === 0 ? String(adults) : `${adults}${children}`;
}

function dayMonth(day: string): string {
  return `${day.slice(8, 10)}${day.slice(5, 7)}`;
}
