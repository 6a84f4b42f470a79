import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { TRAVEL_PROVIDERS } from '../../src/integrations/providers.ts';
import { PAYMENT_GATEWAYS } from '../../src/integrations/registry.ts';
import { SES_SIMULATOR_PATH } from '../../src/integrations/ses/client.ts';
import { SIMULATORS } from '../../src/integrations/simulators.ts';

/**
 * A simulator written from the client would repeat its mistakes and agree with them. So it may see the shared
 * machinery, its own
 * files and packages, and nothing of ours beside the outbound http module.
 */
const ROOT = fileURLToPath(new URL('../../src/integrations/', import.meta.url));

const files = fs
  .readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .map((name) => name.split(path.sep).join('/'))
  .filter((name) => /(^|\/)simulator[^/]*\.ts$|^simulator\/.*\.ts$/.test(name));

function forbidden(file: string, source: string): string[] {
  return [...source.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)]
    .map(([, specifier = '']) => specifier)
    .filter((specifier) => !specifier.startsWith('node:') && specifier !== 'zod')
    .filter((specifier) => {
      const target = path.posix.join(path.posix.dirname(file), specifier);
      return !/^(simulator\/[^/]+|[^/]+\/simulator[^/]*|http)\.ts$/.test(target);
    });
}

test('simulators are found', () => expect(files.length).toBeGreaterThan(8));

test.each(files)('%s imports nothing that our clients are made of', (file) => {
  expect(forbidden(file, fs.readFileSync(path.join(ROOT, file), 'utf8'))).toEqual([]);
});

test.each([
  './client.ts',
  './wire.ts',
  './map.ts',
  './signature.ts',
  './money.ts',
  '../contract.ts',
  '../policy.ts',
  '../../db.ts',
])('the rule finds %s', (specifier) => {
  expect(forbidden('fawaterk/simulator.ts', `import { x } from '${specifier}';`)).toEqual([specifier]);
  expect(forbidden('fawaterk/simulator.ts', `const x = await import('${specifier}');`)).toEqual([specifier]);
});

test('every integration has a simulator where the registry says it is', () => {
  const paths = [...PAYMENT_GATEWAYS, ...TRAVEL_PROVIDERS].map((one) => one.simulatorPath);
  expect(new Set([...paths, SES_SIMULATOR_PATH].map((path) => path.split('/')[1]))).toEqual(
    new Set(Object.keys(SIMULATORS)),
  );
});
