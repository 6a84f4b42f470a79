import type { GraphQLFormattedError } from 'graphql';

import type { Connection } from './connection.ts';
import type { Sink } from './contract.ts';
import type { Group } from './group.ts';
import { isAbout } from '../journal/watch.ts';

const SCAN_SIZE = 128;

export interface MemberOptions {
  readonly group: Group;
  readonly connection: Connection;
  readonly sink: Sink;
  /** Everything after this position is to be delivered. */
  readonly after: bigint;
  readonly mask: (error: unknown) => GraphQLFormattedError;
  readonly onSent: (count: number) => void;
  readonly onStop: (member: Member) => void;
}

/**
 * One subscription of one connection. It catches up at its own pace by reading the journal, and goes live at a moment when it has had
 * all the feed has: from there on the group delivers, and nothing is kept for it.
 */
export class Member {
  readonly group: Group;
  readonly #options: MemberOptions;
  #covered: bigint;
  #live = false;
  #pumping = false;
  #stopped = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.group = options.group;
    this.#covered = options.after;
  }

  /** The subscriber has had everything up to here. */
  get covered(): bigint {
    return this.#live && this.group.covered > this.#covered ? this.group.covered : this.#covered;
  }

  start(): void {
    if (!this.#pumping && !this.#stopped) void this.#pump();
  }

  /** @returns whether it was sent. */
  deliver(position: bigint, payload: Buffer, nowMs: number): boolean {
    if (position <= this.#covered) return false;
    const { connection, sink } = this.#options;
    if (!connection.mayReceive(nowMs)) {
      this.#fallBack(position - 1n);
      return false;
    }
    this.#covered = position;
    sink.next(payload);
    connection.checkPace();
    return true;
  }

  /** Ends this subscription with an error that says where to go on. */
  fail(error: unknown): void {
    if (this.#stopped) return;
    const shown = this.#options.mask(error);
    const cursor = this.#options.connection.cursorAt(this.group.feed, this.covered);
    this.stop();
    this.#options.sink.fail({ ...shown, extensions: { ...shown.extensions, cursor } });
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.group.leaveLive(this);
    this.#options.onStop(this);
  }

  // While something about the asker is being looked up nothing is delivered; afterwards it goes on from where it was.
  #fallBack(covered: bigint): void {
    this.#covered = covered;
    this.#live = false;
    this.group.leaveLive(this);
    this.start();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      // Asked anew each time: who went live may have fallen back before this turn came.
      while (!this.#stopped && !this.#live) await this.#step();
    } catch (error) {
      this.fail(error);
    } finally {
      this.#pumping = false;
    }
  }

  async #step(): Promise<void> {
    const { connection } = this.#options;
    await connection.cleared();
    await connection.transport.drained();
    if (this.#stopped || connection.suspended) return;
    const { feed } = this.group;
    // No wait lies between this comparison and going live, so that no event can come between them.
    if (feed.position <= this.#covered) {
      this.#live = true;
      this.group.goLive(this);
      return;
    }
    for (const event of await feed.read(this.#covered, SCAN_SIZE)) {
      if (isAbout(this.group.filter, event)) {
        const payload = await this.group.pastResultFor(event);
        if (this.#stopped || connection.suspended) return;
        this.#options.sink.next(payload);
        this.#options.onSent(1);
      }
      this.#covered = event.position;
    }
  }
}
