import { describe, expect, test } from 'vitest';

import { allFlags, checkedConfig, checkedKey, FEATURE_KEYS, isEnabled } from '../../src/domain/feature-flags.ts';

describe('features', () => {
  test('nobody has set are as they were before there were flags: all on but the blog', () => {
    expect(allFlags([])).toEqual(
      ['store', 'booking', 'blog', 'newsletter', 'rewards'].map((key) => ({
        key,
        enabled: key !== 'blog',
        config: {},
      })),
    );
    expect(FEATURE_KEYS.filter((key) => isEnabled({}, key))).toEqual(['store', 'booking', 'newsletter', 'rewards']);
  });

  test('that were set are as they were set, and what nobody knows any more is left out', () => {
    const rows = [
      { key: 'blog', enabled: true, config: { postsPerPage: 5 } },
      { key: 'gone', enabled: true, config: {} },
    ];
    expect(allFlags(rows).find(({ key }) => key === 'blog')).toEqual(rows[0]);
    expect(allFlags(rows)).toHaveLength(FEATURE_KEYS.length);
    expect([isEnabled({ store: false, blog: true }, 'store'), isEnabled({ blog: true }, 'blog')]).toEqual([
      false,
      true,
    ]);
  });

  test.each(['', 'shop', 'STORE', '__proto__', 'constructor'])(
    '%j is none, and the refusal names those there are',
    (key) => {
      expect(() => checkedKey(key)).toThrow(
        expect.objectContaining({ code: 'INVALID_INPUT', field: ['input', 'key'], details: { keys: FEATURE_KEYS } }),
      );
    },
  );

  test.each([
    ['store', { title: 'Shop', featuredCategories: ['course'] }],
    ['booking', { showRemaining: true }],
    ['blog', { postsPerPage: 10 }],
    ['newsletter', { topics: ['Travel'] }],
    ['rewards', { showPointsWorth: false }],
  ] as const)('%s takes its own config', (key, config) => {
    expect(checkedConfig(key, config)).toEqual(config);
  });

  test.each<[Parameters<typeof checkedConfig>[0], unknown, string[]]>([
    ['store', { postsPerPage: 1 }, []],
    ['store', { featuredCategories: ['Not A Slug'] }, ['featuredCategories', '0']],
    ['blog', { postsPerPage: 0 }, ['postsPerPage']],
    ['blog', { postsPerPage: '5' }, ['postsPerPage']],
    ['booking', [], []],
    ['rewards', 'yes', []],
    ['newsletter', { title: '' }, ['title']],
    ['rewards', JSON.parse('{"__proto__": {"x": 1}}'), []],
  ])('%s refuses %j and says where', (key, config, path) => {
    expect(() => checkedConfig(key, config)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', field: ['input', 'config', ...path] }),
    );
  });
});
