import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import {
  addAll,
  allocate,
  AMOUNT_MINOR_MAX,
  CURRENCY_CODES,
  divideRounded,
  exponentOf,
  formatAmount,
  isCurrency,
  parseAmount,
  parseRate,
} from '../../src/domain/money.ts';
import { AppError } from '../../src/errors.ts';

const amount = fc.bigInt({ min: -AMOUNT_MINOR_MAX, max: AMOUNT_MINOR_MAX });
const currency = fc.constantFrom(...CURRENCY_CODES);

function refusal(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('currencies', () => {
  test.each([
    ['JPY', 0],
    ['KRW', 0],
    ['VND', 0],
    ['CLP', 0],
    ['ISK', 0],
    ['XOF', 0],
    ['EGP', 2],
    ['USD', 2],
    ['SAR', 2],
    ['INR', 2],
    ['ZAR', 2],
    ['TWD', 2],
    ['HUF', 2],
    ['MRU', 2],
    ['MGA', 2],
    ['BHD', 3],
    ['IQD', 3],
    ['JOD', 3],
    ['KWD', 3],
    ['LYD', 3],
    ['OMR', 3],
    ['TND', 3],
  ])('%s has %i decimals', (code, exponent) => {
    expect(exponentOf(code)).toBe(exponent);
  });

  test('every code is three capitals and stands once', () => {
    expect(CURRENCY_CODES.every((code) => /^[A-Z]{3}$/.test(code))).toBe(true);
    expect(new Set(CURRENCY_CODES).size).toBe(CURRENCY_CODES.length);
    expect(CURRENCY_CODES.length).toBeGreaterThan(150);
  });

  test.each(['', 'egp', 'XXX', 'XAU', 'SR', 'SLL', 'toString'])('%j is no currency', (code) => {
    expect(isCurrency(code)).toBe(false);
    expect(refusal(() => exponentOf(code)).code).toBe('INVALID_INPUT');
  });
});

describe('amounts', () => {
  test.each([
    ['150.50', 'EGP', 15_050n],
    ['150.5', 'EGP', 15_050n],
    ['150', 'EGP', 15_000n],
    ['-0.05', 'EGP', -5n],
    ['1.005', 'KWD', 1_005n],
    ['1.5', 'KWD', 1_500n],
    ['12', 'JPY', 12n],
    ['0', 'JPY', 0n],
    ['-0.00', 'USD', 0n],
    ['10000000000000.00', 'USD', AMOUNT_MINOR_MAX],
  ])('%s %s is read exactly', (text, code, minor) => {
    expect(parseAmount(text, code)).toBe(minor);
  });

  test.each([
    ['1.005', 'EGP'],
    ['1.000', 'EGP'],
    ['1.0', 'JPY'],
    ['1.0000', 'KWD'],
    ['', 'EGP'],
    ['.5', 'EGP'],
    ['5.', 'EGP'],
    ['1e3', 'EGP'],
    ['+1', 'EGP'],
    ['1,000', 'EGP'],
    [' 1', 'EGP'],
    ['1\n', 'EGP'],
    ['٣', 'EGP'],
    ['NaN', 'EGP'],
    ['--1', 'EGP'],
    ['10000000000000.01', 'USD'],
    ['-10000000000000.01', 'USD'],
    ['9'.repeat(31), 'USD'],
    ['1', 'ZZZ'],
  ])('%j %s is refused', (text, code) => {
    const error = refusal(() => parseAmount(text, code, ['input', 'unitPrice']));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.field).toEqual(['input', 'unitPrice']);
  });

  test('what is written is read back unchanged, with exactly the decimals of the currency', () => {
    fc.assert(
      fc.property(amount, currency, (minor, code) => {
        const text = formatAmount(minor, code);
        expect(parseAmount(text, code)).toBe(minor);
        expect((text.split('.')[1] ?? '').length).toBe(exponentOf(code));
      }),
    );
  });

  test('small and negative amounts are written in full', () => {
    expect(formatAmount(5n, 'KWD')).toBe('0.005');
    expect(formatAmount(-5n, 'EGP')).toBe('-0.05');
    expect(formatAmount(0n, 'EGP')).toBe('0.00');
    expect(formatAmount(-7n, 'JPY')).toBe('-7');
  });
});

describe('rounding', () => {
  test.each([
    [5n, 2n, 3n, 2n, 2n],
    [7n, 2n, 4n, 4n, 3n],
    [-5n, 2n, -3n, -2n, -2n],
    [-7n, 2n, -4n, -4n, -3n],
    [5n, -2n, -3n, -2n, -2n],
    [1n, 2n, 1n, 0n, 0n],
    [-1n, 2n, -1n, 0n, 0n],
    [3n, 2n, 2n, 2n, 1n],
    [4n, 3n, 1n, 1n, 1n],
    [5n, 3n, 2n, 2n, 1n],
    [6n, 3n, 2n, 2n, 2n],
  ])('%i / %i is %i half up, %i half even, %i down', (numerator, denominator, halfUp, halfEven, down) => {
    expect(divideRounded(numerator, denominator, 'HALF_UP')).toBe(halfUp);
    expect(divideRounded(numerator, denominator, 'HALF_EVEN')).toBe(halfEven);
    expect(divideRounded(numerator, denominator, 'DOWN')).toBe(down);
  });

  test('is never further than one half away, down never away from zero, and mirrors the sign', () => {
    const divisor = fc.bigInt({ min: 1n, max: 10n ** 9n });
    fc.assert(
      fc.property(
        amount,
        divisor,
        fc.constantFrom('HALF_UP' as const, 'HALF_EVEN' as const),
        (numerator, denominator, mode) => {
          const error = 2n * (numerator - divideRounded(numerator, denominator, mode) * denominator);
          expect(error <= denominator && error >= -denominator).toBe(true);
          expect(divideRounded(-numerator, denominator, mode)).toBe(-divideRounded(numerator, denominator, mode));
          const left = numerator - divideRounded(numerator, denominator, 'DOWN') * denominator;
          expect(numerator >= 0n ? left >= 0n && left < denominator : left <= 0n && left > -denominator).toBe(true);
        },
      ),
    );
  });
});

describe('allocation', () => {
  const weights = fc.array(fc.bigInt({ min: 0n, max: 10n ** 12n }), { minLength: 1, maxLength: 200 });

  test('the parts sum to the total, each within one unit of its exact share', () => {
    fc.assert(
      fc.property(amount, weights, (total, shares) => {
        const sum = addAll(shares);
        fc.pre(sum > 0n);
        const parts = allocate(total, shares);
        expect(addAll(parts)).toBe(total);
        for (const [index, part] of parts.entries()) {
          const off = part * sum - total * (shares[index] ?? 0n);
          expect(off < sum && off > -sum).toBe(true);
        }
      }),
    );
  });

  test('equal remainders go to the earlier part, also below zero', () => {
    expect(allocate(100n, [1n, 1n, 1n])).toEqual([34n, 33n, 33n]);
    expect(allocate(-100n, [1n, 1n, 1n])).toEqual([-34n, -33n, -33n]);
    expect(allocate(10n, [1n, 8n, 1n, 1n])).toEqual([1n, 7n, 1n, 1n]);
    expect(allocate(1n, [0n, 0n, 5n])).toEqual([0n, 0n, 1n]);
  });

  test('nothing is split over no weight, something is a defect', () => {
    expect(allocate(0n, [0n, 0n])).toEqual([0n, 0n]);
    expect(allocate(0n, [])).toEqual([]);
    expect(() => allocate(1n, [0n])).toThrow('nothing to allocate');
    expect(() => allocate(1n, [2n, -1n])).toThrow('negative');
  });
});

describe('rates', () => {
  test.each([
    ['14', '14', 140_000n],
    ['14.00', '14', 140_000n],
    ['014.5', '14.5', 145_000n],
    ['0.0001', '0.0001', 1n],
    ['0', '0', 0n],
    ['100', '100', 1_000_000n],
  ])('%s percent is read exactly and spelled %s', (text, spelled, numerator) => {
    expect(parseRate(text)).toEqual({ text: spelled, numerator, denominator: 1_000_000n });
  });

  test.each(['', '-1', '14%', '100.0001', '101', '1.00001', '.5', '1e1', '9999'])('%j is refused', (text) => {
    expect(refusal(() => parseRate(text, ['items', '0', 'taxRate'])).field).toEqual(['items', '0', 'taxRate']);
  });
});
