// What every npm script calls: sets the clone up if need be, then runs the wanted part under the pinned Node.
// Plain JavaScript for Node 20, without packages.
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { spawn } from 'node:child_process';
import { SetupError, ensureGenerated, ensureReady, pinnedNode, root } from './setup.mjs';

const bin = (path) => join(root, 'node_modules', path);
const source = (path) => join(root, path);

/** Each command is a list of steps (file and arguments) that run one after another until one fails. */
const commands = {
  start: () => [[source('src/launch/start.ts')]],
  dev: () => [[source('src/launch/start.ts'), '--watch']],
  demo: () => [[source('scripts/demo.ts')]],
  cli: () => [[source('src/launch/cli.ts')]],
  bench: () => [[source('bench/run.ts')]],
  test: () => [[bin('vitest/vitest.mjs'), 'run']],
  'test:soak': () => [[bin('vitest/vitest.mjs'), 'run', '--mode', 'soak']],
  'proof:isolation': () => [[source('test/proof/run-isolation.ts')]],
  'db:migrate': () => [[source('src/launch/databaseCommand.ts'), 'migrate']],
  'db:check': () => [[source('src/launch/databaseCommand.ts'), 'check']],
  'db:reset': () => [[source('src/launch/databaseCommand.ts'), 'reset']],
  'example:portal': () => [[source('scripts/portal.ts')]],
  types: () => [
    [bin('typescript/bin/tsc'), '--noEmit'],
    [bin('typescript/bin/tsc'), '--noEmit', '-p', source('examples/portal')],
  ],
  lint: () => [[bin('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings']],
  format: () => [[bin('oxfmt/bin/oxfmt')]],
  'format:check': () => [[bin('oxfmt/bin/oxfmt'), '--check']],
  knip: () => [[bin('knip/bin/knip.js')]],
  generate: () => (existsSync(source('codegen.ts')) ? [[source('codegen.ts')]] : []),
  check: () => [[source('scripts/check.mjs')]],
  ci: () => [[source('scripts/check.mjs'), '--every-database']],
};

const [command = '', ...rest] = process.argv.slice(2);

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main() {
  if (!Object.hasOwn(commands, command)) {
    throw new SetupError(`Unknown command "${command}". There are: ${Object.keys(commands).join(', ')}.`);
  }
  await ensureReady();
  if (command === 'generate') await ensureGenerated({ force: true });
  const steps = commands[command]();
  for (const [index, step] of steps.entries()) {
    const code = await runStep(index === steps.length - 1 ? [...step, ...rest] : step);
    if (code !== 0) return code;
  }
  return 0;
}

/** Runs one file under the pinned Node, hands signals on and returns the exit code as a shell would (128 + signal). */
function runStep([file, ...args]) {
  const child = spawn(pinnedNode(), ['--disable-warning=ExperimentalWarning', file, ...args], {
    // The extra channel closes when this process dies, by whatever means: that is how src/launch learns of it.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    cwd: root,
    env: { ...process.env, PATH: `${bin('.bin')}${delimiter}${process.env.PATH ?? ''}` },
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const hand = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, hand);
  const watch = watchParent(() => child.kill('SIGTERM'));
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      for (const name of signals) process.off(name, hand);
      done(code ?? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 0));
    });
  });
}

// npm passes SIGTERM on, but a killed npm can pass on nothing: without this its server would live on unseen.
function watchParent(onOrphaned) {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const family = ancestors();
  const timer = setInterval(() => {
    if (ancestors() === family) return;
    clearInterval(timer);
    onOrphaned();
  }, 500);
  return timer.unref();
}

/** Our parent, and where that is only npm's shell (Linux tells), the shell's parent too: one of the two is npm. */
function ancestors() {
  try {
    const name = readFileSync(`/proc/${process.ppid}/comm`, 'utf8');
    if (/^(npm|node)/.test(name)) return `${process.ppid}`;
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    return `${process.ppid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]}`;
  } catch {
    return `${process.ppid}`;
  }
}
