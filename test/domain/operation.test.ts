import { describe, expect, test } from 'vitest';
import { checkOperationKey, firstDifferingField } from '../../src/domain/operation.ts';

describe('the field that differs', () => {
  test('is the alphabetically first one, whichever order the fields come in', () => {
    expect(firstDifferingField({ b: '1', a: '1', c: '1' }, { c: '2', b: '2', a: '1' })).toBe('b');
    expect(firstDifferingField({ z: '1', a: '1' }, { a: '2', z: '2' })).toBe('a');
  });

  test('is none for the same input, in any order', () => {
    expect(firstDifferingField({ a: '1', b: '2' }, { b: '2', a: '1' })).toBeNull();
    expect(firstDifferingField({}, {})).toBeNull();
  });

  test('may be one that only one of the two inputs has', () => {
    expect(firstDifferingField({ a: '1' }, { a: '1', note: '2' })).toBe('note');
    expect(firstDifferingField({ a: '1', note: '2' }, { a: '1' })).toBe('note');
  });

  test('may be named like what every object inherits', () => {
    expect(firstDifferingField({}, { constructor: '1' })).toBe('constructor');
    expect(firstDifferingField({ toString: '1' }, { toString: '1' })).toBeNull();
  });
});

describe('the form of a key', () => {
  test.each(['a', 'x'.repeat(200), 'order 17/β-طلب', '😀'.repeat(200)])('%j is accepted', (key) => {
    checkOperationKey(key);
  });

  test.each(['', 'x'.repeat(201), 'a\nb', 'a\u0000b', 'a\u200eb', 'a\u2028b', '\ud800', 17, null, undefined, {}])(
    '%j is refused',
    (key) => {
      expect(() => checkOperationKey(key)).toThrow(
        expect.objectContaining({ code: 'INVALID_INPUT', field: ['input', 'idempotencyKey'] }),
      );
    },
  );
});
