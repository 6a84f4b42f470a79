import { stringifyDocument, type TypedDocumentNode } from 'urql';

import { ENDPOINT, KEY } from '../environment.ts';

/** One operation by plain fetch, without urql and without a token: what the session is opened and ended with. @throws TypeError without a network */
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
  if (!data) throw new Error(errors?.[0]?.message ?? `The graph answered ${answer.status}.`);
  return data;
}
