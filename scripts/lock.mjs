// A lock that a killed process cannot keep: a file that names its holder by process id AND start time, so that neither a
// left-over file nor a reused process id passes for a living holder. Plain JavaScript, because the set-up runs before any
// package is installed; src/launch uses the same functions (types in lock.d.mts).
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { spawnSync } from 'node:child_process';

const TAKEOVER_STALE_MS = 10_000;
const ATTEMPTS_MAX = 200;

/** When the process started, in a form that differs for every process of this machine; null when there is none. */
export function processIdentity(pid) {
  if (process.platform === 'linux') return linuxIdentity(pid);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return null;
  }
  if (process.platform === 'win32') return 'alive';
  const answer = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return answer.stdout?.trim() || null;
}

function linuxIdentity(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name stands in parentheses and may hold blanks, so counting starts behind its closing one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    // A zombie was killed already and only waits for a parent that may never collect it.
    if (state === 'Z' || state === 'X') return null;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`;
  } catch {
    return null;
  }
}

/** Who holds the lock now: { pid, identity }, or null when nobody alive does. */
export function lockHolder(path) {
  const holder = readHolder(path);
  if (holder === null) return null;
  return processIdentity(holder.pid) === holder.identity ? holder : null;
}

/** Takes the lock. Returns a function that gives it back, or the living holder when it is taken. */
export function tryLock(path) {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${process.pid}.${randomUUID().slice(0, 8)}`;
  const identity = processIdentity(process.pid);
  writeFileSync(own, JSON.stringify({ pid: process.pid, identity }));
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (link(own, path)) return { release: () => releaseLock(path, identity) };
      const holder = lockHolder(path);
      if (holder !== null) return { holder };
      removeStale(path, own);
    }
    throw new Error(`The lock ${path} could not be taken; delete it if nothing runs.`);
  } finally {
    rmSync(own, { force: true });
  }
}

// Only one process at a time may remove a stale lock: otherwise a slow one would remove the fresh lock of a fast one.
function removeStale(path, own) {
  const takeover = `${path}.takeover`;
  if (!link(own, takeover)) {
    const age = Date.now() - (statSync(takeover, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > TAKEOVER_STALE_MS) rmSync(takeover, { force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    return;
  }
  try {
    if (lockHolder(path) === null) rmSync(path, { force: true });
  } finally {
    rmSync(takeover, { force: true });
  }
}

function releaseLock(path, identity) {
  const holder = readHolder(path);
  if (holder?.pid === process.pid && holder.identity === identity) rmSync(path, { force: true });
}

function readHolder(path) {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8'));
    return Number.isInteger(holder?.pid) && typeof holder.identity === 'string' ? holder : null;
  } catch {
    return null;
  }
}

function link(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}
