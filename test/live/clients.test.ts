import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';

import { startTestApp, type TestApp } from '../helpers/app.ts';

/** Stock clients, unchanged and with their defaults, against the running product. */
let world: TestApp;
let operator: string;
let customerId: string;
beforeAll(async () => {
  world = await startTestApp();
  operator = (await world.session('operator')).accessToken;
  customerId = (await world.session('customer')).userId;
});
afterAll(() => world.stop());

const WATCH =
  'subscription ($orderId: ID) { orderStatusChanged(orderId: $orderId) { cursor previousStatus status order { number } } }';

async function draft(): Promise<string> {
  const { createOrder } = await world.data(
    { token: operator },
    'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }',
    {
      input: {
        type: 'MANUAL_INVOICE',
        customerId,
        items: [{ description: [{ locale: 'en', text: 'Tea' }], quantity: 1, unitPrice: '10.00' }],
      },
    },
  );
  return createOrder.order.id;
}

const issue = (orderId: string) =>
  world.data(
    { token: operator },
    'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { status } } }',
    { input: { orderId } },
  );

/** A place from which nothing of what the test does is missed. */
async function cursorNow(): Promise<string> {
  const answer = await world.ask({ token: operator }, '{ orders(first: 1) { nodes { id } } }');
  return answer.extensions!['cursor'] as string;
}

test('graphql-ws receives an event, and with the cursor of a query nothing between query and subscription is missed', async () => {
  const orderId = await draft();
  const after = await cursorNow();
  await issue(orderId);
  const client = createWsClient({
    url: world.wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${operator}` },
  });
  const events = client.iterate({
    query: WATCH.replace('($orderId: ID)', '($orderId: ID, $after: EventCursor)').replace(
      'orderId: $orderId)',
      'orderId: $orderId, after: $after)',
    ),
    variables: { orderId, after },
  });
  const { value } = await events.next();
  expect(value?.data?.['orderStatusChanged']).toMatchObject({ previousStatus: 'DRAFT', status: 'ISSUED' });
  await events.return?.();
  await client.dispose();
});

test('graphql-sse receives an event over server-sent events', async () => {
  const orderId = await draft();
  const after = await cursorNow();
  await issue(orderId);
  const client = createSseClient({ url: world.url, headers: { authorization: `Bearer ${operator}` } });
  const events = client.iterate({
    query:
      'subscription ($orderId: ID, $after: EventCursor) { orderStatusChanged(orderId: $orderId, after: $after) { status } }',
    variables: { orderId, after },
  });
  const { value } = await events.next();
  expect(value?.data).toEqual({ orderStatusChanged: { status: 'ISSUED' } });
  await events.return?.();
  client.dispose();
});

test('Apollo Client queries, mutates and subscribes', async () => {
  const headers = { authorization: `Bearer ${operator}` };
  const client = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: world.url, headers }) });
  const orderId = await draft();
  const read = await client.query({
    query: gql`
      query ($id: ID!) {
        order(id: $id) {
          id
          status
          customer {
            id
            email
          }
        }
      }
    `,
    variables: { id: orderId },
  });
  expect(read.data).toMatchObject({ order: { id: orderId, status: 'DRAFT', customer: { id: customerId } } });

  const socket = createWsClient({ url: world.wsUrl, webSocketImpl: WebSocket, connectionParams: headers, lazy: false });
  const watching = new ApolloClient({ cache: new InMemoryCache(), link: new GraphQLWsLink(socket) });
  const after = await cursorNow();
  const event = new Promise<unknown>((resolve, reject) => {
    watching
      .subscribe({
        query: gql`
          subscription ($orderId: ID, $after: EventCursor) {
            orderStatusChanged(orderId: $orderId, after: $after) {
              status
              order {
                id
                status
              }
            }
          }
        `,
        variables: { orderId, after },
      })
      .subscribe({ next: ({ data }) => resolve(data), error: reject });
  });
  const done = await client.mutate({
    mutation: gql`
      mutation ($input: IssueOrderInput!) {
        issueOrder(input: $input) {
          order {
            id
            status
          }
          userErrors {
            code
          }
        }
      }
    `,
    variables: { input: { orderId } },
  });
  expect(done.data).toMatchObject({ issueOrder: { order: { status: 'ISSUED' }, userErrors: [] } });
  expect(await event).toMatchObject({ orderStatusChanged: { status: 'ISSUED', order: { id: orderId } } });
  client.stop();
  watching.stop();
  await socket.dispose();
});
