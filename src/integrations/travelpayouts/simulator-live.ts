import { isIP } from 'node:net';
import { z } from 'zod';
import { json } from '../simulator/answer.ts';
import { escape, page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { SimulatorAnswer, SimulatorRequest } from '../simulator/types.ts';
import { throttleSearch } from './simulator-limits.ts';
import { uuidOf, type Ledger, type Search } from './simulator-model.ts';
import { CITIES, RATES, cityOf } from './simulator-places.ts';
import { searchSignature } from './simulator-signature.ts';
import { AGENCIES, chunkOf, isTerm } from './simulator-tickets.ts';

/** Surface B: start, results, clicks (travel-providers.md 4.5), and the customer who presses the button. */

const LOCALES = ['en-us', 'en-gb', 'ru', 'de', 'es', 'fr', 'pl'];
const code = z.string().regex(/^[A-Z]{3}$/);

const SearchBody = z.object({
  marker: z.string(),
  host: z.string().min(1),
  user_ip: z.string().refine((address) => isIP(address) !== 0, 'user_ip is no address'),
  locale: z.enum(LOCALES),
  trip_class: z.enum(['Y', 'C']),
  passengers: z.object({
    adults: z.int().min(1).max(9),
    children: z.int().min(0).max(6),
    infants: z.int().min(0).max(6),
  }),
  segments: z
    .array(z.object({ origin: code, destination: code, date: z.iso.date() }))
    .min(1)
    .max(6),
  currency: z.string().optional(),
});

type Body = Readonly<Record<string, unknown>>;

export function readBody(text: string): Body | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : null;
  } catch {
    return null;
  }
}

/** Whose search it is: of those with the marker the one whose token signed it. */
export function signerOf(ledger: Ledger, body: Body | null): string | null {
  if (body === null) return null;
  const named = ledger.accountsByMarker(String(body['marker']));
  return named.find((id) => isSignedBy(ledger, id, body)) ?? named[0] ?? null;
}

function isSignedBy(ledger: Ledger, id: string, body: Body): boolean {
  const token = ledger.account(id)?.token;
  return token !== undefined && body['signature'] === searchSignature(token, body);
}

/** Checked in the order of section 0: headers, who it is, how often, what is asked. */
export function startSearch(ledger: Ledger, id: string | null, request: SimulatorRequest): SimulatorAnswer {
  if (request.headers['origin'] !== undefined) return refused(403, 'Browsers may not search');
  if (!(request.headers['content-type'] ?? '').includes('application/json')) return refused(400, 'JSON is needed');
  const body = readBody(request.body);
  const account = id === null ? undefined : ledger.account(id);
  if (body === null) return refused(400, 'The body is no JSON object');
  if (id === null || account === undefined) return refused(401, 'Unauthorized');
  if (!isSignedBy(ledger, id, body)) return refused(403, 'The signature is wrong');
  if (!account.liveAccess) return refused(403, 'There is no access to the search');
  ledger.countCall(id);
  const tooMany = throttleSearch(ledger, id, account, String(body['user_ip']));
  if (tooMany !== null) return tooMany;
  const parsed = SearchBody.safeParse(body);
  if (!parsed.success) return refused(400, z.prettifyError(parsed.error));
  if (isLoopbackAddress(parsed.data.user_ip)) {
    ledger.blame(id, 'loopbackAddress');
    return refused(400, 'user_ip must be the end user’s');
  }
  return accept(ledger, id, parsed.data);
}

function isLoopbackAddress(address: string): boolean {
  return /^127\.|^::1$|^::ffff:127\./i.test(address);
}

function accept(ledger: Ledger, account: string, body: z.infer<typeof SearchBody>): SimulatorAnswer {
  const id = uuidOf(ledger.derive(account, `search:${ledger.next(account, 'searches')}`));
  const startedAt = ledger.now(account).toISOString();
  const [first] = body.segments;
  ledger.saveSearch({
    account,
    id,
    from: first?.origin ?? '',
    to: first?.destination ?? '',
    days: body.segments.map((segment) => segment.date),
    passengers: body.passengers,
    currency: (body.currency ?? 'rub').toLowerCase(),
    startedAt,
    polls: 0,
  });
  const segments = body.segments.map((segment) => ({
    ...segment,
    origin_country: cityOf(segment.origin)?.country ?? '',
  }));
  const { marker, host, user_ip, locale, trip_class, passengers } = body;
  const said = { search_id: id, meta: { uuid: id }, segments, passengers, locale, trip_class, marker, host, user_ip };
  const rest = {
    gates_count: AGENCIES.length,
    geoip_city: 'Unknown',
    geoip_country: 'Unknown',
    initiated_at: startedAt,
  };
  const { rub: _base, ...rates } = RATES;
  return json(200, { ...said, ...rest, currency: body.currency ?? 'rub', currency_rates: rates });
}

export function searchOf(ledger: Ledger, id: string | null): Search | undefined {
  const search = ledger.search(id ?? '');
  const account = search && ledger.account(search.account);
  if (search === undefined || account === undefined) return undefined;
  const endsAt = Date.parse(search.startedAt) + account.resultSeconds * 1_000;
  return ledger.now(search.account).getTime() < endsAt ? search : undefined;
}

/** One agency's chunk a poll, then the element that holds the search's id alone. */
export function results(ledger: Ledger, request: SimulatorRequest, fault: Fault | null): SimulatorAnswer {
  const known = ledger.search(request.query.get('uuid') ?? '');
  if (known !== undefined) ledger.countCall(known.account);
  const search = searchOf(ledger, request.query.get('uuid'));
  const account = known && ledger.account(known.account);
  if (search === undefined || account === undefined) {
    return account?.unknownSearch === 'empty' ? json(200, []) : refused(404, 'The search is unknown');
  }
  const isPending =
    fault?.fault === 'pendingFirst' &&
    ledger.now(search.account).getTime() < Date.parse(search.startedAt) + (fault.ms ?? 2_000);
  if (isPending) return json(200, []);
  const turn = search.polls - account.emptyPolls;
  ledger.saveSearch({ ...search, polls: search.polls + 1 });
  const last = { search_id: search.id };
  if (turn < 0) return json(200, []);
  if (turn >= account.agencies) return json(200, account.ends === 'never' ? [] : [last]);
  const chunk = chunkOf(ledger, search, turn, fault);
  return json(200, account.ends === 'withLast' && turn === account.agencies - 1 ? [chunk, last] : [chunk]);
}

/** A click without a customer's press is what the vendor switches partners off for. */
export function click(
  ledger: Ledger,
  baseUrl: string,
  asked: { readonly searchId: string; readonly term: string; readonly marker: string },
): SimulatorAnswer {
  const known = ledger.search(asked.searchId);
  if (known !== undefined) ledger.countCall(known.account);
  const search = searchOf(ledger, asked.searchId);
  const account = search && ledger.account(search.account);
  if (search === undefined || account === undefined) return refused(404, 'The search is unknown');
  if (asked.marker.split('.')[0] !== account.marker) return refused(400, 'The marker is another one');
  if (!isTerm(account.agencies, asked.term)) return refused(404, 'The ticket is unknown');
  const bought = ledger.spend(search.id, asked.term) || account.buyActions === 'assumed';
  if (!bought) ledger.blame(search.account, 'clickWithoutBuy');
  const own = Number.parseInt(ledger.derive(search.account, 'clicks').slice(0, 8), 16) % 1_000_000;
  const id = `22${String(own).padStart(6, '0')}${String(ledger.next(search.account, 'clicks')).padStart(6, '0')}`;
  const url = `${baseUrl}/agency/${id}`;
  ledger.saveClick({ account: search.account, id, searchId: search.id, term: asked.term, bought, url });
  const method = account.clickMethod;
  const params = method === 'POST' ? { ticket: asked.term } : {};
  return json(200, { params, method, url, gate_id: Number(asked.term.slice(0, -5)), click_id: Number(id) });
}

/** The customer presses the button on the partner's page, where the vendor does not see it: the tests do it here. */
export function press(ledger: Ledger, searchId: string, term: string): SimulatorAnswer {
  const search = ledger.search(searchId);
  if (search === undefined) return json(404, { error: 'There is no such search' });
  ledger.countCall(search.account);
  ledger.allow(searchId, term);
  return json(200, { outcome: 'pressed' });
}

/** Where a click ends: the agency's own page. */
export function agencyPage(ledger: Ledger, id: string): SimulatorAnswer {
  const click = ledger.clicks(null).find((one) => one.id === id);
  const search = ledger.search(click?.searchId ?? '');
  if (click === undefined || search === undefined) return page(404, 'Not Found', '<h1>There is no such ticket</h1>');
  const way = `${search.from} – ${search.to}, ${search.days.join(' and ')}`;
  return page(200, 'Agency', `<h1>A simulated agency</h1><p>Ticket ${escape(click.term)}: ${escape(way)}</p>`);
}

/** Where a link of surface A ends: the vendor's own results. */
export function resultsPage(path: string, marker: string): SimulatorAnswer {
  const match = /^\/search\/([A-Z]{3})(\d{2})(\d{2})([A-Z]{3})/.exec(path);
  const [, from = '', day = '', month = '', to = ''] = match ?? [];
  const isKnown = [from, to].every((one) => CITIES.some((city) => city.code === one || city.airports.includes(one)));
  if (!match || !isKnown) return page(404, 'Not Found', '<h1>There is no such search</h1>');
  const partner = marker === '' ? 'nobody' : marker;
  return page(
    200,
    'Search',
    `<h1>Simulated search</h1><p>${from} – ${to}, ${day}.${month}. Sent by ${escape(partner)}.</p>`,
  );
}

function refused(status: number, error: string): SimulatorAnswer {
  return json(status, { success: false, data: {}, error });
}
