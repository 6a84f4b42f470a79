import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { folded, productOf, searchedText, searchPatterns, type ProductFields } from '../../src/domain/product.ts';

const TEA: ProductFields = { name: 'Tea', price: { amount: '12.50', currencyCode: 'EGP' }, category: 'drinks' };
const faultOf = (fields: object): readonly string[] | undefined => {
  try {
    productOf(null, { ...TEA, ...fields });
    return undefined;
  } catch (error) {
    return (error as { field?: readonly string[] }).field;
  }
};

describe('a product', () => {
  test('that is new is for sale with nothing in stock, unless somebody says otherwise', () => {
    expect(productOf(null, TEA)).toEqual({
      code: null,
      name: 'Tea',
      description: null,
      priceMinor: 1250n,
      currencyCode: 'EGP',
      taxRate: null,
      category: 'drinks',
      active: true,
      stock: 0,
      images: [],
      bookable: false,
      durationMinutes: null,
      bufferMinutes: null,
      capacity: null,
    });
  });

  test('keeps what is left out; null takes away what may be missing, and no more', () => {
    const before = productOf(null, {
      ...TEA,
      code: 'tea-1',
      description: 'Green',
      taxRate: '14.0',
      stock: 7,
      active: false,
      images: ['https://img.example/tea.png'],
      bookable: true,
      durationMinutes: 90,
      bufferMinutes: 0,
      capacity: 3,
    });
    expect(before.taxRate).toBe('14');
    expect(productOf(before, TEA)).toEqual(before);
    const none = {
      code: null,
      description: null,
      taxRate: null,
      durationMinutes: null,
      bufferMinutes: null,
      capacity: null,
    };
    expect(productOf(before, { ...TEA, ...none, stock: null, active: null, images: null, bookable: null })).toEqual({
      ...before,
      ...none,
    });
  });

  test.each<[object, string[]]>([
    [{ name: ' ' }, ['name']],
    [{ name: 'x'.repeat(201) }, ['name']],
    [{ description: 'x'.repeat(5_001) }, ['description']],
    [{ code: 'a b' }, ['code']],
    [{ code: '' }, ['code']],
    [{ price: { amount: '-0.01', currencyCode: 'EGP' } }, ['price', 'amount']],
    [{ price: { amount: '0.001', currencyCode: 'EGP' } }, ['price', 'amount']],
    [{ price: { amount: '1.00', currencyCode: 'XXX' } }, ['price', 'currencyCode']],
    [{ taxRate: '-1' }, ['taxRate']],
    [{ category: 'Tea Time' }, ['category']],
    [{ stock: -1 }, ['stock']],
    [{ stock: 1_000_000_001 }, ['stock']],
    [{ images: ['http://img.example/tea.png'] }, ['images']],
    [{ images: ['https://user:pass@img.example/tea.png'] }, ['images']],
    [{ images: Array.from({ length: 21 }, (_, n) => `https://img.example/${n}`) }, ['images']],
    [{ durationMinutes: 4 }, ['durationMinutes']],
    [{ durationMinutes: 1_441 }, ['durationMinutes']],
    [{ bufferMinutes: -1 }, ['bufferMinutes']],
    [{ capacity: 0 }, ['capacity']],
  ])('is refused with the field at fault: %j', (fields, field) => {
    expect(faultOf(fields)).toEqual(['input', ...field]);
  });

  test.each([{ stock: 0 }, { stock: 1_000_000_000 }, { durationMinutes: 5 }, { bufferMinutes: 0 }, { capacity: 1 }])(
    'may be as little and as much as the bounds say: %j',
    (fields) => {
      expect(faultOf(fields)).toBeUndefined();
    },
  );
});

describe('a search', () => {
  test.each([
    ['Café crème', 'CAFE'],
    ['Straße', 'strasse'],
    ['İstanbul', 'istanbul'],
    ['ΟΔΟΣ', 'οδός'],
    ['رِحْلَة نيلية', 'رحلة'],
    ['ﬁne tea', 'FINE'],
  ])('finds %s by %s', (name, search) => {
    expect(searchedText({ name, description: null })).toContain(folded(search));
  });

  test('is all of its words in any order, the longest first, with nothing in it that means anything to LIKE', () => {
    expect(searchPatterns('  50% \\_ tea  TEA ')).toEqual(['%50\\%%', '%TEA%', '%\\\\\\_%']);
    expect(searchPatterns(' \n ')).toEqual([]);
    expect(() => searchPatterns('a b c d e f g h i')).toThrow(/8 words/);
    expect(() => searchPatterns('x'.repeat(201))).toThrow(/200 characters/);
  });

  test('finds a product by any word that stands in it', () => {
    const word = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .filter((text) => folded(text).trim() !== '');
    fc.assert(
      fc.property(word, word, word, (before, sought, after) => {
        const searched = searchedText({ name: `${before} ${sought} ${after}`, description: null });
        for (const pattern of searchPatterns(sought).slice(0, 1))
          expect(searched).toContain(pattern.slice(1, -1).replaceAll(/\\(.)/g, '$1'));
      }),
      { numRuns: 300 },
    );
  });
});
