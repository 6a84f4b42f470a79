import { cacheExchange, Client, fetchExchange } from 'urql';

import { ENDPOINT, KEY } from '../environment.ts';
import { accessToken } from './session.ts';

/** urql for questions and deeds. What happens live comes by a socket of our own (live.ts), because urql's knows no cursors. */
export const client = new Client({
  url: ENDPOINT,
  exchanges: [cacheExchange, fetchExchange],
  // What is asked stays out of addresses, and so out of everybody's logs.
  preferGetMethod: false,
  fetch: askWithToken,
});

async function askWithToken(address: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const token = await accessToken();
  const answer = await ask(token);
  if (answer.status !== 401 || token === null) return answer;
  // It ended before its time: by another clock, or because the session did.
  const next = await accessToken(token);
  return next === null ? answer : ask(next);

  function ask(bearer: string | null): Promise<Response> {
    const headers = new Headers(init?.headers);
    headers.set('x-api-key', KEY);
    if (bearer !== null) headers.set('authorization', `Bearer ${bearer}`);
    return fetch(address, { ...init, headers });
  }
}
