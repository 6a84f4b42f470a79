// npm run check, and with --every-database what .ci/run runs: tests and checks, all of them even when one fails, and a last
// line that adds up what really ran: every single test, and one for each check.
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import pg from 'pg';
import { root } from './setup.mjs';

const LOCAL_SERVER = 'postgresql://postgres@127.0.0.1:5432/postgres';
const everyDatabase = process.argv.includes('--every-database');
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const details = [];
/** How much of a failure's text the summary repeats: what failed must be known even where only the end of a log is kept. */
const LINES_OF_A_FAILURE = 12;

function count(name, passed, failed, skipped = 0) {
  totals.passed += passed;
  totals.failed += failed;
  totals.skipped += skipped;
  if (failed > 0) failures.push(`${name}: ${failed}`);
}

function heading(text) {
  console.log(`\n=== ${text}`);
}

/** Runs a command with its output shown. @returns its exit code. */
function run(command, args, env = process.env) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env, shell: process.platform === 'win32' });
    child.on('error', (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      done(127);
    });
    child.on('exit', (code) => done(code ?? 1));
  });
}

async function test(name, variables) {
  heading(`npm test, ${name}`);
  const folder = mkdtempSync(join(tmpdir(), 'portolan-report-'));
  const report = join(folder, 'report.json');
  // The surroundings must not decide which database is tested.
  const { DATABASE_URL: _url, DATABASE_MIGRATION_URL: _owner, TEST_DATABASE_URL: _test, ...env } = process.env;
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await run('npm', ['test', '--', ...reporters], { ...env, ...variables });
  const found = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : null;
  rmSync(folder, { recursive: true, force: true });
  const failed = found?.numFailedTests ?? 0;
  details.push(...(found?.testResults ?? []).flatMap((file) => failuresOf(name, file)));
  // A file that cannot even be loaded fails no test, and yet the run fails.
  count(
    `tests, ${name}`,
    found?.numPassedTests ?? 0,
    code !== 0 && failed === 0 ? 1 : failed,
    found?.numPendingTests ?? 0,
  );
}

/** What failed in one file, as the summary shows it: a failed test each, or the file's own message if it could not be run. */
function failuresOf(run, file) {
  const tests = file.assertionResults.filter((result) => result.status === 'failed');
  const path = relative(root, file.name);
  if (tests.length === 0) return file.status === 'failed' ? [shorten(`${run}: ${path}`, file.message)] : [];
  return tests.map((result) => shorten(`${run}: ${path} > ${result.fullName}`, result.failureMessages.join('\n')));
}

function shorten(title, text) {
  const lines = text.split('\n').slice(0, LINES_OF_A_FAILURE);
  return [title, ...lines.map((line) => `    ${line}`)].join('\n');
}

async function check(name) {
  heading(`npm run ${name}`);
  const code = await run(process.execPath, [join(root, 'scripts', 'portolan.mjs'), name]);
  count(name, code === 0 ? 1 : 0, code === 0 ? 0 : 1);
}

/** Generating again must change nothing: what is committed is what the sources give. */
async function checkGenerated() {
  heading('npm run generate, then compare');
  const before = generatedFiles();
  const code = await run(process.execPath, [join(root, 'scripts', 'portolan.mjs'), 'generate']);
  const changed = [...generatedFiles()].filter(([file, hash]) => before.get(file) !== hash).map(([file]) => file);
  if (changed.length > 0) console.error(`Not what the sources give; commit them anew: ${changed.join(', ')}`);
  const isGood = code === 0 && changed.length === 0;
  count('generated files', isGood ? 1 : 0, isGood ? 0 : 1);
}

function generatedFiles() {
  const names = ['test/generated', 'examples/portal/src/generated'].flatMap((folder) =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`) : [],
  );
  const files = [...names, 'schema.graphql'].filter((name) => existsSync(join(root, name)));
  return new Map(
    files.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(root, name)))
        .digest('hex'),
    ]),
  );
}

/** In a fresh clone nothing that is committed may differ after all this. */
async function checkUnchanged() {
  if (spawnSync('git', ['rev-parse', '--is-inside-work-tree'], { cwd: root }).status !== 0) return;
  heading('git diff --exit-code');
  const code = await run('git', ['--no-pager', 'diff', '--exit-code', '--stat']);
  count('git diff', code === 0 ? 1 : 0, code === 0 ? 0 : 1);
}

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const APT = ['-q', '-y', '-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=30'];

/** The sample portal is tried in a real browser. Where none is installed and installing is ours to do, it is done; else it is said. */
async function ensureBrowser() {
  if ([process.env.CHROMIUM ?? '', ...BROWSERS].some((path) => path !== '' && existsSync(path))) return;
  heading('a browser for the sample portal');
  const why = (reason) =>
    console.log(`No browser is installed, and none will be (${reason}): the portal is not tried.`);
  if (process.getuid?.() !== 0) return why('that takes root');
  if (!existsSync('/usr/bin/apt-get')) return why('there is no apt-get');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '--no-install-recommends', 'chromium'];
  for (const step of [['update'], install]) {
    const code = await run('apt-get', [...APT, ...step], env);
    if (code !== 0) return why(`apt-get ${step[0]} ended with ${code}`);
  }
}

async function localServerVersion() {
  const client = new pg.Client({ connectionString: LOCAL_SERVER, connectionTimeoutMillis: 3000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query('show server_version');
    return rows[0].server_version;
  } catch {
    return null;
  } finally {
    await client.end().catch(() => undefined);
  }
}

if (everyDatabase) await ensureBrowser();
await test('embedded database', {});
if (everyDatabase) {
  const version = await localServerVersion();
  if (version === null)
    console.log('\nNo PostgreSQL lets us in on 127.0.0.1:5432, so the tests ran on the embedded one only.');
  else await test(`PostgreSQL ${version} on 127.0.0.1:5432`, { DATABASE_URL: LOCAL_SERVER });
}
for (const name of ['types', 'lint', 'format:check', 'knip']) await check(name);
await checkGenerated();
if (everyDatabase) await checkUnchanged();

heading('summary');
if (totals.skipped > 0) console.log(`${totals.skipped} skipped`);
for (const line of [...details, ...failures]) console.log(`failed - ${line}`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 ? 0 : 1;
