import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { partsByRate, refundParts, type TaxPart } from '../../src/domain/credit.ts';
import { addAll } from '../../src/domain/money.ts';

const gross = (parts: readonly TaxPart[]) => addAll(parts.map((part) => part.grossMinor));
const tax = (parts: readonly TaxPart[]) => addAll(parts.map((part) => part.taxMinor));

// Amounts are whole minor units, so one property holds for currencies of 0, 2 and 3 decimals alike.
const line = fc
  .record({ rate: fc.constantFrom('14', '5', '0', null), grossMinor: fc.bigInt(0n, 10n ** 9n), share: fc.nat(1000) })
  .map(({ rate, grossMinor, share }): TaxPart => ({
    rate,
    grossMinor,
    taxMinor: rate === null || rate === '0' ? 0n : (grossMinor * BigInt(share)) / 1000n,
  }));
const lines = fc.array(line, { minLength: 1, maxLength: 8 }).filter((all) => gross(all) > 0n);

describe('the parts of a refund', () => {
  test('a refund of everything is the order by rate', () => {
    const order = [
      { rate: '14', grossMinor: 11_400n, taxMinor: 1_400n },
      { rate: null, grossMinor: 500n, taxMinor: 0n },
      { rate: '14', grossMinor: 5_700n, taxMinor: 700n },
    ];
    expect(refundParts(order, [], 17_600n)).toEqual([
      { rate: '14', grossMinor: 17_100n, taxMinor: 2_100n },
      { rate: null, grossMinor: 500n, taxMinor: 0n },
    ]);
  });

  test('refunds of any sizes sum to the refunded amount each, and to the order by rate and tax at the end', () => {
    fc.assert(
      fc.property(lines, fc.array(fc.nat(1000), { maxLength: 6 }), (order, sizes) => {
        const earlier: TaxPart[] = [];
        const wanted = partsByRate(order);
        for (const size of [...sizes, 1000]) {
          const leftMinor = gross(order) - gross(earlier);
          const refundMinor = size === 1000 ? leftMinor : (leftMinor * BigInt(size)) / 1000n;
          if (refundMinor === 0n) continue;
          const parts = refundParts(order, earlier, refundMinor);
          expect(gross(parts)).toBe(refundMinor);
          for (const part of parts) {
            expect(part.grossMinor).toBeGreaterThan(0n);
            expect(part.taxMinor).toBeGreaterThanOrEqual(0n);
            expect(part.taxMinor).toBeLessThanOrEqual(part.grossMinor);
          }
          earlier.push(...parts);
          for (const { rate, grossMinor, taxMinor } of partsByRate(earlier)) {
            const whole = wanted.find((part) => part.rate === rate)!;
            expect(grossMinor).toBeLessThanOrEqual(whole.grossMinor);
            expect(taxMinor).toBeLessThanOrEqual(whole.taxMinor);
          }
        }
        expect(gross(earlier)).toBe(gross(order));
        expect(tax(earlier)).toBe(tax(order));
      }),
    );
  });

  test('more than is left is a defect, never a negative part', () => {
    const order = [{ rate: '14', grossMinor: 100n, taxMinor: 12n }];
    expect(() => refundParts(order, order, 1n)).toThrow('at most what is left');
    expect(() => refundParts(order, [], 0n)).toThrow('at most what is left');
  });
});
