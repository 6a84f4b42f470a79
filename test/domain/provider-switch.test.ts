import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import {
  refusalToSwitchOn,
  type StoredTest,
  type SwitchFacts,
  type Versions,
} from '../../src/domain/provider-switch.ts';

const passed: StoredTest = {
  ok: true,
  at: '2026-11-01T12:00:00Z',
  latencyMs: 5,
  reason: null,
  versions: { API_KEY: 2, SECRET: 1 },
};
const facts: SwitchFacts = {
  mode: 'PRODUCTION',
  override: false,
  requiredNames: ['API_KEY', 'SECRET'],
  versions: { API_KEY: 2, SECRET: 1 },
  unreadableNames: [],
  test: passed,
};
const codeOf = (more: Partial<SwitchFacts>) => refusalToSwitchOn({ ...facts, ...more })?.code ?? null;

describe('in production', () => {
  test('a passing test of the stored versions lets it on; nothing else does', () => {
    expect(codeOf({})).toBeNull();
    expect(codeOf({ test: null })).toBe('CONNECTION_TEST_REQUIRED');
    expect(codeOf({ test: { ...passed, ok: false, reason: 'no' } })).toBe('CONNECTION_TEST_REQUIRED');
    const others: Versions[] = [{ API_KEY: 3, SECRET: 1 }, { API_KEY: 2 }, { API_KEY: 2, SECRET: 1, EXTRA: 1 }, {}];
    for (const versions of others)
      expect(codeOf({ versions }), JSON.stringify(versions)).toBe('CONNECTION_TEST_REQUIRED');
  });

  test('somebody may answer for it without', () => {
    expect(codeOf({ test: null, override: true })).toBeNull();
  });

  test('whatever the versions are, it is on exactly if the test passed with these', () => {
    const versions = fc.dictionary(fc.constantFrom('A', 'B', 'C'), fc.integer({ min: 1, max: 3 }));
    fc.assert(
      fc.property(versions, versions, fc.boolean(), (stored, tested, ok) => {
        const equal = ['A', 'B', 'C'].every((name) => stored[name] === tested[name]);
        expect(codeOf({ versions: stored, test: { ...passed, ok, versions: tested } }) === null).toBe(ok && equal);
      }),
    );
  });
});

describe('in the sandbox', () => {
  const mode = 'SANDBOX';

  test('what is required must be there and open; no test is asked for, and no override helps', () => {
    expect(codeOf({ mode, test: null })).toBeNull();
    expect(codeOf({ mode, versions: { API_KEY: 1 } })).toBe('CREDENTIALS_MISSING');
    expect(codeOf({ mode, versions: {}, override: true })).toBe('CREDENTIALS_MISSING');
    expect(codeOf({ mode, unreadableNames: ['SECRET'] })).toBe('DECRYPTION_FAILED');
    expect(codeOf({ mode, requiredNames: [], versions: {} })).toBeNull();
  });

  test('it is told which are at fault', () => {
    expect(refusalToSwitchOn({ ...facts, mode, versions: { API_KEY: 1 } })).toMatchObject({ names: ['SECRET'] });
    expect(refusalToSwitchOn({ ...facts, mode, unreadableNames: ['API_KEY'] })).toMatchObject({ names: ['API_KEY'] });
  });
});
