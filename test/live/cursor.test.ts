import { randomUUID } from 'node:crypto';

import { expect, test } from 'vitest';

import { decodeCursor, encodeCursor } from '../../src/cursor.ts';
import { cursorKey as key } from './world.ts';

const stream = { tenantId: randomUUID(), epoch: randomUUID() };
const head = { position: 1n << 60n, platformPosition: 1000n };

test('a cursor says the place it was made of', () => {
  for (const position of [0n, 1n, 127n, 128n, 16_384n, 123_456_789_012n, 1n << 60n]) {
    const place = { position, platformPosition: position % 1000n };
    expect(decodeCursor(key, encodeCursor(key, stream, place), stream, head)).toEqual(place);
  }
});

test('a cursor is short and fit for a URL', () => {
  expect(encodeCursor(key, stream, { position: 1_000_000n, platformPosition: 1000n })).toMatch(/^[\w-]{20,30}$/);
});

test.each([
  ['another tenant', { ...stream, tenantId: randomUUID() }],
  ['another life of the database', { ...stream, epoch: randomUUID() }],
])('a cursor of %s is CURSOR_INVALID', (_name, other) => {
  const text = encodeCursor(key, other, { position: 5n, platformPosition: 0n });
  expect(() => decodeCursor(key, text, stream, head)).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }));
});

test('a cursor with any one character changed, added or left out is CURSOR_INVALID', () => {
  const text = encodeCursor(key, stream, { position: 5n, platformPosition: 3n });
  const spoilt = Array.from(text).flatMap((_, index) => [
    `${text.slice(0, index)}${text[index] === 'A' ? 'B' : 'A'}${text.slice(index + 1)}`,
    `${text.slice(0, index)}${text.slice(index + 1)}`,
    `${text.slice(0, index)}A${text.slice(index)}`,
    `${text.slice(0, index)} ${text.slice(index)}`,
  ]);
  for (const wrong of [...spoilt, '', '=', 'x'.repeat(100_000), `${text}=`]) {
    expect(() => decodeCursor(key, wrong, stream, head), wrong.slice(0, 60)).toThrow(
      expect.objectContaining({ code: 'CURSOR_INVALID' }),
    );
  }
});

test('a cursor from beyond the head of either stream is CURSOR_INVALID', () => {
  const text = encodeCursor(key, stream, { position: 5n, platformPosition: 3n });
  expect(decodeCursor(key, text, stream, { position: 5n, platformPosition: 3n }).position).toBe(5n);
  for (const short of [
    { position: 4n, platformPosition: 3n },
    { position: 5n, platformPosition: 2n },
  ]) {
    expect(() => decodeCursor(key, text, stream, short)).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }));
  }
});
