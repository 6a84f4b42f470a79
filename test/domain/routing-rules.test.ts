import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import type { RoutingContext } from '../../src/domain/routing-decision.ts';
import { faultsOf, type RoutingRules } from '../../src/domain/routing-rules.ts';
import { CONTEXT, decided, slot, snapshot } from '../helpers/routing.ts';

const under = (rules: RoutingRules, context: Partial<RoutingContext> = {}) =>
  decided(snapshot([slot('a', { rules })]), context).candidates[0]!;
const accepts = (rules: RoutingRules, context: Partial<RoutingContext> = {}) => under(rules, context).accepted;

describe('a currency or country', () => {
  test('is accepted where it is allowed, or not denied, whatever its case', () => {
    expect(accepts({ currencyAllow: ['usd', 'egp'] })).toBe(true);
    expect(under({ currencyAllow: ['USD'] })).toMatchObject({ reason: 'CURRENCY_NOT_ALLOWED', detail: 'Only USD.' });
    expect(accepts({ currencyDeny: ['USD'] })).toBe(true);
    expect(under({ currencyDeny: ['EGP'] })).toMatchObject({ reason: 'CURRENCY_NOT_ALLOWED', detail: 'Not EGP.' });
    expect(accepts({ countryAllow: ['EG'] }, { countryCode: 'eg' })).toBe(true);
    expect(under({ countryAllow: ['SA', 'AE'] })).toMatchObject({ detail: 'Only SA, AE.' });
    expect(under({ countryDeny: ['EG'] }).reason).toBe('COUNTRY_NOT_ALLOWED');
  });

  test('an empty list restricts nothing', () => {
    expect(accepts({ currencyAllow: [], currencyDeny: [], countryAllow: [], countryDeny: [], languageAllow: [] })).toBe(
      true,
    );
  });
});

describe('a language', () => {
  test('allows its regions, and a region allows neither the language nor what only begins alike', () => {
    for (const language of ['ar', 'ar-EG', 'AR-eg', 'ar-Arab-EG'])
      expect(accepts({ languageAllow: ['ar'] }, { language }), language).toBe(true);
    for (const language of ['en', 'arz', 'a', 'en-ar'])
      expect(under({ languageAllow: ['ar'] }, { language }).reason, language).toBe('LANGUAGE_NOT_ALLOWED');
    expect(accepts({ languageAllow: ['ar-EG'] }, { language: 'ar' })).toBe(false);
    expect(accepts({ languageAllow: ['ar-EG'] }, { language: 'ar-SA' })).toBe(false);
    expect(accepts({ languageAllow: ['fr', 'ar-EG'] }, { language: 'ar-eg' })).toBe(true);
  });
});

describe('an amount', () => {
  test('both bounds are within, one unit beyond is not, in currencies of 0, 2 and 3 decimals', () => {
    const rules = { amountMin: '100', amountMax: '200.50' };
    for (const [currencyCode, least, most] of [
      ['JPY', 100n, 200n],
      ['EGP', 10_000n, 20_050n],
      ['KWD', 100_000n, 200_500n],
    ] as const) {
      const fits = (amountMinor: bigint) => accepts(rules, { currencyCode, amountMinor });
      expect([least - 1n, least, most, most + 1n].map(fits), currencyCode).toEqual([false, true, true, false]);
    }
    expect(under(rules, { amountMinor: 1n })).toMatchObject({
      reason: 'AMOUNT_OUT_OF_RANGE',
      detail: 'From 100 to 200.50.',
    });
    expect(under({ amountMin: '100' }, { amountMinor: 1n }).detail).toBe('From 100.');
    expect(under({ amountMax: '0.001' }, { amountMinor: 1n }).detail).toBe('Up to 0.001.');
  });

  test('a bound finer than the currency is exact: no amount is rounded into it', () => {
    expect(accepts({ amountMin: '100.001' }, { amountMinor: 10_000n })).toBe(false);
    expect(accepts({ amountMin: '100.001' }, { amountMinor: 10_001n })).toBe(true);
    expect(accepts({ amountMax: '99.9999999999' }, { amountMinor: 10_000n })).toBe(false);
  });

  test('an amount of no currency, or of one that is none, is not known', () => {
    for (const currencyCode of [null, 'XXX'])
      expect(under({ amountMax: '1' }, { currencyCode })).toMatchObject({
        accepted: true,
        detail: 'The request does not say enough to check: amount.',
      });
  });
});

describe('a travel date', () => {
  test('both ends of the window are within, and a day beyond is not', () => {
    const rules = { travelFrom: '2026-03-01', travelTo: '2026-03-31' };
    const fits = (travelDate: string) => accepts(rules, { travelDate });
    expect(['2026-02-28', '2026-03-01', '2026-03-31', '2026-04-01'].map(fits)).toEqual([false, true, true, false]);
    expect(under(rules, { travelDate: '2027-03-15' })).toMatchObject({
      reason: 'TRAVEL_DATE_OUT_OF_WINDOW',
      detail: 'From 2026-03-01 to 2026-03-31.',
    });
  });
});

describe('what the request does not say', () => {
  const NOTHING = { currencyCode: null, countryCode: null, language: null, amountMinor: null, travelDate: null };
  const ALL: RoutingRules = {
    currencyAllow: ['USD'],
    countryAllow: ['US'],
    languageAllow: ['en'],
    amountMin: '1',
    travelTo: '2000-01-01',
  };

  test('refuses nobody, and the decision names what was not checked', () => {
    expect(under(ALL, NOTHING)).toMatchObject({
      accepted: true,
      detail: 'The request does not say enough to check: currency, country, language, amount, travel date.',
    });
    expect(under({}, NOTHING)).toMatchObject({ accepted: true, detail: null });
  });

  test('saying more never accepts who was refused before', () => {
    const contexts = fc.record({
      currencyCode: fc.constantFrom(null, 'EGP', 'USD'),
      countryCode: fc.constantFrom(null, 'EG', 'US'),
      language: fc.constantFrom(null, 'ar', 'en'),
      amountMinor: fc.constantFrom(null, 1n, 1_000n),
      travelDate: fc.constantFrom(null, '1999-12-31', '2026-01-01'),
    });
    fc.assert(
      fc.property(contexts, fc.subarray(Object.keys(NOTHING)), (context, unsaid) => {
        const less = { ...context, ...Object.fromEntries(unsaid.map((name) => [name, null])) };
        // An amount is not known without its currency.
        if (accepts(ALL, context)) expect(accepts(ALL, less)).toBe(true);
      }),
    );
  });
});

describe('the faults of rules', () => {
  const fields = (rules: RoutingRules) => faultsOf(rules).map(({ field }) => field.join('.'));

  test('are told with the field to mend and a sentence', () => {
    expect(faultsOf({ currencyAllow: ['EGP', 'USD'], currencyDeny: ['usd'] })).toEqual([
      { field: ['currencyDeny'], message: 'Both allowed and denied: USD.' },
    ]);
    expect(fields({ countryAllow: ['EG'], countryDeny: ['EG', 'SA'] })).toEqual(['countryDeny']);
    expect(fields({ amountMin: '10.01', amountMax: '10.001' })).toEqual(['amountMax']);
    expect(fields({ travelFrom: '2026-02-02', travelTo: '2026-02-01' })).toEqual(['travelTo']);
    for (const trafficShare of [-1, 101, 0.5, Number.NaN]) expect(fields({ trafficShare })).toEqual(['trafficShare']);
  });

  test('what cannot be read is a fault of its own field, and nothing is compared with it', () => {
    for (const text of ['-1', '1e3', '', ' 1', '1,5', '.5', '1.12345678901'])
      expect(fields({ amountMin: text, amountMax: '0' }), text).toEqual(['amountMin']);
    for (const text of ['2026-02-30', '2026-2-3', '', '2026-02-03T00:00:00Z', '02026-02-03'])
      expect(fields({ travelTo: text, travelFrom: '2026-12-31' }), text).toEqual(['travelTo']);
    expect(fields({ currencyAllow: ['EGP', 'XXX'], countryDeny: ['EGY'], languageAllow: ['ar_EG'] })).toEqual([
      'currencyAllow',
      'countryDeny',
      'languageAllow',
    ]);
  });

  test('there are none at the bounds themselves, nor in what is absent', () => {
    expect(faultsOf({})).toEqual([]);
    expect(
      faultsOf({
        currencyAllow: null,
        currencyDeny: ['USD'],
        amountMin: '5.0',
        amountMax: '5',
        travelFrom: '2028-02-29',
        travelTo: '2028-02-29',
        trafficShare: 0,
      }),
    ).toEqual([]);
    expect(faultsOf({ trafficShare: 100, amountMin: null, travelTo: null })).toEqual([]);
  });

  test('a slot is left out exactly where its rules have a fault', () => {
    const rules = fc.record({
      currencyAllow: fc.subarray(['EGP', 'XXX']),
      amountMin: fc.constantFrom(null, '0', '5', 'five'),
      amountMax: fc.constantFrom(null, '4', '1000000'),
      travelFrom: fc.constantFrom(null, '2026-01-01', '2026-99-01'),
      trafficShare: fc.constantFrom(null, 100, 101),
    });
    fc.assert(
      fc.property(rules, (rules) => {
        const { reason } = under(rules, { ...CONTEXT, currencyCode: 'EGP' });
        expect(reason === 'SLOT_DISABLED').toBe(faultsOf(rules).length > 0);
      }),
    );
  });

  test('a long list makes a bounded sentence', () => {
    const countryAllow = Array.from({ length: 300 }, (_, index) =>
      String.fromCharCode(65 + (index % 26), 65 + (Math.floor(index / 26) % 26)),
    ).filter((code) => code !== 'EG');
    expect(under({ countryAllow }).detail!.length).toBeLessThan(80);
  });
});
