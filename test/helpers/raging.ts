import type { Child } from '../live/storm/children.ts';
import { pause, type Random } from '../live/storm/random.ts';

/** Several processes of ours on one database, killed at random while somebody works with them. */

type Query = <T = any>(text: string, values?: readonly unknown[]) => Promise<T[]>;

/** How to ask whichever process is up: again with the same key until somebody gives an answer. */
export type Ask = (token: string, query: string, variables: Record<string, unknown>) => Promise<any>;

const TRIES = 400;

/**
 * Asks one process, then another, until there is an answer that is not about the processes' own trouble.
 * @param passing codes of user errors that are such trouble
 */
export function askingAny(
  ports: readonly number[],
  random: Random,
  passing: ReadonlySet<string>,
  tries: number = TRIES,
): Ask {
  const isPassing = (data: Record<string, { userErrors?: { code: string }[] } | null>): boolean =>
    Object.values(data ?? {}).some((payload) => payload?.userErrors?.some(({ code }) => passing.has(code)));
  return async (token, query, { key, ...variables }) => {
    let last: unknown;
    for (let attempt = 0; attempt < tries; attempt += 1) {
      try {
        const answer = await fetch(`http://127.0.0.1:${random.pick(ports)}/graphql`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...(token ? { authorization: `Bearer ${token}` } : { 'x-api-key': key as string }),
          },
          body: JSON.stringify({ query, variables }),
        });
        const { data, errors } = (await answer.json()) as { data: any; errors?: { extensions: { code: string } }[] };
        if (!errors && !isPassing(data)) return data;
        last = errors ?? data;
        if (errors?.some(({ extensions }) => extensions.code === 'INVALID_INPUT')) break;
      } catch (error) {
        last = error;
      }
      await pause(random.between(50, 250));
    }
    throw new Error(`Nobody answered: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
  };
}

export interface Kills {
  process: number;
  backend: number;
}

export interface Victims {
  readonly children: readonly Child[];
  readonly ports: readonly number[];
  readonly owner: Query;
  readonly random: Random;
}

const KILL_EVERY_MS = 1_500;

/** Kills a process or some connections to the database, again and again, until the work is done. The work may see how often. */
export async function killingWhile(
  { children, ports, owner, random }: Victims,
  work: (kills: Readonly<Kills>) => Promise<void>,
): Promise<Readonly<Kills>> {
  const kills: Kills = { process: 0, backend: 0 };
  let raging = true;
  const killer = (async () => {
    while (raging) {
      await pause(random.between(KILL_EVERY_MS / 2, KILL_EVERY_MS * 1.5));
      // On a crowded machine starting takes long: whoever is left must be able to answer, or nothing is tested but starting.
      if (!(await areReady(ports))) continue;
      // A process first: it is what a short run is for.
      if (kills.process === 0 || random.chance(0.5)) {
        random.pick(children).kill();
        kills.process += 1;
        continue;
      }
      const ended = await owner(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'portolan%'
           and random() < 0.3`,
      );
      kills.backend += ended.length;
    }
  })();
  try {
    await work(kills);
  } finally {
    raging = false;
    await killer;
  }
  return kills;
}

async function areReady(ports: readonly number[]): Promise<boolean> {
  const answers = await Promise.all(
    ports.map((port) =>
      fetch(`http://127.0.0.1:${port}/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    ),
  );
  return answers.every(Boolean);
}

/** Until both are there again after the last kill. */
export async function untilReady(ports: readonly number[]): Promise<void> {
  while (!(await areReady(ports))) await pause(250);
}
