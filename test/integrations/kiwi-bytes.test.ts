import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { OutboundResponse, Outcome } from '../../src/integrations/contract.ts';
import type { FlightBookingClient } from '../../src/integrations/travel.ts';
import { TRAVELLER, bookInput, connectionTo, kiwiClient, kiwiQuery } from '../helpers/kiwi.ts';
import { CHECK_SAMPLE, NOW, OFFER_TOKEN, SAVE_SAMPLE, SEARCH_SAMPLE, checkedSample } from './kiwi-samples.ts';

const CALL = { timeoutMs: 5_000 };
const connection = connectionTo('https://api.tequila.kiwi.com');

const answering = (answer: Partial<OutboundResponse>): FlightBookingClient =>
  kiwiClient(async () => ({ status: 200, headers: {}, body: '', ...answer }));

describe('whatever bytes come', () => {
  const samples = [
    SEARCH_SAMPLE,
    CHECK_SAMPLE,
    SAVE_SAMPLE,
    { status: 0 },
    { status: 'error', msg: 'x' },
    { locations: [] },
  ];
  const bodies = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.constantFrom(...samples).chain((sample) => {
      const text = JSON.stringify(sample);
      const at = fc.nat({ max: text.length });
      return fc
        .tuple(at, at, fc.string({ maxLength: 5 }))
        .map(([from, to, put]) => text.slice(0, from) + put + text.slice(to));
    }),
    fc
      .constantFrom(...samples)
      .chain((sample) =>
        fc
          .tuple(fc.constantFrom(...Object.keys(sample)), fc.jsonValue())
          .map(([key, value]) => JSON.stringify({ ...sample, [key]: value })),
      ),
  );
  const statuses = fc.constantFrom(200, 200, 200, 201, 204, 302, 400, 401, 404, 422, 429, 500, 503);

  test('no method throws, and nothing unclear is called done', async () => {
    const bookable = await checkedSample();
    const ids = { providerReference: '257967413', keys: { transactionId: 'sandbox_257967413', sandbox: true } };
    await fc.assert(
      fc.asyncProperty(bodies, statuses, async (body, status) => {
        const one = answering({ status, body });
        const calls: Promise<Outcome<unknown>>[] = [
          one.probe(connection, CALL),
          one.searchFlights(connection, kiwiQuery(), CALL),
          one.check(connection, OFFER_TOKEN, TRAVELLER, { timeoutMs: 20 }),
          one.book(connection, bookInput(bookable), CALL),
          one.book(connection, bookInput(bookable, { hold: false }), CALL),
          one.confirm(
            connection,
            { reference: 'PTL-1', contactEmail: 'a@example.com', ids, attemptedAt: NOW, traveller: TRAVELLER },
            CALL,
          ),
        ];
        const outcomes = await Promise.all(calls);
        for (const outcome of outcomes) expect(['done', 'notDone', 'unknown']).toContain(outcome.kind);
        const [, , , saved] = outcomes as Outcome<{ readonly state: string }>[];
        // Only the price that was agreed to is held.
        if (saved?.kind === 'done' && saved.value.state === 'HELD')
          expect(JSON.parse(body)).toMatchObject({ total: 91.47 });
        // Only a number nobody can mistake is a payment.
        const paid = outcomes.at(-1);
        if (paid?.kind === 'done')
          expect(JSON.parse(body)).toMatchObject({ status: expect.toSatisfy((value) => String(value) === '0') });
      }),
      { numRuns: 400 },
    );
  });

  test('nests as deep as it will', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const combination = { ...CHECK_SAMPLE.baggage.combinations.hold_bag[0], deep: 0 };
    const baggage = { combinations: { ...CHECK_SAMPLE.baggage.combinations, hold_bag: [combination] } };
    const nested = JSON.stringify({ ...CHECK_SAMPLE, baggage }).replace(
      '"deep":0',
      `"deep":${'['.repeat(3_000)}${']'.repeat(3_000)}`,
    );
    for (const body of [deep, nested, nested.replace(/\[{1000}/, '[').replace(/\]{1000}/, ']')]) {
      const outcome = await answering({ body }).check(connection, OFFER_TOKEN, TRAVELLER, CALL);
      expect(outcome).toMatchObject({ kind: 'notDone' });
      expect(await answering({ body }).searchFlights(connection, kiwiQuery(), CALL)).toMatchObject({ kind: 'notDone' });
    }
  });
});
