import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { GatewayConnection, PaymentGatewayClient } from '../../src/integrations/contract.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import { PAYMENT_GATEWAYS, createIntegrations } from '../../src/integrations/registry.ts';
import { startSimulators, type FaultRule, type Simulators } from '../helpers/simulators.ts';
import { CONFORMANCE, UNDER_FAULT, type Conformance, type Operation } from './conformance.ts';

const PATIENT = { timeoutMs: 5_000 };
/**
 * Long enough for a loaded machine to connect, short enough to wait for a call that hangs: the test's own time-
 * out is the proof.
 */
const BOUNDED = { timeoutMs: 800 };

const outbound = createOutbound();
let simulators: Simulators;

beforeAll(async () => void (simulators = await startSimulators()));
afterAll(async () => {
  await simulators.stop();
  outbound.close();
});

/** Fresh circuits and rate limits for every case. */
function clientOf(slug: (typeof PAYMENT_GATEWAYS)[number]['slug']): PaymentGatewayClient {
  return createIntegrations({
    send: outbound.send,
    clock: { now: () => new Date() },
    random: () => 0.5,
    limits: { retryBaseMs: 1 },
  }).gateway(slug);
}

describe.each(PAYMENT_GATEWAYS.map((description) => [description.slug, description] as const))(
  '%s',
  (slug, description) => {
    const conformance = CONFORMANCE[slug]!;
    const connect = (credentials: Readonly<Record<string, string>> = conformance.credentials): GatewayConnection => ({
      baseUrl: `${simulators.url}${description.simulatorPath}`,
      testMode: true,
      credentials,
    });
    const misbehave = (rules: FaultRule[], seed?: string): Promise<void> =>
      simulators.scenario({ integration: slug, account: 'conformance', rules, ...(seed !== undefined && { seed }) });

    const prepare = async (operation: Operation): Promise<string> => {
      const world = { client: clientOf(slug), connection: connect(), simulators };
      return (await operation.prepare?.(world)) ?? '';
    };

    beforeEach(async () => {
      await conformance.register(simulators);
      await misbehave([]);
    });

    describe.each(conformance.operations.map((operation) => [operation.name, operation] as const))(
      '%s',
      (_name, operation) => {
        test.each(UNDER_FAULT)(
          'under %s %j ends as it must, in time, without naming a secret',
          async (fault, facts, reading, acting) => {
            const about = await prepare(operation);
            await misbehave([{ operation: operation.vendorName, fault, ...facts }]);
            const call = fault === 'hang' || fault === 'hangAfter' ? BOUNDED : PATIENT;
            const outcome = await operation.run(clientOf(slug), connect(), call, about);
            const ended = outcome.kind === 'notDone' ? outcome.reason : outcome.kind;
            expect(ended).toBe(operation.effect ? acting : reading);
            if (ended === 'rateLimited') expect(outcome).toHaveProperty('retryAt', expect.any(Date));
            for (const secret of Object.values(conformance.credentials))
              expect(inspect(outcome, { depth: null })).not.toContain(secret);
          },
        );

        test('is notDone when nobody listens', async () => {
          const nowhere = { ...connect(), baseUrl: 'http://127.0.0.1:9' };
          const outcome = await operation.run(clientOf(slug), nowhere, PATIENT, await prepare(operation));
          expect(outcome).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
        });

        test('is misconfigured with a credential the vendor does not know, and with none', async () => {
          const about = await prepare(operation);
          for (const credentials of [conformance.wrongCredentials, {}]) {
            expect(await operation.run(clientOf(slug), connect(credentials), PATIENT, about)).toMatchObject({
              kind: 'notDone',
              reason: 'misconfigured',
            });
          }
        });
      },
    );

    test('a reading operation outlives a fault that passes', async () => {
      const reading = conformance.operations.find((operation) => !operation.effect)!;
      const about = await prepare(reading);
      await misbehave([{ operation: reading.vendorName, fault: 'resetBefore', nth: 1 }]);
      expect(await reading.run(clientOf(slug), connect(), PATIENT, about)).toMatchObject({ kind: 'done' });
    });

    test('a lost answer is unknown exactly once: nothing is sent again', async () => {
      await misbehave([], 'lost answer');
      const acting = conformance.operations.filter((one) => one.effect);
      for (const operation of acting) {
        const about = await prepare(operation);
        await misbehave([{ operation: operation.vendorName, fault: 'resetAfter' }]);
        expect(await operation.run(clientOf(slug), connect(), PATIENT, about)).toMatchObject({ kind: 'unknown' });
        await misbehave([]);
      }
      expect(await conformance.effectsInBooks(simulators)).toBe(acting.length);
    });

    test('declares the credentials and secret fields its client uses', () => {
      const client = clientOf(slug);
      expect(client.slug).toBe(slug);
      expect(client.credentialNames).toEqual(description.credentialNames);
      expect(client.secretBodyFields).toEqual(description.secretBodyFields);
      expect(client.initiateRecovery).toBe(description.initiateRecovery);
      expect(description.credentialNames).toEqual(expect.arrayContaining([...description.requiredCredentialNames]));
    });

    test("the live and test addresses are encrypted and never the simulator's", () => {
      for (const url of Object.values(description.baseUrls)) expect(URL.parse(url)?.protocol).toBe('https:');
    });

    test.each(['{}', '', '[]', 'null', '\u0000', '{"hashKey":"x"}', 'x'.repeat(200_000)])(
      'an alien webhook is read without throwing',
      (body) => {
        const reading = clientOf(slug).readWebhook(connect(), {
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(body),
        });
        expect(reading.verdict).not.toBe('OK');
      },
    );

    test('the same seed and the same calls get the same bytes, in another process too', async () => {
      const runs: string[][] = [];
      for (const child of [false, true]) {
        const fresh = await startSimulators({ child, baseUrl: 'http://localhost:4001' });
        onTestFinished(() => fresh.stop());
        await conformance.register(fresh);
        for (const _repeat of [1, 2]) {
          await fresh.scenario({
            integration: slug,
            account: 'conformance',
            seed: '42',
            rules: [{ operation: '*', fault: 'status5xx', probability: 0.3 }],
          });
          runs.push(await rawAnswers(`${fresh.url}${description.simulatorPath}`, conformance));
        }
        await fresh.scenario({ integration: slug, account: 'conformance', seed: '43' });
        expect(await rawAnswers(`${fresh.url}${description.simulatorPath}`, conformance)).not.toEqual(runs[0]);
      }
      expect(runs).toHaveLength(4);
      for (const run of runs) expect(run).toEqual(runs[0]);
      expect(runs[0]?.join()).toContain('500 ');
    });

    test('its simulator keeps its books and its unsent webhooks over a SIGKILL', async () => {
      const receiver = await startReceiver();
      await receiver.close();
      const first = await startSimulators({ child: true });
      onTestFinished(() => first.stop());
      await conformance.register(first, receiver.url);
      const connection = { ...connect(), baseUrl: `${first.url}${description.simulatorPath}` };
      const input = { ...conformance.input, webhookUrl: receiver.url };
      const started = await clientOf(slug).initiate(connection, input, PATIENT);
      if (started.kind !== 'done') throw new Error('not started');
      await first.act(await conformance.openPage(first, started.value), 'pay');
      await first.kill();

      const again = await startReceiver(receiver.port);
      onTestFinished(() => again.close());
      const second = await startSimulators({ child: true, directory: first.directory });
      onTestFinished(() => second.stop());
      const found = await clientOf(slug).lookUp(
        { ...connection, baseUrl: `${second.url}${description.simulatorPath}` },
        started.value.gatewayReference,
        PATIENT,
      );
      expect(found).toMatchObject({
        kind: 'done',
        value: { status: 'PAID', gatewayReference: started.value.gatewayReference },
      });
      const delivery = await again.next();
      expect(clientOf(slug).readWebhook(connection, delivery)).toMatchObject({
        verdict: 'OK',
        claim: { gatewayReference: started.value.gatewayReference },
      });
    });

    test('a webhook is sent again after a receiver that was down or refused it, and no more once it was taken', async () => {
      const answers = [500, 503, 200];
      const receiver = await startReceiver(0, () => answers.shift() ?? 200);
      onTestFinished(() => receiver.close());
      await conformance.register(simulators, receiver.url);
      const input = { ...conformance.input, webhookUrl: receiver.url };
      const started = await clientOf(slug).initiate(connect(), input, PATIENT);
      if (started.kind !== 'done') throw new Error('not started');
      await simulators.act(await conformance.openPage(simulators, started.value), 'pay');
      const about = started.value.gatewayReference;
      const mine = async () =>
        (await simulators.bookOf(slug, 'conformance')).deliveries.find((one) => one.about === about);
      await expect.poll(mine, { interval: 10 }).toMatchObject({ state: 'delivered', tries: 3, lastStatus: 200 });
      expect(receiver.count()).toBe(3);
    });
  },
);

async function rawAnswers(baseUrl: string, conformance: Conformance): Promise<string[]> {
  const answers: string[] = [];
  for (const { method, path, headers, body } of conformance.rawCalls) {
    const sent = { method, headers: { ...headers }, redirect: 'manual' as const, ...(body !== undefined && { body }) };
    const answer = await fetch(`${baseUrl}${path}`, sent);
    // Date and connection belong to the transport; everything the vendor says counts.
    const said = [...answer.headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name));
    answers.push(`${answer.status} ${JSON.stringify(said)} ${await answer.text()}`);
  }
  return answers;
}

async function startReceiver(port = 0, status: () => number = () => 200) {
  const received: { headers: Record<string, string>; body: Uint8Array; sourceAddress: string }[] = [];
  const server = http.createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      received.push({
        headers: incoming.headers as Record<string, string>,
        body: Buffer.concat(chunks),
        sourceAddress: incoming.socket.remoteAddress ?? '',
      });
      response.writeHead(status()).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const listening = (server.address() as AddressInfo).port;
  return {
    port: listening,
    url: `http://127.0.0.1:${listening}/hook?_json`,
    count: () => received.length,
    next: async () => {
      await expect.poll(() => received.length, { interval: 10 }).toBeGreaterThan(0);
      return received[0]!;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
