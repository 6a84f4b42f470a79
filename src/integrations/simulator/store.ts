import fs from 'node:fs';
import path from 'node:path';

/**
 * What a simulator remembers: named collections of JSON values, kept in memory and in an append-only journal. Every
 * change is one write to the file, so a killed process loses nothing that it answered; a half-written last line is
 * ignored. The journal is rewritten when it has grown to several times what it holds.
 */
export interface Store {
  get<T>(collection: string, id: string): T | undefined;
  put(collection: string, id: string, value: unknown): void;
  remove(collection: string, id: string): void;
  /** In order of first insertion. */
  entries<T>(collection: string): IterableIterator<[string, T]>;
  size(collection: string): number;
  close(): void;
}

interface Line {
  readonly c: string;
  readonly i: string;
  /** Absent: removed. */
  readonly v?: unknown;
}

const COMPACT_AT_LINES = 50_000;

/** @param sizeMax entries of one collection; the oldest go first, because a sandbox may run for months. */
export function openStore(directory: string, name: string, sizeMax = 100_000): Store {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, `${name}.journal`);
  const collections = load(file);
  let lines = compact(file, collections);
  let descriptor = fs.openSync(file, 'a', 0o600);
  const collection = (wanted: string): Map<string, unknown> => {
    let found = collections.get(wanted);
    if (!found) collections.set(wanted, (found = new Map()));
    return found;
  };
  const append = (line: Line): void => {
    fs.writeSync(descriptor, `${JSON.stringify(line)}\n`);
    lines++;
    if (lines < COMPACT_AT_LINES || lines < 4 * total(collections)) return;
    fs.closeSync(descriptor);
    lines = compact(file, collections);
    descriptor = fs.openSync(file, 'a', 0o600);
  };
  return {
    get: <T>(wanted: string, id: string) => collections.get(wanted)?.get(id) as T | undefined,
    put: (wanted, id, value) => {
      const held = collection(wanted);
      held.set(id, value);
      append({ c: wanted, i: id, v: value });
      if (held.size > sizeMax) {
        const oldest = held.keys().next().value ?? '';
        held.delete(oldest);
        append({ c: wanted, i: oldest });
      }
    },
    remove: (wanted, id) => {
      if (collection(wanted).delete(id)) append({ c: wanted, i: id });
    },
    entries: <T>(wanted: string) => collection(wanted).entries() as IterableIterator<[string, T]>,
    size: (wanted) => collections.get(wanted)?.size ?? 0,
    close: () => fs.closeSync(descriptor),
  };
}

function load(file: string): Map<string, Map<string, unknown>> {
  const collections = new Map<string, Map<string, unknown>>();
  if (!fs.existsSync(file)) return collections;
  for (const text of fs.readFileSync(file, 'utf8').split('\n')) {
    const line = parseLine(text);
    if (!line) continue;
    let held = collections.get(line.c);
    if (!held) collections.set(line.c, (held = new Map()));
    if (line.v === undefined) held.delete(line.i);
    else held.set(line.i, line.v);
  }
  return collections;
}

/** Null for the empty end of the file and for a line that a kill cut short. */
function parseLine(text: string): Line | null {
  if (text === '') return null;
  try {
    return JSON.parse(text) as Line;
  } catch {
    return null;
  }
}

/** Written beside and renamed over, so that a kill in the middle leaves the old journal whole. @returns its lines. */
function compact(file: string, collections: Map<string, Map<string, unknown>>): number {
  const beside = `${file}.new`;
  const descriptor = fs.openSync(beside, 'w', 0o600);
  let count = 0;
  for (const [c, held] of collections) {
    for (const [i, v] of held) {
      fs.writeSync(descriptor, `${JSON.stringify({ c, i, v })}\n`);
      count++;
    }
  }
  fs.closeSync(descriptor);
  fs.renameSync(beside, file);
  return count;
}

function total(collections: Map<string, Map<string, unknown>>): number {
  let sum = 0;
  for (const held of collections.values()) sum += held.size;
  return sum;
}
