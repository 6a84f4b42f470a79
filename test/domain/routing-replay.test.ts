import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { EMPTY_REPLAY, replay, type RecordedDecision } from '../../src/domain/routing-replay.ts';
import { compileSnapshot } from '../../src/domain/routing-snapshot.ts';
import { CONTEXT, slot, snapshot } from '../helpers/routing.ts';

const recorded = (index: number, facts: Partial<RecordedDecision> = {}): RecordedDecision => ({
  id: `d${index}`,
  context: { ...CONTEXT, requestKey: `key ${index}`, countryCode: index % 10 === 0 ? 'SA' : 'EG' },
  selected: 'a',
  ...facts,
});
const records = (count: number) => Array.from({ length: count }, (_, index) => recorded(index));
const compiled = (...slots: Parameters<typeof snapshot>[0]) => compileSnapshot(snapshot(slots));

const before = compiled(slot('a'), slot('b', { priority: 20 }));
const toB = compiled(slot('a', { rules: { countryDeny: ['SA'] } }), slot('b', { priority: 20 }));

describe('a replay of recorded decisions', () => {
  test('says how many would move, from whom to whom, with samples', () => {
    const result = replay(EMPTY_REPLAY, records(100), { before, after: toB, samplesMax: 3 });
    expect(result).toEqual({
      decided: 100,
      moved: 10,
      unlikeRecorded: 0,
      moves: [{ from: 'a', to: 'b', count: 10 }],
      samples: [0, 10, 20].map((index) => ({ decisionId: `d${index}`, from: 'a', to: 'b' })),
    });
  });

  test('counts moves to nobody and from nobody, most frequent first', () => {
    const closed = compiled(slot('a', { rules: { countryAllow: ['SA'] } }));
    const opened = compiled(slot('b', { rules: { countryAllow: ['EG'] } }));
    expect(replay(EMPTY_REPLAY, records(50), { before: closed, after: opened, samplesMax: 0 })).toMatchObject({
      moved: 50,
      moves: [
        { from: null, to: 'b', count: 45 },
        { from: 'a', to: null, count: 5 },
      ],
      samples: [],
    });
  });

  test('another slot of the same provider is no move', () => {
    const renamed = compiled(slot('x', { providerSlug: 'a' }));
    expect(replay(EMPTY_REPLAY, records(20), { before, after: renamed, samplesMax: 5 }).moved).toBe(0);
  });

  test('says how many are decided otherwise today than was recorded, whatever would move', () => {
    const page = [recorded(1), recorded(2, { selected: 'b' }), recorded(3, { selected: null })];
    expect(replay(EMPTY_REPLAY, page, { before, after: before, samplesMax: 5 })).toMatchObject({
      decided: 3,
      moved: 0,
      unlikeRecorded: 2,
    });
  });

  test('a rare move has its sample, though a frequent one filled the room first', () => {
    const rare = compiled(
      slot('a', { rules: { countryAllow: ['SA'], trafficShare: 100 } }),
      slot('b', { priority: 20 }),
      slot('c', { priority: 1, rules: { countryAllow: ['AE'] } }),
    );
    const page = [...records(30), recorded(31, { context: { ...CONTEXT, countryCode: 'AE' } })];
    const { samples, moves } = replay(EMPTY_REPLAY, page, { before, after: rare, samplesMax: 4 });
    expect(moves.map(({ to }) => to)).toEqual(['b', 'c']);
    expect(samples.map(({ to }) => to)).toEqual(['b', 'b', 'b', 'c']);
  });

  test('gives the same however the decisions are cut into pages, and holds no more than pairs and samples', () => {
    const shared = compiled(
      ...['a', 'b', 'c', 'd'].map((id) => slot(id, { rules: { trafficShare: 25 } })),
      slot('e', { priority: 20 }),
    );
    const all = records(300);
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 10 }), fc.nat(6), (cuts, samplesMax) => {
        const by = { before, after: shared, samplesMax };
        const edges = [0, ...cuts.toSorted((one, other) => one - other), 300];
        const paged = edges
          .slice(1)
          .reduce((known, end, index) => replay(known, all.slice(edges[index], end), by), EMPTY_REPLAY);
        expect(paged).toEqual(replay(EMPTY_REPLAY, all, by));
        expect(paged.samples.length).toBeLessThanOrEqual(samplesMax);
        expect(paged.moves.length).toBeLessThanOrEqual(25);
        expect(paged.moves.reduce((sum, { count }) => sum + count, 0)).toBe(paged.moved);
      }),
      { numRuns: 30 },
    );
  });
});
