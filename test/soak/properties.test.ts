import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

import { expect, inject, test } from 'vitest';

/** What `npm test` tries with one seed, with fresh ones: PROPERTY_ROUNDS of them, or with PROPERTY_SEED that one again. */
const ROUNDS = Number(process.env['PROPERTY_ROUNDS'] ?? 5);
const root = resolve(import.meta.dirname, '../..');
const seeds = process.env['PROPERTY_SEED']
  ? [Number(process.env['PROPERTY_SEED'])]
  : Array.from({ length: ROUNDS }, () => randomInt(2 ** 31));

const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts') && !name.startsWith('soak'))
  .map((name) => join(root, 'test', name))
  .filter((file) => readFileSync(file, 'utf8').includes("helpers/property.ts'"));

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** All property tests under one seed. @returns how many tests passed, and by name what failed */
async function round(seed: number): Promise<{ seed: number; passed: number; failed: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-properties-'));
  const output = join(folder, 'report.json');
  try {
    const env = { ...process.env, PROPERTY_SEED: String(seed), DATABASE_URL: inject('testServer').ownerUrl };
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const args = [vitest, 'run', '--mode', 'test', '--reporter=json', `--outputFile.json=${output}`, ...files];
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'ignore' });
    const code = await new Promise((done) => child.on('exit', done));
    const { numPassedTests, testResults } = JSON.parse(readFileSync(output, 'utf8')) as Report;
    const failed = testResults
      .filter(({ status }) => status === 'failed')
      .flatMap(({ name, message, assertionResults }) => [
        `${relative(root, name)} ${message.slice(0, 300)}`,
        ...assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
      ]);
    return { seed, passed: numPassedTests, failed: code === 0 ? failed : [`exit code ${String(code)}`, ...failed] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test(`the properties of ${files.length} files hold under seeds nobody chose: ${seeds.join(', ')}`, async () => {
  const rounds = [];
  for (const seed of seeds) {
    rounds.push(await round(seed));
    console.log(JSON.stringify(rounds.at(-1)));
  }
  const passed = rounds.reduce((sum, one) => sum + one.passed, 0);
  console.log(JSON.stringify({ proof: 'properties', seeds, files: files.length, passed, rounds: rounds.length }));
  expect(rounds.filter(({ failed }) => failed.length > 0)).toEqual([]);
  expect(passed).toBeGreaterThan(0);
});
