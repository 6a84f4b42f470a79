import http from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';

/** A collector over a real socket: what an OpenTelemetry endpoint would receive. */
const received: { path: string; body: string }[] = [];
const collector = http.createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    received.push({ path: request.url ?? '', body: Buffer.concat(chunks).toString('utf8') });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});
let world: TestApp;
beforeAll(async () => {
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  world = await startTestApp({
    worker: false,
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
  });
});
afterAll(async () => {
  await world.stop();
  collector.close();
});

test('with an endpoint configured every request is a span there, and no credential is in it', async () => {
  await world.ask({ key: world.facts.portalKey }, '{ viewer { kind } }');
  const spans = await eventually(
    () =>
      received
        .filter(({ path }) => path === '/v1/traces')
        .map(({ body }) => body)
        .join(''),
    (text) => text.includes('"request"'),
  );
  expect(spans).toContain('requestId');
  expect(spans).toContain('portolan-all');
  expect(spans).not.toContain(world.facts.portalKey);
});
