import type { ContestantName, TokenMaker } from './contestants.ts';
import { askPortolan, askPostgraphile, askRaw, questionsOf, wireText, type Asking, type QueryName } from './queries.ts';

/** The requests of one query to one contestant, whole. */
export async function requestsOf(name: ContestantName, query: QueryName, tokens: TokenMaker): Promise<string[]> {
  return (await askingsOf(name, query, tokens)).map(wireText);
}

export async function askingsOf(name: ContestantName, query: QueryName, tokens: TokenMaker): Promise<Asking[]> {
  const questions = questionsOf(query);
  if (name === 'raw') return questions.map((question) => askRaw(query, question));
  if (name === 'postgraphile') return questions.map((question) => askPostgraphile(query, question));
  const byTenant = new Map<number, string>();
  for (const { tenant } of questions) if (!byTenant.has(tenant)) byTenant.set(tenant, await tokens.ofOperator(tenant));
  return questions.map((question) => askPortolan(query, question, byTenant.get(question.tenant)!));
}
