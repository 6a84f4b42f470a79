import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { assertPortFree } from '../../src/launch/probes.ts';
import { readSecretKey, readSettings } from '../../src/launch/settings.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-settings-'));
  folders.push(folder);
  return folder;
}

test('an empty variable counts as unset', () => {
  const empty = {
    PORT: '',
    DATA_DIR: '',
    DATABASE_URL: '',
    DATABASE_MIGRATION_URL: '',
    ENVIRONMENT: '',
    APP_BASE_URL: '',
  };
  expect(readSettings(empty)).toEqual(readSettings({}));
  expect(readSettings({})).toMatchObject({ port: 4000, simulatorsPort: 4001, databaseUrl: null, migrationUrl: null });
});

test.each([{ PORT: '0' }, { PORT: '65535' }, { PORT: 'four' }, { ENVIRONMENT: 'staging' }])(
  '%o is refused by name',
  (env) => {
    expect(() => readSettings(env)).toThrow(Object.keys(env)[0]);
  },
);

test('the secret key is made once per data directory, for its owner only; production must bring its own', () => {
  const settings = readSettings({ DATA_DIR: temporaryFolder() });
  const key = readSecretKey({}, settings);
  expect(key.length).toBeGreaterThanOrEqual(32);
  expect(readSecretKey({ SECRET_KEY: '' }, settings)).toBe(key);
  expect(readFileSync(join(settings.dataDir, 'secret-key'), 'utf8')).toBe(key);
  expect(statSync(join(settings.dataDir, 'secret-key')).mode & 0o777).toBe(0o600);
  expect(readSecretKey({ SECRET_KEY: 'given' }, settings)).toBe('given');
  expect(() => readSecretKey({}, { ...settings, environment: 'production' })).toThrow(/^SECRET_KEY is required/);
});

test('a port in use is said in one line that names it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await expect(assertPortFree(port, '127.0.0.1', 'the application')).rejects.toThrow(
    new RegExp(`^Port ${port} of 127\\.0\\.0\\.1, for the application, is in use\\..*$`),
  );
  server.close();
  await once(server, 'close');
  await assertPortFree(port, '127.0.0.1', 'the application');
});
