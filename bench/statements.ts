import { encodeGlobalId } from '../src/global-id.ts';
import { METRICS_TOKEN, startPortolan, type Contestant, type TokenMaker } from './contestants.ts';
import type { BenchDatabase } from './database.ts';
import { ITEM_COUNTS, sizedOrderId, SPECIAL } from './dataset.ts';
import { PORTOLAN, type QueryName } from './queries.ts';

/** Statements of a query by the number of rows it gives, as the process's own metric counts them. */
export type StatementCounts = Readonly<Record<QueryName, Readonly<Record<(typeof ITEM_COUNTS)[number], number>>>>;

const WARM_RUNS = 5;
const TRIES = 3;

export async function countStatements(database: BenchDatabase, tokens: TokenMaker): Promise<StatementCounts> {
  const portolan = await startPortolan(database, { name: 'statements' });
  const token = await tokens.ofOperator(SPECIAL.sized);
  // Pages of paid orders, which have all that is asked for.
  const page = await tokens.ofOperator(0);
  const count = (body: unknown, by = token) => statementsOf(portolan, { authorization: `Bearer ${by}` }, body);
  try {
    const counts: Record<string, Record<number, number>> = { q1: {}, q2: {}, q3: {} };
    for (const rows of ITEM_COUNTS) {
      counts['q1']![rows] = await count({ query: PORTOLAN.q1, variables: { first: rows } }, page);
      counts['q2']![rows] = await count({
        query: PORTOLAN.q2,
        variables: { id: encodeGlobalId('Order', sizedOrderId(rows)) },
      });
      counts['q3']![rows] = await count({ query: PORTOLAN.q3 });
    }
    return counts as unknown as StatementCounts;
  } finally {
    await portolan.stop();
  }
}

/** The least of a few runs: now and then a request also refills its budget. */
export async function statementsOf(
  portolan: Contestant,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): Promise<number> {
  const ask = async (): Promise<void> => {
    const answer = await fetch(`${portolan.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.status !== 200 || text.includes('"errors"'))
      throw new Error(`A query that is counted failed: ${text.slice(0, 500)}`);
  };
  for (let run = 0; run < WARM_RUNS; run++) await ask();
  const counts: number[] = [];
  for (let run = 0; run < TRIES; run++) {
    const before = await readMetric(portolan, 'db_statements_total');
    await ask();
    counts.push((await readMetric(portolan, 'db_statements_total')) - before);
  }
  return Math.min(...counts);
}

async function readMetric(portolan: Contestant, name: string): Promise<number> {
  const answer = await fetch(`${portolan.url}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
  const line = (await answer.text()).split('\n').find((text) => text.startsWith(`${name} `));
  if (!line) throw new Error(`The metrics have no ${name}.`);
  return Number(line.slice(name.length));
}
