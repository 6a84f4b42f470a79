/**
 * Who of equals goes first (PRV-7): weighted rendezvous hashing. Each slot draws a number from the request's key and
 * its own id, exponentially distributed with its weight as rate; the least goes first. Hence a slot is first with just
 * its weight's probability, the same key has the same order in every process, a slot that comes takes keys for itself
 * only, and one that goes leaves the order of the others as it was.
 */
import { SHARE_MAX } from './routing-rules.ts';

/** 64 bits of a text, as two 32-bit lanes. */
export type TextHash = readonly [number, number];

/** Fixed for good: another hash would move every key to another provider. */
export function hashText(text: string): TextHash {
  let a = 0x9e3779b9 ^ text.length;
  let b = 0x85ebca6b ^ text.length;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995);
    b ^= b >>> 15;
  }
  return [scattered(a), scattered(b)];
}

// The finalizer of MurmurHash3: each bit of the input turns each of the output with a probability of one half.
function scattered(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

const TWO_TO_32 = 2 ** 32;

/** A number in (0, 1) that belongs to this pair, and to no other. */
function draw(key: TextHash, slot: TextHash): number {
  const bits = scattered(scattered(key[0] ^ slot[0]) ^ key[1] ^ slot[1]);
  return ((bits >>> 0) + 0.5) / TWO_TO_32;
}

/** The same as an exponentially distributed number with the weight as rate. */
function raced(drawn: number, weight: number): number {
  return -Math.log1p(-drawn) / weight;
}

export interface Sharer {
  readonly hash: TextHash;
  /** Percent, or null: has a part of what the others leave. */
  readonly share: number | null;
}

/** What else draws beside a priority's slots. Of the priority, so that being refused by one says nothing about the next. */
export interface LevelHashes {
  /** Those without a share, as one. */
  readonly rest: TextHash;
  /** The keys that no share of the priority is for. */
  readonly nobody: TextHash;
}

export function levelHashes(priority: number): LevelHashes {
  return { rest: hashText(`rest of ${priority}`), nobody: hashText(`nobody of ${priority}`) };
}

/** Where a slot stands: by its own score or its group's, and within the group by what it drew. */
interface Drawn<T> {
  readonly slot: T;
  readonly score: number;
  readonly inner: number;
}

const LAST = Infinity;

/**
 * The order in which the slots of one priority are tried for a key. Shares are percents of the keys; slots without one
 * divide equally what those leave, and draw among themselves in a second round, so that one more of them takes keys of
 * its like only. Shares that sum above 100 are weights. A share of 0 and a part of nothing never go first while
 * another can; they stand by as the last.
 * @param slots usable by configuration; health is no matter here, or keys would move whenever it flaps
 * @returns null where all have a share, these sum below 100, and the key is none of theirs
 */
export function orderByShare<T extends Sharer>(
  slots: readonly T[],
  key: TextHash,
  level: LevelHashes,
): readonly T[] | null {
  let shared = 0;
  let without = 0;
  for (const { share } of slots) {
    if (share === null) without += 1;
    else shared += share;
  }
  if (without === 1 && slots.length === 1) return slots;
  const left = SHARE_MAX - shared;
  const restScore = left <= 0 ? LAST : shared === 0 ? 0 : raced(draw(key, level.rest), left);
  const drawn: Drawn<T>[] = [];
  for (const slot of slots) {
    // Rising with the draw as the race does, so that those of a group need no logarithm.
    const inner = draw(key, slot.hash);
    const score = slot.share === null ? restScore : slot.share === 0 ? LAST : raced(inner, slot.share);
    insert(drawn, { slot, score, inner });
  }
  if (left > 0 && without === 0 && drawn[0]!.score > raced(draw(key, level.nobody), left)) return null;
  return drawn.map(({ slot }) => slot);
}

/** Into its place; of equals the first that came goes first. A handful at most: quicker than sorting afterwards. */
function insert<T>(drawn: Drawn<T>[], one: Drawn<T>): void {
  drawn.push(one);
  let place = drawn.length - 1;
  for (; place > 0 && isBefore(one, drawn[place - 1]!); place -= 1) drawn[place] = drawn[place - 1]!;
  drawn[place] = one;
}

function isBefore(one: Drawn<unknown>, other: Drawn<unknown>): boolean {
  return one.score === other.score ? one.inner < other.inner : one.score < other.score;
}

/** The percentage each slot of a priority has, in their order: the weight by which they are listed. */
export function weightsOf(shares: readonly (number | null)[]): number[] {
  const shared = shares.reduce<number>((sum, share) => sum + (share ?? 0), 0);
  const without = shares.filter((share) => share === null).length;
  const each = without === 0 ? 0 : Math.max(0, SHARE_MAX - shared) / without;
  return shares.map((share) => share ?? each);
}
