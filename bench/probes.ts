import { encodeGlobalId } from '../src/global-id.ts';
import type { Contestant, TokenMaker } from './contestants.ts';
import { LIMITED_PER_MINUTE, orderId, SPECIAL } from './dataset.ts';
import { PORTOLAN } from './queries.ts';

/** Refusals that must be given while the same process is measured: speed that was bought with a check left out would show here. */
interface Probe {
  readonly name: string;
  readonly ask: (tokens: Tokens) => { token: string; body: unknown };
  readonly holds: (status: number, answer: Answer) => boolean;
}

interface Tokens {
  readonly other: string;
  readonly own: string;
  readonly limited: string;
}

interface Answer {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly extensions?: { readonly code?: string } }[];
}

const ORDER = 0;
const oneOrder = { query: PORTOLAN.q2, variables: { id: encodeGlobalId('Order', orderId(ORDER)) } };
const codeOf = (answer: Answer): string | undefined => answer.errors?.[0]?.extensions?.code;

const PROBES: readonly Probe[] = [
  {
    name: 'the right tenant gets its order',
    ask: ({ own }) => ({ token: own, body: oneOrder }),
    holds: (status, answer) => status === 200 && (answer.data?.['order'] ?? null) !== null && !answer.errors,
  },
  {
    name: 'another tenant does not',
    ask: ({ other }) => ({ token: other, body: oneOrder }),
    holds: (status, answer) => status === 200 && answer.data?.['order'] === null && !answer.errors,
  },
  {
    name: 'a token with one letter changed is refused',
    ask: ({ own }) => ({ token: withOneLetterChanged(own), body: oneOrder }),
    holds: (status, answer) => status === 401 && codeOf(answer) === 'UNAUTHENTICATED',
  },
  {
    name: 'what is too costly is refused',
    ask: ({ own }) => ({
      token: own,
      body: {
        query:
          '{ orders(first: 100) { nodes { payments { order { payments { order { payments { order { items { quantity } } } } } } } } } }',
      },
    }),
    holds: (_status, answer) => codeOf(answer) === 'QUERY_TOO_COSTLY' && !answer.data,
  },
];

const EVERY_MS = 250;

/** Asks the probes again and again while the work is done. @throws Error at the first that is not refused as it must be. */
export async function probeWhile<T>(
  contestant: Contestant,
  makeTokens: Pick<TokenMaker, 'ofOperator'>,
  work: () => Promise<T>,
): Promise<{ value: T; count: number }> {
  const tokens: Tokens = {
    own: await makeTokens.ofOperator(ORDER),
    other: await makeTokens.ofOperator(1),
    limited: await makeTokens.ofOperator(SPECIAL.limited),
  };
  let working = true;
  const done = work().finally(() => (working = false));
  // A fault of the probing must not leave the work behind unheard.
  done.catch(() => undefined);
  let count = await drainLimit(contestant, tokens.limited);
  while (working) {
    for (const probe of PROBES) {
      await check(contestant, probe, tokens);
      count += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  return { value: await done, count };
}

async function check(contestant: Contestant, probe: Probe, tokens: Tokens): Promise<void> {
  const { token, body } = probe.ask(tokens);
  const { status, answer } = await ask(contestant, token, body);
  if (!probe.holds(status, answer))
    throw new Error(
      `While under load, this did not hold: ${probe.name}. The answer was ${status}: ${JSON.stringify(answer).slice(0, 500)}`,
    );
}

/** More requests than a minute allows, and a few more in case the minute ended among them: the last must be refused. */
async function drainLimit(contestant: Contestant, token: string): Promise<number> {
  for (let sent = 1; sent <= 3 * LIMITED_PER_MINUTE; sent++) {
    const { status, answer } = await ask(contestant, token, { query: PORTOLAN.q3 });
    if (status === 429 && codeOf(answer) === 'RATE_LIMITED') return sent;
    if (status !== 200)
      throw new Error(`A request within the limit was answered with ${status}: ${JSON.stringify(answer)}`);
  }
  throw new Error(`${3 * LIMITED_PER_MINUTE} requests passed a limit of ${LIMITED_PER_MINUTE} a minute.`);
}

async function ask(contestant: Contestant, token: string, body: unknown): Promise<{ status: number; answer: Answer }> {
  const answer = await fetch(`${contestant.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return { status: answer.status, answer: (await answer.json()) as Answer };
}

/** In the middle of the signature, where every bit of a letter counts. */
function withOneLetterChanged(token: string): string {
  const at = token.length - 20;
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
}
