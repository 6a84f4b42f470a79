import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';

import type { Ask } from '../../helpers/raging.ts';
import { day, STAY } from '../../helpers/travel-world.ts';
import { pause, type Random } from '../../live/storm/random.ts';

/** So many searches a second, whatever became of those before, and who tells of providers' health meanwhile. */

export const SEARCHES_PER_SECOND = 50;
/** The default of the graph. */
export const DEADLINE_MS = 8_000;

export interface Searched {
  readonly phase: string;
  readonly startedAtMs: number;
  readonly ms: number;
  /** With offers, before the deadline. */
  readonly answered: boolean;
  /** Whoever routing chose; null: nobody was left. */
  readonly selected: string | null;
  readonly problem: string | null;
}

/** A property at each of them, so that a search costs little and whoever answers has something. */
export async function propertiesOfBoth(ask: Ask, token: string): Promise<string[]> {
  const query =
    'query ($input: StaySearchInput!) { searchStays(input: $input) { offers { propertyId provider { slug } } } }';
  const found = new Map<string, string>();
  for (const countryCode of ['US', 'GB']) {
    const input = { ...STAY, destination: 'SEA', currencyCode: 'USD', countryCode };
    const { searchStays } = await ask(token, query, { input });
    const [offer] = searchStays.offers;
    found.set(offer.provider.slug, offer.propertyId);
  }
  if (found.size !== 2) throw new Error(`Only ${[...found.keys()].join()} answered.`);
  return [...found.values()];
}

const SEARCH = `query ($input: StaySearchInput!) { searchStays(input: $input) { incompleteReason offers { id }
  decision { selected { slug } } } }`;

export interface SearchersOptions {
  readonly url: string;
  readonly token: string;
  readonly random: Random;
  readonly propertyIds: readonly string[];
}

export class Searchers {
  readonly done: Searched[] = [];
  phase = 'before';
  /** Few at first: a process that has just started is slow, and would take that for its providers' fault. */
  perSecond = 5;
  readonly #about: SearchersOptions;
  readonly #underWay = new Set<Promise<void>>();
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(about: SearchersOptions) {
    this.#about = about;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await Promise.all(this.#underWay);
  }

  // By the clock, so that a slow answer does not make fewer searches.
  async #run(): Promise<void> {
    let last = performance.now();
    let due = 0;
    while (!this.#stopped) {
      const now = performance.now();
      due += ((now - last) / 1000) * this.perSecond;
      last = now;
      for (; due >= 1; due -= 1) {
        const one = this.#search(this.phase).finally(() => this.#underWay.delete(one));
        this.#underWay.add(one);
      }
      await pause(5);
    }
  }

  async #search(phase: string): Promise<void> {
    const startedAtMs = Date.now();
    const since = performance.now();
    const problem: { text: string | null } = { text: null };
    const found = await this.#ask().catch((error: unknown) => void (problem.text = String(error)));
    const ms = performance.now() - since;
    const isWhole = (found?.offers.length ?? 0) > 0;
    this.done.push({
      phase,
      startedAtMs,
      ms,
      answered: isWhole && ms <= DEADLINE_MS,
      selected: found?.decision.selected?.slug ?? null,
      problem: problem.text ?? found?.incompleteReason ?? null,
    });
  }

  async #ask(): Promise<any> {
    const { url, token, random, propertyIds } = this.#about;
    const start = random.between(30, 300);
    const input = {
      propertyIds,
      checkIn: day(start),
      checkOut: day(start + random.between(1, 5)),
      occupancies: [{ adults: 1, childAges: [] }],
      currencyCode: 'USD',
      countryCode: 'US',
      deadlineMs: DEADLINE_MS,
    };
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: SEARCH, variables: { input } }),
    });
    const { data, errors } = (await answer.json()) as { data: any; errors?: unknown };
    if (errors) throw new Error(JSON.stringify(errors));
    return data.searchStays;
  }
}

export interface HealthTold {
  readonly slug: string;
  readonly previousStatus: string;
  readonly status: string;
  readonly evidence: Readonly<Record<string, any>>;
  readonly occurredAtMs: number;
  /** From the change to whoever watches. */
  readonly tookMs: number;
}

const WATCH = `subscription { providerHealthChanged(vertical: LODGING) { occurredAt previousStatus status evidence provider { slug } } }`;

/** Everything a member of staff is told of providers' health. */
export class HealthWatcher {
  readonly told: HealthTold[] = [];
  readonly #client: Client;

  constructor(url: string, token: string) {
    const connectionParams = { authorization: `Bearer ${token}` };
    this.#client = createClient({ url, webSocketImpl: WebSocket, connectionParams });
    this.#client.subscribe<{ providerHealthChanged: any }>(
      { query: WATCH },
      {
        next: ({ data }) => {
          const { provider, occurredAt, ...event } = data!.providerHealthChanged;
          const occurredAtMs = Date.parse(occurredAt);
          this.told.push({ ...event, slug: provider.slug, occurredAtMs, tookMs: Date.now() - occurredAtMs });
        },
        error: () => undefined,
        complete: () => undefined,
      },
    );
  }

  /** The first such change since an instant; waits for it. */
  async next(slug: string, status: string, sinceMs: number): Promise<HealthTold> {
    for (let look = 0; look < 600; look += 1) {
      const found = this.told.find((one) => one.slug === slug && one.status === status && one.occurredAtMs >= sinceMs);
      if (found) return found;
      await pause(100);
    }
    throw new Error(`${slug} never became ${status}: ${JSON.stringify(this.told)}`);
  }

  /** Until all of these are in use, and have been for so long: a crowded machine makes the best of them seem ill at times. */
  async calm(slugs: readonly string[], ms: number): Promise<void> {
    for (let look = 0; look < 600; look += 1) {
      const last = slugs.map((slug) => this.told.findLast((one) => one.slug === slug));
      if (
        last.every(
          (one) => (one?.status === 'HEALTHY' || one?.status === 'DEGRADED') && Date.now() - one.occurredAtMs >= ms,
        )
      )
        return;
      await pause(100);
    }
    throw new Error(`They are out: ${JSON.stringify(this.told)}`);
  }

  async close(): Promise<void> {
    await this.#client.dispose();
  }
}
