import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { REFUSALS, type ProviderLife, type RoutingSlot } from '../../src/domain/routing-decision.ts';
import { compileSnapshot, suppose, withLife } from '../../src/domain/routing-snapshot.ts';
import { decide } from '../../src/domain/routing.ts';
import { CONTEXT, decided, PROVIDER, slot, snapshot, told } from '../helpers/routing.ts';

const ILL: ProviderLife = { status: 'UNHEALTHY', circuit: 'OPEN' };
const OPEN: ProviderLife = { status: 'UNKNOWN', circuit: 'OPEN' };

describe('whose slots count', () => {
  const mine = (facts: Partial<RoutingSlot> = {}) => slot('mine', { tenantId: 'tenant-1', ...facts });

  test('the tenant’s, where it has any in the vertical', () => {
    const decision = decided(snapshot([slot('global'), mine()]));
    expect(decision.scope).toBe('TENANT');
    expect(told(decision)).toEqual(['mine']);
  });

  test('the tenant’s alone even where all of them are disabled: then nobody is asked', () => {
    const decision = decided(snapshot([slot('global'), mine({ enabled: false })]));
    expect(decision).toMatchObject({ scope: 'TENANT', selected: null });
    expect(told(decision)).toEqual(['mine SLOT_DISABLED']);
  });

  test('the global ones, where the tenant has slots in another vertical only, or the request has no tenant', () => {
    const slots = [slot('global'), mine({ vertical: 'FLIGHTS_BOOKING' })];
    for (const tenantId of ['tenant-1', 'tenant-2', null])
      expect(decided(snapshot(slots), { tenantId })).toMatchObject({
        scope: 'GLOBAL',
        selected: { slotId: 'global' },
      });
  });

  test('never another tenant’s, and none of another vertical is even listed', () => {
    const slots = [slot('theirs', { tenantId: 'tenant-2' }), slot('flights', { vertical: 'FLIGHTS_BOOKING' })];
    expect(decided(snapshot(slots))).toEqual({ vertical: 'LODGING', scope: 'GLOBAL', selected: null, candidates: [] });
  });

  test('a tenant called like a vertical gets nobody’s slots but its own', () => {
    const decision = decided(snapshot([slot('global')]), { tenantId: 'LODGING' });
    expect(decision.scope).toBe('GLOBAL');
  });
});

describe('the order', () => {
  test('lower priority first, also below zero, and the refused follow by priority, weight and id', () => {
    const slots = [
      slot('z', { priority: 5 }),
      slot('a', { priority: 20 }),
      slot('first', { priority: -1 }),
      slot('off-2', { priority: 7, enabled: false }),
      slot('off-1', { priority: 7, enabled: false }),
      slot('off-heavy', { priority: 7, enabled: false, rules: { trafficShare: 60 } }),
      slot('off-early', { priority: 1, enabled: false }),
    ];
    expect(told(decided(snapshot(slots)))).toEqual([
      'first',
      'z',
      'a',
      'off-early SLOT_DISABLED',
      'off-heavy SLOT_DISABLED',
      'off-1 SLOT_DISABLED',
      'off-2 SLOT_DISABLED',
    ]);
  });

  test('without a request key: by weight and id, nobody refused for a share, and the decision says so', () => {
    const slots = [
      slot('b', { rules: { trafficShare: 20 } }),
      slot('a', { rules: { trafficShare: 20 } }),
      slot('c', { rules: { trafficShare: 30 } }),
    ];
    const decision = decided(snapshot(slots), { requestKey: null });
    expect(told(decision)).toEqual(['c', 'a', 'b']);
    expect(decision.selected?.detail).toMatch(/traffic share/);
  });
});

const everything = slot('a', {
  rules: {
    currencyAllow: ['EGP'],
    countryAllow: ['EG'],
    languageAllow: ['ar'],
    amountMin: '100',
    travelFrom: '2026-01-01',
    trafficShare: 0,
  },
});
/** What has to be wrong for a reason, each beside all that come after it. */
const WRONGS: readonly {
  readonly reason: (typeof REFUSALS)[number];
  readonly slot?: Partial<RoutingSlot>;
  readonly provider?: Partial<typeof PROVIDER>;
  readonly context?: Partial<typeof CONTEXT>;
}[] = [
  { reason: 'NOT_FOR_VERTICAL', provider: { verticals: ['FLIGHTS_BOOKING'] } },
  { reason: 'SLOT_DISABLED', slot: { enabled: false } },
  { reason: 'PROVIDER_DISABLED', provider: { enabled: false } },
  { reason: 'NO_CREDENTIALS', provider: { credentials: 'MISSING' } },
  { reason: 'DECRYPTION_FAILED', provider: { credentials: 'DECRYPTION_FAILED' } },
  { reason: 'CURRENCY_NOT_ALLOWED', context: { currencyCode: 'USD' } },
  { reason: 'COUNTRY_NOT_ALLOWED', context: { countryCode: 'SA' } },
  { reason: 'LANGUAGE_NOT_ALLOWED', context: { language: 'en' } },
  { reason: 'AMOUNT_OUT_OF_RANGE', context: { amountMinor: 9_999n } },
  { reason: 'TRAVEL_DATE_OUT_OF_WINDOW', context: { travelDate: '2025-12-31' } },
  { reason: 'TRAFFIC_SHARE' },
];

describe('the reasons', () => {
  test.each(WRONGS.map(({ reason }, index) => [reason, index] as const))(
    '%s is told where it is the first that applies, and by itself',
    (reason, index) => {
      for (const wrongs of [WRONGS.slice(index), WRONGS.slice(index, index + 1)]) {
        const merged = <T>(read: (wrong: (typeof WRONGS)[number]) => T | undefined) =>
          Object.assign({}, ...wrongs.toReversed().map((wrong) => read(wrong) ?? {})) as T;
        const isAlone = wrongs.length === 1 && reason !== 'TRAFFIC_SHARE';
        const asked = {
          ...everything,
          rules: { ...everything.rules, ...(isAlone ? { trafficShare: null } : {}) },
          ...merged((wrong) => wrong.slot),
        };
        const provider = { ...PROVIDER, ...merged((wrong) => wrong.provider) };
        const of = snapshot([asked], { providers: { a: provider }, health: { a: ILL } });
        const decision = decided(
          of,
          merged((wrong) => wrong.context),
        );
        expect(told(decision)).toEqual([`a ${reason}`]);
        expect(decision.selected).toBeNull();
      }
    },
  );

  test('UNHEALTHY comes before CIRCUIT_OPEN, and that before RATE_LIMITED', () => {
    const of = (health: ProviderLife, exhausted: boolean) =>
      told(
        decided(
          snapshot([slot('a'), slot('well', { priority: 99 })], {
            health: { a: health },
            budgets: { a: { exhausted } },
          }),
        ),
      )[1];
    expect(of(ILL, true)).toBe('a UNHEALTHY');
    expect(of({ status: 'UNHEALTHY', circuit: 'CLOSED' }, true)).toBe('a UNHEALTHY');
    expect(of(OPEN, true)).toBe('a CIRCUIT_OPEN');
    expect(of({ status: 'HEALTHY', circuit: 'CLOSED' }, true)).toBe('a RATE_LIMITED');
  });

  test('a half-open circuit takes a call while it has a permit, though the provider is UNHEALTHY still', () => {
    const of = (life: ProviderLife) =>
      told(decided(snapshot([slot('a'), slot('well', { priority: 99 })], { health: { a: life } })));
    for (const circuit of ['OPEN', 'HALF_OPEN'] as const) {
      expect(of({ status: 'UNHEALTHY', circuit, permitAvailable: true })).toEqual(['a', 'well']);
      expect(of({ status: 'UNHEALTHY', circuit, permitAvailable: false })).toEqual(['well', 'a UNHEALTHY']);
      expect(of({ status: 'UNKNOWN', circuit })).toEqual(['well', 'a CIRCUIT_OPEN']);
    }
  });

  test('DEGRADED and UNKNOWN are no reasons, nor are credentials in their grace time', () => {
    for (const status of ['DEGRADED', 'UNKNOWN'] as const) {
      const of = snapshot([slot('a')], {
        providers: { a: { ...PROVIDER, credentials: 'GRACE' } },
        health: { a: { status, circuit: 'CLOSED' } },
      });
      expect(decided(of).selected).toMatchObject({ slotId: 'a', reason: 'ACCEPTED', detail: null });
    }
  });

  test('a budget may be used up for one tenant and not for another', () => {
    const of = snapshot([slot('a')], { budgets: { a: { exhausted: false, exhaustedTenantIds: ['tenant-2'] } } });
    expect(told(decided(of))).toEqual(['a']);
    expect(told(decided(of, { tenantId: null }))).toEqual(['a']);
    expect(told(decided(of, { tenantId: 'tenant-2' }))).toEqual(['a RATE_LIMITED']);
  });

  test('a slot whose provider is not there, or whose rules nobody can read, is refused and nobody else is', () => {
    const slots = [
      slot('orphan', { providerSlug: 'constructor' }),
      slot('odd', { rules: { amountMin: 'much' } }),
      slot('well'),
    ];
    const { providers } = snapshot([slot('odd'), slot('well')]);
    const decision = decided({ slots, providers, health: {}, budgets: {} });
    expect(told(decision)).toEqual(['well', 'odd SLOT_DISABLED', 'orphan PROVIDER_DISABLED']);
    expect(decision.candidates.slice(1).map(({ detail }) => detail)).toEqual([
      'Its routing rules cannot be read.',
      'There is no such provider.',
    ]);
  });
});

describe('the last usable provider', () => {
  test('is never put out by its health, and the decision says why it is asked', () => {
    const decision = decided(snapshot([slot('a'), slot('off', { enabled: false })], { health: { a: ILL } }));
    expect(told(decision)).toEqual(['a', 'off SLOT_DISABLED']);
    expect(decision.selected?.detail).toBe('The last usable of the vertical, although UNHEALTHY.');
  });

  test('is the least bad: closed before half open before open, then status, then its place', () => {
    const lives = {
      a: ILL,
      b: OPEN,
      c: { status: 'UNHEALTHY', circuit: 'HALF_OPEN' },
      d: { status: 'UNHEALTHY', circuit: 'CLOSED' },
      e: { status: 'UNHEALTHY', circuit: 'CLOSED' },
    } as const;
    const best = (...ids: (keyof typeof lives)[]) =>
      told(
        decided(
          snapshot(
            ids.map((id, index) => slot(id, { priority: index })),
            { health: lives },
          ),
        ),
      )[0];
    expect(best('a', 'b', 'c', 'd', 'e')).toBe('d');
    expect(best('a', 'b', 'c')).toBe('c');
    expect(best('a', 'b')).toBe('b');
    expect(best('e', 'd')).toBe('e');
  });

  test('is not looked for while another takes the call', () => {
    const slots = [slot('a'), slot('b', { priority: 20 })];
    expect(told(decided(snapshot(slots, { health: { a: ILL } })))).toEqual(['b', 'a UNHEALTHY']);
  });

  test('is never one without budget: it would refuse', () => {
    const slots = [slot('a'), slot('b', { priority: 20 })];
    const of = (budgets: Record<string, { exhausted: boolean }>, health: Record<string, ProviderLife>) =>
      told(decided(snapshot(slots, { health, budgets })));
    expect(of({ a: { exhausted: true } }, { a: ILL, b: ILL })).toEqual(['b', 'a UNHEALTHY']);
    expect(of({ a: { exhausted: true } }, { b: ILL })).toEqual(['b', 'a RATE_LIMITED']);
    expect(of({ a: { exhausted: true }, b: { exhausted: true } }, { b: ILL })).toEqual([
      'a RATE_LIMITED',
      'b UNHEALTHY',
    ]);
  });

  test('is not one that configuration or the split of traffic refuses', () => {
    const slots = [slot('a'), slot('canary', { priority: 1, rules: { trafficShare: 0 } })];
    expect(told(decided(snapshot(slots, { health: { a: ILL } })))).toEqual(['a', 'canary TRAFFIC_SHARE']);
  });
});

const lives = fc.record<ProviderLife>({
  status: fc.constantFrom('HEALTHY', 'DEGRADED', 'UNHEALTHY', 'UNKNOWN'),
  circuit: fc.constantFrom('CLOSED', 'OPEN', 'HALF_OPEN'),
  permitAvailable: fc.boolean(),
});
const worlds = fc
  .array(
    fc.record({
      enabled: fc.boolean(),
      priority: fc.integer({ min: 0, max: 3 }),
      share: fc.option(fc.integer({ min: 0, max: 100 })),
      countries: fc.subarray(['EG', 'SA']),
      mine: fc.boolean(),
      life: lives,
      exhausted: fc.boolean(),
      credentials: fc.constantFrom('ACTIVE', 'MISSING'),
    }),
    { maxLength: 8 },
  )
  .map((facts) => {
    const ids = facts.map((_, index) => `s${index}`);
    return snapshot(
      facts.map(({ enabled, priority, share, countries, mine }, index) =>
        slot(ids[index]!, {
          enabled,
          priority,
          tenantId: mine ? 'tenant-1' : null,
          rules: { trafficShare: share, countryAllow: countries },
        }),
      ),
      {
        providers: Object.fromEntries(
          facts.map(({ credentials }, index) => [ids[index]!, { ...PROVIDER, credentials } as typeof PROVIDER]),
        ),
        health: Object.fromEntries(facts.map(({ life }, index) => [ids[index]!, life])),
        budgets: Object.fromEntries(facts.map(({ exhausted }, index) => [ids[index]!, { exhausted }])),
      },
    );
  });

describe('whatever the slots, their health and their budgets', () => {
  test('each slot that counts is a candidate once, the accepted first, and the first of them selected', () => {
    fc.assert(
      fc.property(worlds, fc.string(), (world, requestKey) => {
        const { candidates, selected, scope } = decided(world, { requestKey });
        const counting = world.slots.filter(({ tenantId }) => (tenantId === null) === (scope === 'GLOBAL'));
        expect(candidates.map(({ slotId }) => slotId).toSorted()).toEqual(counting.map(({ id }) => id).toSorted());
        const firstRefused = candidates.findIndex(({ accepted }) => !accepted);
        expect(candidates.slice(Math.max(0, firstRefused)).some(({ accepted }) => accepted)).toBe(
          firstRefused === -1 && candidates.length > 0,
        );
        expect(selected).toBe(candidates.find(({ accepted }) => accepted) ?? null);
        expect(candidates.every(({ accepted, reason }) => accepted === (reason === 'ACCEPTED'))).toBe(true);
      }),
    );
  });

  test('the same question has the same answer, whatever the order the slots are listed in', () => {
    fc.assert(
      fc.property(worlds, fc.string(), (world, requestKey) => {
        const turned = { ...world, slots: world.slots.toReversed() };
        expect(decided(turned, { requestKey })).toEqual(decided(world, { requestKey }));
      }),
    );
  });

  test('health and budgets exchanged beside the configuration decide as a snapshot made anew', () => {
    fc.assert(
      fc.property(worlds, worlds, (world, later) => {
        const { health, budgets } = later;
        const renewed = withLife(compileSnapshot(world), { health, budgets });
        expect(decide(renewed, CONTEXT)).toEqual(decided({ ...world, health, budgets }));
      }),
    );
  });

  test('health never leaves nobody where somebody with a budget is accepted by configuration', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const [well, real] = [decided({ ...world, health: {} }), decided(world)];
        expect(real.selected === null).toBe(well.selected === null);
      }),
    );
  });

  test('health moves nobody’s place: who is accepted stands in the order all would have were they well', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const well = decided({ ...world, health: {}, budgets: {} }).candidates.map(({ slotId }) => slotId);
        const places = decided(world)
          .candidates.filter(({ accepted }) => accepted)
          .map(({ slotId }) => well.indexOf(slotId));
        expect(places).toEqual(places.toSorted((one, other) => one - other));
      }),
    );
  });
});

describe('a hypothesis', () => {
  test('replaces the slot of its id, adds one of a new id, and takes a provider for down', () => {
    const of = snapshot([slot('a'), slot('b', { priority: 20 })], { providers: { c: PROVIDER } });
    const supposed = suppose(of, {
      unavailableProviders: ['a'],
      slots: [slot('b', { enabled: false }), slot('c', { priority: 30 })],
    });
    expect(told(decided(supposed))).toEqual(['c', 'a UNHEALTHY', 'b SLOT_DISABLED']);
    expect(told(decided(of))).toEqual(['a', 'b']);
    expect(suppose(of, {})).toEqual(of);
  });
});
