import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type { ProviderCache, ProviderConnection } from '../travel.ts';
import { askDemand, type DemandOptions } from './exchange.ts';
import type { PropertyNames } from './map.ts';
import { LANGUAGE } from './request.ts';
import { DetailsAnswer, type Details, type Translated } from './wire.ts';

/**
 * What properties and rooms are called. A search tells ids only; the names are static and meant to be kept
 * (travel-providers.md 2.8), so they come through the cache, one entry for each property and language. Best effort: an
 * offer without a name is an offer.
 */
export interface NamesOptions extends DemandOptions {
  readonly cache: ProviderCache;
}

/** The vendor takes this many ids in one call, and a search gets one call for names. */
const PROPERTIES_MAX = 100;
/** Property and room texts in several hundred rooms; none of it is kept but the names. */
const DETAILS_BYTES_MAX = 8 * 1_048_576;
/** How long the first id waits for the others to come out of the cache. */
const GATHER_MS = 10;

export async function namesOf(
  options: NamesOptions,
  connection: ProviderConnection,
  properties: readonly string[],
  language: string,
  call: OutboundCall,
): Promise<ReadonlyMap<string, PropertyNames>> {
  const names = new Map<string, PropertyNames>();
  const wanted = properties.slice(0, PROPERTIES_MAX);
  const together = gather((ids) => askDetails(options, connection, ids, language, call));
  const looked = Promise.all(
    wanted.map(async (id) => {
      const outcome = await options.cache.through(connection, 'details', `${language}/${id}`, () => together(id));
      if (outcome.kind === 'done') names.set(id, outcome.value);
    }),
  );
  // What another search is asking for may take longer than this one has.
  await within(looked, call);
  return new Map(names);
}

type Loaded = Outcome<PropertyNames>;

/** One call for all ids that were not in the cache; those that come later go without. */
function gather(
  load: (ids: readonly string[]) => Promise<Outcome<ReadonlyMap<string, PropertyNames>>>,
): (id: string) => Promise<Loaded> {
  const ids: string[] = [];
  let flight: Promise<Outcome<ReadonlyMap<string, PropertyNames>>> | null = null;
  let sent = false;
  return async (id) => {
    if (sent) return notDone('unavailable', 'the names were asked for already');
    ids.push(id);
    flight ??= new Promise<void>((resolve) => setTimeout(resolve, GATHER_MS)).then(() => {
      sent = true;
      return load(ids);
    });
    const loaded = await flight;
    if (loaded.kind !== 'done') return loaded;
    // A property the vendor tells nothing about has no name today: kept too, or it would be asked for each time.
    return { kind: 'done', value: loaded.value.get(id) ?? { name: null, rooms: {} } };
  };
}

function askDetails(
  options: DemandOptions,
  connection: ProviderConnection,
  ids: readonly string[],
  language: string,
  call: OutboundCall,
): Promise<Outcome<ReadonlyMap<string, PropertyNames>>> {
  return askDemand(options, {
    connection,
    call: { ...call, maxBytes: DETAILS_BYTES_MAX },
    path: '/accommodations/details',
    body: { accommodations: ids.map(Number), extras: ['rooms'], languages: [...new Set([language, LANGUAGE])] },
    effect: false,
    shape: DetailsAnswer,
    convert: ({ data }) => ({
      kind: 'done',
      value: new Map(data.filter((one) => one !== null).map((one) => [one.id, toNames(one, language)])),
    }),
  });
}

export function toNames({ name, rooms }: Details, language: string): PropertyNames {
  const called = (rooms ?? []).flatMap((room) => {
    const inLanguage = room === null ? null : inLanguageOf(room.name, language);
    return room === null || inLanguage === null ? [] : [[room.id, inLanguage] as const];
  });
  return { name: inLanguageOf(name, language), rooms: Object.fromEntries(called) };
}

const NAME_LENGTH_MAX = 200;

/** In the language asked for, else in English, else in any. */
function inLanguageOf(text: Translated, language: string): string | null {
  if (text === null) return null;
  const own = (tag: string): string | null => (Object.hasOwn(text, tag) ? (text[tag] ?? null) : null);
  const said = own(language) ?? own(LANGUAGE) ?? Object.values(text).find((one) => one !== null) ?? '';
  const clean = said.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return clean === '' ? null : Array.from(clean).slice(0, NAME_LENGTH_MAX).join('');
}

function within(work: Promise<unknown>, { timeoutMs, signal }: OutboundCall): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(resolve), timeoutMs);
    const giveUp = (): void => end(resolve);
    const end = (act: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      act();
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted) giveUp();
    work.then(
      () => end(resolve),
      (error: unknown) => end(() => reject(error as Error)),
    );
  });
}
