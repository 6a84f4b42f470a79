import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { ROUNDING_MODES, addAll } from '../../src/domain/money.ts';
import { ORDER_LINES_MAX, priceOrder, QUANTITY_MAX, ROUNDING_LEVELS } from '../../src/domain/order-price.ts';
import type { OrderLineInput, TaxProfile } from '../../src/domain/order-price.ts';

const HALF_UP_ON_TOP: TaxProfile = { roundingMode: 'HALF_UP', roundingLevel: 'LINE', pricesIncludeTax: false };

function price(lines: readonly Partial<OrderLineInput>[], profile: Partial<TaxProfile> = {}) {
  return priceOrder({
    currencyCode: 'EGP',
    taxProfile: { ...HALF_UP_ON_TOP, ...profile },
    lines: lines.map((line) => ({ quantity: 1, unitPriceMinor: 100n, taxRate: null, ...line })),
  });
}

describe('pricing an order', () => {
  test('tax comes on top of the line where prices do not contain it', () => {
    const order = price([{ quantity: 2, unitPriceMinor: 7_500n, taxRate: '14' }]);
    expect(order).toEqual({
      lines: [{ quantity: 2, unitPriceMinor: 7_500n, netMinor: 15_000n, taxMinor: 2_100n, grossMinor: 17_100n }],
      subtotalMinor: 15_000n,
      taxMinor: 2_100n,
      totalMinor: 17_100n,
      taxes: [{ rate: '14', netMinor: 15_000n, taxMinor: 2_100n }],
    });
  });

  test('tax is taken out of the line where prices contain it, and the total is the price', () => {
    const order = price([{ quantity: 2, unitPriceMinor: 7_500n, taxRate: '14' }], { pricesIncludeTax: true });
    expect(order.totalMinor).toBe(15_000n);
    expect(order.taxMinor).toBe(1_842n);
    expect(order.subtotalMinor).toBe(13_158n);
  });

  test('rounding per line and per total differ, and the parts sum either way', () => {
    const lines = Array.from({ length: 3 }, () => ({ unitPriceMinor: 105n, taxRate: '10' }));
    expect(price(lines).taxMinor).toBe(33n);
    const byTotal = price(lines, { roundingLevel: 'TOTAL' });
    expect(byTotal.taxMinor).toBe(32n);
    expect(byTotal.lines.map((line) => line.taxMinor)).toEqual([11n, 11n, 10n]);
  });

  test('rounding follows the mode of the profile', () => {
    const line = [{ unitPriceMinor: 105n, taxRate: '10' }];
    expect(price(line, { roundingMode: 'HALF_UP' }).taxMinor).toBe(11n);
    expect(price(line, { roundingMode: 'HALF_EVEN' }).taxMinor).toBe(10n);
    expect(price(line, { roundingMode: 'DOWN' }).taxMinor).toBe(10n);
  });

  test('taxes are summed per rate, lowest first, one spelling each; a line without a rate is in none', () => {
    const order = price([
      { taxRate: '14.00' },
      { taxRate: null },
      { taxRate: '5' },
      { taxRate: '14' },
      { taxRate: '0' },
    ]);
    expect(order.taxes).toEqual([
      { rate: '0', netMinor: 100n, taxMinor: 0n },
      { rate: '5', netMinor: 100n, taxMinor: 5n },
      { rate: '14', netMinor: 200n, taxMinor: 28n },
    ]);
    expect(order.subtotalMinor).toBe(500n);
  });

  test('an order may cost nothing', () => {
    expect(price([{ unitPriceMinor: 0n, taxRate: '14' }], { roundingLevel: 'TOTAL' }).totalMinor).toBe(0n);
  });

  test('parts sum to the whole for every profile, and no rounding is off by more than it may', () => {
    const line = fc.record({
      quantity: fc.integer({ min: 1, max: QUANTITY_MAX }),
      unitPriceMinor: fc.bigInt({ min: 0n, max: 10n ** 8n }),
      taxRate: fc.constantFrom(null, '0', '5', '14', '12.5', '19.6', '100', '0.0001'),
    });
    const profile = fc.record({
      roundingMode: fc.constantFrom(...ROUNDING_MODES),
      roundingLevel: fc.constantFrom(...ROUNDING_LEVELS),
      pricesIncludeTax: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 30 }), profile, (lines, taxProfile) => {
        const order = priceOrder({ currencyCode: 'KWD', taxProfile, lines });
        const whole = addAll(lines.map((each) => BigInt(each.quantity) * each.unitPriceMinor));
        expect(taxProfile.pricesIncludeTax ? order.totalMinor : order.subtotalMinor).toBe(whole);
        expect(order.subtotalMinor + order.taxMinor).toBe(order.totalMinor);
        expect(addAll(order.lines.map((each) => each.grossMinor))).toBe(order.totalMinor);
        expect(addAll(order.lines.map((each) => each.taxMinor))).toBe(order.taxMinor);
        expect(addAll(order.taxes.map((each) => each.taxMinor))).toBe(order.taxMinor);
        for (const [index, each] of order.lines.entries()) {
          expect(each.netMinor + each.taxMinor).toBe(each.grossMinor);
          expect(each.netMinor >= 0n && each.taxMinor >= 0n).toBe(true);
          if (lines[index]?.taxRate === null) expect(each.taxMinor).toBe(0n);
        }
      }),
    );
  });
});

describe('limits of an order', () => {
  test.each([0, -1, 1.5, QUANTITY_MAX + 1, Number.NaN, Number.POSITIVE_INFINITY])(
    'a quantity of %d is refused by its path',
    (quantity) => {
      expect(() => price([{}, { quantity }])).toThrow(
        expect.objectContaining({ code: 'INVALID_INPUT', field: ['items', '1', 'quantity'] }),
      );
    },
  );

  test('the bounds themselves are allowed', () => {
    expect(price([{ quantity: QUANTITY_MAX }]).totalMinor).toBe(1_000_000n);
    expect(price(Array.from({ length: ORDER_LINES_MAX }, () => ({}))).totalMinor).toBe(20_000n);
  });

  test.each([0, ORDER_LINES_MAX + 1])('%i items are refused', (count) => {
    expect(() => price(Array.from({ length: count }, () => ({})))).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', field: ['items'] }),
    );
  });

  test('a negative or too large price, a bad rate, a bad currency and a too large total are refused', () => {
    expect(() => price([{ unitPriceMinor: -1n }])).toThrow(
      expect.objectContaining({ field: ['items', '0', 'unitPrice'] }),
    );
    expect(() => price([{ unitPriceMinor: 10n ** 15n + 1n }])).toThrow(
      expect.objectContaining({ field: ['items', '0', 'unitPrice'] }),
    );
    expect(() => price([{ taxRate: 'x' }])).toThrow(expect.objectContaining({ field: ['items', '0', 'taxRate'] }));
    expect(() => price([{ quantity: 2, unitPriceMinor: 10n ** 15n }])).toThrow(
      expect.objectContaining({ field: ['items'] }),
    );
    expect(() => priceOrder({ currencyCode: 'XXX', taxProfile: HALF_UP_ON_TOP, lines: [] })).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', field: ['currencyCode'] }),
    );
  });
});
