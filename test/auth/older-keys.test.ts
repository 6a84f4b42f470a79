import { expect, test } from 'vitest';

import { loadConfig } from '../../src/config.ts';

const [one, two] = ['o'.repeat(32), 't'.repeat(32)];
const read = (older: string) =>
  loadConfig({
    ENVIRONMENT: 'test',
    DATABASE_URL: 'postgresql://localhost/x',
    SECRET_KEY: 's'.repeat(32),
    SECRET_KEYS_OLD: older,
  }).olderMasterKeys;

test('older master keys are read with their versions, whatever characters they have', () => {
  expect(read('')).toEqual([]);
  expect(read(`1:${one}`)).toEqual([{ version: 1, secret: one }]);
  expect(read(`1:${one},2:${two},`)).toEqual([
    { version: 1, secret: one },
    { version: 2, secret: two },
  ]);
  const odd = `a,b:c, 7 ${one}`;
  expect(read(`1:${odd},12:${two}`)).toEqual([
    { version: 1, secret: odd },
    { version: 12, secret: two },
  ]);
});

test('a key without a version, or a short one, is a mistake that is told without the key', () => {
  for (const older of [one, `0:${one}`, `x:${one}`, '1:short', `1:${one},2:short`]) {
    let message = '';
    try {
      read(older);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message, older).toContain('SECRET_KEYS_OLD: must be version:key pairs');
    expect(message).not.toContain(one);
  }
});
