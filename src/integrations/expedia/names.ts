import DataLoader from 'dataloader';
import type { OutboundCall, Outcome } from '../contract.ts';
import type { Traveller } from '../travel.ts';
import { answerOf, ask, type ExpediaOptions } from './exchange.ts';
import { languageOf, type Profile } from './profile.ts';
import { Contents } from './wire.ts';

/** The vendor's own bound of one content call. */
const PROPERTIES_MAX = 250;
/** Names are decoration: an offer without one is still an offer. */
const NAMES_MS_MAX = 1_500;
const NAMES_BYTES_MAX = 4_194_304;

/**
 * The names of properties in the traveller's language: each is remembered by itself, so only those nobody asked for
 * yet are asked for, together. Best effort: what can't be had in time is null.
 */
export async function namesOf(
  options: ExpediaOptions,
  profile: Profile,
  asked: { readonly ids: readonly string[]; readonly traveller: Traveller; readonly call: OutboundCall },
): Promise<ReadonlyMap<string, string>> {
  const language = languageOf(profile, asked.traveller);
  const call = { ...asked.call, timeoutMs: Math.min(asked.call.timeoutMs, NAMES_MS_MAX) };
  const loader = new DataLoader<string, Outcome<string | null>>(
    async (ids) => {
      const found = await askContents(options, profile, { ...asked, ids, language, call });
      return ids.map((id) => (found.kind === 'done' ? { kind: 'done', value: found.value.get(id) ?? null } : found));
    },
    { maxBatchSize: PROPERTIES_MAX, cache: false },
  );
  const ids = [...new Set(asked.ids)];
  const all = Promise.all(
    ids.map((id) => options.cache.through(profile.connection, 'content', `${language}:${id}`, () => loader.load(id))),
  );
  // Somebody else may be asking for the same name, with more time than we have.
  const names = await inTime(all, call.timeoutMs);
  const known = ids.flatMap((id, index) => {
    const name = names?.[index];
    return name?.kind === 'done' && name.value !== null ? [[id, name.value] as const] : [];
  });
  return new Map(known);
}

function askContents(
  options: ExpediaOptions,
  profile: Profile,
  asked: {
    readonly ids: readonly string[];
    readonly language: string;
    readonly traveller: Traveller;
    readonly call: OutboundCall;
  },
): Promise<Outcome<ReadonlyMap<string, string>>> {
  const query = new URLSearchParams({ language: asked.language, supply_source: 'expedia', include: 'name' });
  for (const id of asked.ids) query.append('property_id', id);
  return ask(options, {
    profile,
    call: { ...asked.call, maxBytes: asked.call.maxBytes ?? NAMES_BYTES_MAX },
    traveller: asked.traveller,
    method: 'GET',
    about: 'search',
    url: `${profile.base}/properties/content?${query}`,
    effect: false,
    read: (response) => {
      const contents = answerOf(Contents, response);
      // Of nobody it knows the name: not remembered, it may know them in a minute.
      if (contents === null || contents.size === 0) return null;
      return { kind: 'done', value: new Map([...contents].map(([id, { name }]) => [id, name])) };
    },
  });
}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
