import { CombinedError, stringifyDocument, type TypedDocumentNode } from 'urql';

import { ENDPOINT, KEY } from '../environment.ts';

/**
 * One operation by plain fetch, without urql and without a token: what a session is refreshed and ended with.
 * @throws CombinedError for a refusal, such as RATE_LIMITED; TypeError where nobody was reached
 */
export async function post<Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const answer = await fetch(ENDPOINT, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': KEY },
    body: JSON.stringify({ query: stringifyDocument(document), variables }),
  });
  const { data, errors } = (await answer.json()) as { data?: Data; errors?: { message: string }[] };
  if (!data) throw new CombinedError({ graphQLErrors: errors ?? [], response: answer });
  return data;
}
