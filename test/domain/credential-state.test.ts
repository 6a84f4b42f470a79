import { describe, expect, test } from 'vitest';

import {
  dueAtOf,
  dueBefore,
  graceEnd,
  listCredentials,
  type StoredVersion,
} from '../../src/domain/credential-state.ts';

const now = new Date('2026-11-01T12:00:00Z');
const DAY_MS = 86_400_000;
const after = (ms: number) => new Date(now.getTime() + ms);
const version = (name: string, number: number, more: Partial<StoredVersion> = {}): StoredVersion => ({
  name,
  version: number,
  lastFour: 'wxyz',
  createdAt: new Date('2026-10-01T00:00:00Z'),
  graceUntil: null,
  problem: null,
  ...more,
});
const short = (stored: StoredVersion[], required: string[] = []) =>
  listCredentials(stored, required, now).map((shown) => `${shown.name} ${shown.version} ${shown.state}`);

describe('the list of credentials', () => {
  test('has the newest of each name, by name, and what is required and not there', () => {
    expect(short([version('B', 2), version('B', 1), version('A', 1)], ['C', 'A'])).toEqual([
      'A 1 ACTIVE',
      'B 2 ACTIVE',
      'C 0 MISSING',
    ]);
  });

  test('has an older version to the last moment of its grace, and not at its end', () => {
    const older = (graceUntil: Date) => [version('A', 2), version('A', 1, { graceUntil })];
    expect(short(older(after(1)))).toEqual(['A 2 ACTIVE', 'A 1 GRACE']);
    expect(short(older(now))).toEqual(['A 2 ACTIVE']);
  });

  test('calls what does not open by that name, also in its grace, and keeps what to do', () => {
    const problem = 'Enter it again.';
    const [newest, older] = listCredentials(
      [version('A', 2, { problem }), version('A', 1, { problem, graceUntil: after(1) })],
      [],
      now,
    );
    expect([newest, older].map((shown) => [shown!.state, shown!.problem])).toEqual([
      ['DECRYPTION_FAILED', problem],
      ['DECRYPTION_FAILED', problem],
    ]);
  });

  test('says of the newest only when it is due', () => {
    const [newest, older, missing] = listCredentials(
      [version('A', 2), version('A', 1, { graceUntil: after(1) })],
      ['B'],
      now,
    );
    expect(newest).toMatchObject({ dueAt: new Date('2026-12-30T00:00:00Z'), graceUntil: null });
    expect(older).toMatchObject({ dueAt: null, graceUntil: after(1) });
    expect(missing).toMatchObject({ dueAt: null, lastRotatedAt: null, version: 0 });
  });
});

test('due now is what was made 90 days ago or earlier, in either way of asking', () => {
  const made = new Date(now.getTime() - 90 * DAY_MS);
  expect(dueAtOf(made)).toEqual(now);
  expect(dueBefore(now)).toEqual(made);
  expect(dueBefore(now, 30)).toEqual(new Date(made.getTime() + 30 * DAY_MS));
});

test('a grace of no hours is over at once', () => {
  expect(graceEnd(now, 0)).toEqual(now);
  expect(graceEnd(now, 24)).toEqual(after(DAY_MS));
});
