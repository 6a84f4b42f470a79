import { expect, test } from 'vitest';
import { formatOrderNumber, invoiceNumberForm } from '../../src/domain/numbering.ts';

test('numbers have at least six digits and keep all of theirs', () => {
  expect(formatOrderNumber('ORD', 123n)).toBe('ORD-000123');
  expect(formatOrderNumber('ORD', 999_999)).toBe('ORD-999999');
  expect(formatOrderNumber('X', 1_000_000n)).toBe('X-1000000');
  expect(invoiceNumberForm('INVOICE')).toEqual({ prefix: 'INV-', digitsMin: 6 });
  expect(invoiceNumberForm('CREDIT_NOTE')).toEqual({ prefix: 'CN-', digitsMin: 6 });
});

test.each([0n, -1n])('a sequence never gives %i', (number) => {
  expect(() => formatOrderNumber('ORD', number)).toThrow('starts at 1');
});
