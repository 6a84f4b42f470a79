import type { JournalEvent, JournalListener } from '../journal.ts';
import { Gate } from '../journal/gate.ts';
import type { Connection } from './connection.ts';
import type { LiveDeps, LiveLimits } from './contract.ts';

const SWEEP_MS = 500;
/** Keys have no expiry in the identity, so that who came with a key, alone or beside a token, is asked about now and then. */
const KEY_RECHECK_SWEEPS = 60;
/** A connection that took nothing of what waits for it in so many sweeps is dead. */
const STALLED_SWEEPS = 60;
/** With all buffers full together, those who hold up more than this go first. */
const HOLDING_BYTES = 32 * 1024;

interface Pace {
  bytesWritten: number;
  stalledSweeps: number;
}

/** All connections of the process: who is concerned by a change of session, user, key or tenant, and who has had their time. */
export class Connections implements JournalListener {
  readonly #deps: LiveDeps;
  readonly #limits: LiveLimits;
  readonly #all = new Map<Connection, Pace>();
  readonly #byTenant = new Map<string, Set<Connection>>();
  readonly #rechecks = new Gate(8);
  readonly #timer: NodeJS.Timeout;
  readonly #unlisten: () => void;
  #sweeps = 0;

  constructor(deps: LiveDeps, limits: LiveLimits) {
    this.#deps = deps;
    this.#limits = limits;
    this.#unlisten = deps.journal.listen(this);
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  get size(): number {
    return this.#all.size;
  }

  add(connection: Connection): void {
    this.#all.set(connection, { bytesWritten: 0, stalledSweeps: 0 });
    for (const tenantId of connection.tenantIds) {
      const set = this.#byTenant.get(tenantId);
      if (set) set.add(connection);
      else this.#byTenant.set(tenantId, new Set([connection]));
    }
    this.#deps.metrics.connectionsOpen(1, connection.transport.name);
    // What changed between the look at the credentials and this moment was told before anybody listened for this connection.
    connection.recheck((work) => this.#rechecks.run(work));
  }

  delete(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    for (const tenantId of connection.tenantIds) {
      const set = this.#byTenant.get(tenantId);
      set?.delete(connection);
      if (set?.size === 0) this.#byTenant.delete(tenantId);
    }
    this.#deps.metrics.connectionsOpen(-1, connection.transport.name);
  }

  tenants(): Iterable<string> {
    return this.#byTenant.keys();
  }

  /** Heard before any follower of the stream, so that what comes after a revocation is not delivered on the strength of what was before. */
  onEvent(event: JournalEvent): void {
    if (!CHANGES.has(event.type)) return;
    for (const connection of this.#byTenant.get(event.tenantId) ?? []) {
      if (concerns(event, connection)) connection.recheck((work) => this.#rechecks.run(work));
    }
  }

  /** What was known before this moment may be stale. */
  onStart(tenantId: string): void {
    for (const connection of this.#byTenant.get(tenantId) ?? []) connection.recheck((work) => this.#rechecks.run(work));
  }

  endAll(): void {
    clearInterval(this.#timer);
    this.#unlisten();
    for (const connection of [...this.#all.keys()]) connection.end('GOING_AWAY');
  }

  #sweep(): void {
    const nowMs = this.#deps.clock.now().getTime();
    this.#sweeps += 1;
    const checkKeys = this.#sweeps % KEY_RECHECK_SWEEPS === 0;
    let buffered = 0;
    for (const [connection, pace] of this.#all) {
      if (connection.isExpired(nowMs)) connection.end('TOKEN_EXPIRED');
      else if (checkKeys && connection.identity.apiKeyId !== null)
        connection.recheck((work) => this.#rechecks.run(work));
      buffered += this.#watchPace(connection, pace);
    }
    if (buffered > this.#limits.allBuffersBytesMax) this.#relieve();
  }

  #watchPace(connection: Connection, pace: Pace): number {
    const bytes = connection.transport.bufferedBytes();
    const written = connection.transport.bytesWritten();
    pace.stalledSweeps = bytes > 0 && written === pace.bytesWritten ? pace.stalledSweeps + 1 : 0;
    pace.bytesWritten = written;
    if (pace.stalledSweeps >= STALLED_SWEEPS) connection.cutOff();
    return bytes;
  }

  #relieve(): void {
    for (const connection of this.#all.keys())
      if (connection.transport.bufferedBytes() > HOLDING_BYTES) connection.cutOff();
  }
}

const CHANGES: ReadonlySet<string> = new Set(['session.revoked', 'user.changed', 'key.changed', 'tenant.changed']);

function concerns(event: JournalEvent, { identity: { actor } }: Connection): boolean {
  switch (event.type) {
    case 'session.revoked':
      return 'sessionId' in actor && actor.sessionId === event.aggregateId;
    case 'user.changed':
      return 'userId' in actor && actor.userId === event.aggregateId;
    case 'key.changed':
      return 'keyId' in actor && actor.keyId === event.aggregateId;
    default:
      return true;
  }
}
