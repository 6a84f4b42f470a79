import type { GraphQLFormattedError } from 'graphql';

import { AppError } from '../errors.ts';
import type { Feed, Follower, Journal, JournalEvent } from '../journal.ts';
import { Gate } from '../journal/gate.ts';
import type { Connection } from './connection.ts';
import {
  LIVE_LIMITS,
  type GraphqlParams,
  type LiveDeps,
  type LiveLimits,
  type PreparedOperation,
  type Sink,
} from './contract.ts';
import { beginExecution, Refusal, type Execution } from './execution.ts';
import { Group } from './group.ts';
import { Member } from './member.ts';
import { shareKey } from './share-key.ts';
import { WatchIndex } from '../journal/watch.ts';

/** Reads of events, so that they leave connections to requests. Who catches up must not hold up who is live. */
const LIVE_AT_ONCE_MAX = 6;
const CATCH_UP_AT_ONCE_MAX = 3;
/** Thousands who come back at once wait for each other here, instead of being refused by the pool. */
const BEGINNINGS_AT_ONCE_MAX = 6;

/** One tenant's feed and the groups that live on it. It is given back when the last group is gone. */
class TenantFeed implements Follower {
  readonly groups = new Map<string, Group>();
  readonly index = new WatchIndex<Group>();
  readonly opened: Promise<Feed>;
  readonly #onLost: () => void;

  constructor(journal: Journal, tenantId: string, onLost: () => void) {
    this.#onLost = onLost;
    this.opened = journal.follow(tenantId, this);
    this.opened.catch(onLost);
  }

  stop(): void {
    this.opened.then((feed) => feed.stop()).catch(() => undefined);
  }

  onEvents(events: readonly JournalEvent[]): void {
    for (const event of events) for (const group of this.index.candidates(event)) group.offer(event);
  }

  onLost(error: Error): void {
    this.#onLost();
    for (const group of this.groups.values()) for (const member of [...group.members]) member.fail(error);
  }
}

/** Brings subscriptions and the journal together: who wants the same shares one execution, one result and one text. */
export class Hub {
  readonly #deps: LiveDeps;
  readonly #limits: LiveLimits;
  readonly #feeds = new Map<string, TenantFeed>();
  readonly #liveGate = new Gate(LIVE_AT_ONCE_MAX);
  readonly #catchUpGate = new Gate(CATCH_UP_AT_ONCE_MAX);
  readonly #beginnings = new Gate(BEGINNINGS_AT_ONCE_MAX);
  readonly #counts = new Map<string, number>();

  constructor(deps: LiveDeps) {
    this.#deps = deps;
    this.#limits = { ...LIVE_LIMITS, ...deps.limits };
  }

  /**
   * A subscription that begins to deliver when `start` is called on what is returned.
   * @throws Refusal with errors fit to be shown
   */
  async subscribe(
    connection: Connection,
    operation: PreparedOperation,
    params: GraphqlParams,
    sink: Sink,
  ): Promise<Member> {
    const names = [`tenant ${connection.identity.scope.tenantId}`, `identity ${connection.identityName}`];
    this.#hold(connection, names);
    try {
      const { engine, cursorKey } = this.#deps;
      await connection.cleared();
      const execution = await this.#beginnings.run(() =>
        beginExecution(engine, cursorKey, operation, params, connection.identity),
      );
      const key = shareKey(operation, params, connection.identity);
      return await this.#join(connection, execution, key, sink, names);
    } catch (error) {
      this.#give(names);
      throw error instanceof Refusal ? error : this.#refuse(error);
    }
  }

  async #join(
    connection: Connection,
    execution: Execution,
    key: string,
    sink: Sink,
    names: readonly string[],
  ): Promise<Member> {
    const { filter, start } = execution.watch;
    const tenantFeed = this.#feed(filter.tenantId);
    try {
      const feed = await tenantFeed.opened;
      // Whatever was awaited, from here to the member's place in its group nothing is.
      if (feed.epoch !== start.epoch)
        throw new AppError(
          'CURSOR_INVALID',
          'The journal was reset. Query the present state and go on from its cursor.',
        );
      if (connection.ended) throw new AppError('UNAUTHENTICATED', 'The connection has ended.');
      const group = tenantFeed.groups.get(key) ?? this.#begin(tenantFeed, feed, key, execution);
      return this.#enter(tenantFeed, group, connection, sink, start.position, names);
    } catch (error) {
      this.#release(filter.tenantId, tenantFeed);
      throw error;
    }
  }

  #enter(
    tenantFeed: TenantFeed,
    group: Group,
    connection: Connection,
    sink: Sink,
    after: bigint,
    names: readonly string[],
  ): Member {
    const member = new Member({
      group,
      connection,
      sink,
      after,
      mask: (error) => this.#deps.engine.mask(error),
      onSent: (count) => this.#deps.metrics.messagesSent(count),
      onStop: () => this.#leave(tenantFeed, member, connection, names),
    });
    group.members.add(member);
    connection.members.add(member);
    this.#deps.metrics.subscriptionsOpen(1, connection.transport.name);
    return member;
  }

  #begin(tenantFeed: TenantFeed, feed: Feed, key: string, execution: Execution): Group {
    const group = new Group({
      key,
      execution,
      feed,
      liveGate: this.#liveGate,
      catchUpGate: this.#catchUpGate,
      nowMs: () => this.#deps.clock.now().getTime(),
      onExecuted: () => this.#deps.metrics.eventsExecuted(1),
      onSent: (count) => this.#deps.metrics.messagesSent(count),
    });
    tenantFeed.groups.set(key, group);
    tenantFeed.index.add(group.filter, group);
    return group;
  }

  #leave(tenantFeed: TenantFeed, member: Member, connection: Connection, names: readonly string[]): void {
    const { group } = member;
    group.members.delete(member);
    connection.members.delete(member);
    this.#deps.metrics.subscriptionsOpen(-1, connection.transport.name);
    this.#give(names);
    if (group.members.size > 0) return;
    tenantFeed.groups.delete(group.key);
    tenantFeed.index.delete(group.filter, group);
    this.#release(group.filter.tenantId, tenantFeed);
  }

  // Those who ask for a tenant's feed while it is being opened share it.
  #feed(tenantId: string): TenantFeed {
    let feed = this.#feeds.get(tenantId);
    if (!feed) {
      const opening: TenantFeed = new TenantFeed(this.#deps.journal, tenantId, () => this.#forget(tenantId, opening));
      feed = opening;
      this.#feeds.set(tenantId, feed);
    }
    return feed;
  }

  #forget(tenantId: string, feed: TenantFeed): void {
    if (this.#feeds.get(tenantId) === feed) this.#feeds.delete(tenantId);
  }

  #release(tenantId: string, feed: TenantFeed): void {
    // Not in this turn: somebody who was promised this feed may be about to join it.
    setImmediate(() => {
      if (feed.groups.size > 0) return;
      this.#forget(tenantId, feed);
      feed.stop();
    });
  }

  #hold(connection: Connection, names: readonly string[]): void {
    const limits = [this.#limits.subscriptionsPerTenantMax, this.#limits.subscriptionsPerIdentityMax];
    const over = names.some((name, index) => (this.#counts.get(name) ?? 0) >= limits[index]!);
    if (over || connection.members.size >= this.#limits.subscriptionsPerConnectionMax) {
      throw this.#refuse(new AppError('RATE_LIMITED', 'Too many subscriptions are open. Close some of them first.'));
    }
    for (const name of names) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  #give(names: readonly string[]): void {
    for (const name of names) {
      const left = (this.#counts.get(name) ?? 1) - 1;
      if (left > 0) this.#counts.set(name, left);
      else this.#counts.delete(name);
    }
  }

  #refuse(error: unknown): Refusal {
    const shown: GraphQLFormattedError = this.#deps.engine.mask(error);
    return new Refusal([shown]);
  }
}
