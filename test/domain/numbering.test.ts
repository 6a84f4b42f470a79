import { expect, test } from 'vitest';
import { formatInvoiceNumber, formatOrderNumber } from '../../src/domain/numbering.ts';

test('numbers have at least six digits and keep all of theirs', () => {
  expect(formatOrderNumber('ORD', 123n)).toBe('ORD-000123');
  expect(formatOrderNumber('ORD', 999_999)).toBe('ORD-999999');
  expect(formatOrderNumber('X', 1_000_000n)).toBe('X-1000000');
  expect(formatInvoiceNumber('INVOICE', 1n)).toBe('INV-000001');
  expect(formatInvoiceNumber('CREDIT_NOTE', 123)).toBe('CN-000123');
});

test.each([0n, -1n])('a sequence never gives %i', (number) => {
  expect(() => formatOrderNumber('ORD', number)).toThrow('starts at 1');
});
