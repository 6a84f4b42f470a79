import type { Identity } from '../auth.ts';
import { encodeCursor } from '../cursor.ts';
import { AppError } from '../errors.ts';
import type { Feed } from '../journal.ts';
import type { Asker, EndingCode, LiveDeps, LiveLimits, Transport } from './contract.ts';
import type { Member } from './member.ts';

/** Codes of a refusal that end a connection as they are; any other refusal is for us to try again. */
const ENDING_CODES: ReadonlySet<string> = new Set([
  'TOKEN_EXPIRED',
  'UNAUTHENTICATED',
  'KEY_REVOKED',
  'TENANT_INACTIVE',
  'FORBIDDEN',
  'NOT_FOUND',
]);
const RECHECK_AFTER_MS = [50, 200, 1_000, 3_000];

/** Whoever is connected, with what they may do now. Transports differ only in how bytes go out. */
export class Connection {
  readonly transport: Transport;
  #asker: Asker;
  readonly members = new Set<Member>();
  readonly #deps: LiveDeps;
  readonly #limits: LiveLimits;
  #checking: Promise<void> | null = null;
  #checkAgain = false;
  #ended = false;

  constructor(deps: LiveDeps, limits: LiveLimits, transport: Transport, asker: Asker) {
    this.#deps = deps;
    this.#limits = limits;
    this.transport = transport;
    this.#asker = asker;
  }

  /** As last looked at: limits and names may have changed, rights have not. */
  get asker(): Asker {
    return this.#asker;
  }

  get identity(): Identity {
    return this.asker.identity;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** True while it is being looked up whether the asker still may. */
  get suspended(): boolean {
    return this.#checking !== null || this.#ended;
  }

  async cleared(): Promise<void> {
    while (this.#checking) await this.#checking;
  }

  /** Tenants whose events may concern the asker: the one worked in and, for platform staff, their own. */
  get tenantIds(): readonly string[] {
    const { actor, scope } = this.identity;
    return 'homeTenantId' in actor && actor.homeTenantId !== scope.tenantId
      ? [scope.tenantId, actor.homeTenantId]
      : [scope.tenantId];
  }

  /** Of one session or, without one, of one key. */
  get identityName(): string {
    const { actor } = this.identity;
    return 'sessionId' in actor ? actor.sessionId : 'keyId' in actor ? actor.keyId : 'nobody';
  }

  mayReceive(nowMs: number): boolean {
    if (this.isExpired(nowMs)) this.end('TOKEN_EXPIRED');
    return !this.suspended;
  }

  isExpired(nowMs: number): boolean {
    const { actor } = this.identity;
    return 'expiresAtMs' in actor && actor.expiresAtMs <= nowMs;
  }

  /** Cuts off who does not read what is sent: what waits for one connection is bounded. */
  checkPace(): void {
    if (this.transport.bufferedBytes() > this.#limits.bufferBytesMax) this.cutOff();
  }

  cutOff(): void {
    if (this.#ended) return;
    this.#deps.metrics.slowConsumersCut();
    this.end('SLOW_CONSUMER');
  }

  /** Asks again who this is; meanwhile nothing is delivered. */
  recheck(inTurn: (work: () => Promise<void>) => Promise<void>): void {
    if (this.#ended) return;
    this.#checkAgain = true;
    // Not in this turn: the caches that answer must hear of the change first.
    this.#checking ??= Promise.resolve()
      .then(() => inTurn(() => this.#check()))
      .finally(() => {
        this.#checking = null;
        // Asked for once more after the answer was in.
        if (this.#checkAgain) this.recheck(inTurn);
      });
  }

  async #check(): Promise<void> {
    while (this.#checkAgain && !this.#ended) {
      this.#checkAgain = false;
      const refused = await this.#refusal();
      if (refused) this.end(refused);
    }
  }

  async #refusal(): Promise<EndingCode | null> {
    for (const delayMs of [...RECHECK_AFTER_MS, null]) {
      try {
        const now = await this.#deps.identify(this.asker.request);
        // Other rights than before: results were shared under the old ones, so a new connection must be made.
        if (!sameRights(now, this.identity)) return 'UNAUTHENTICATED';
        this.#asker = { ...this.#asker, identity: now };
        return null;
      } catch (error) {
        if (error instanceof AppError && ENDING_CODES.has(error.code)) return error.code as EndingCode;
        if (delayMs !== null) await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
    return 'OVERLOADED';
  }

  end(code: EndingCode): void {
    if (this.#ended) return;
    this.#ended = true;
    const cursor = this.#cursor();
    for (const member of [...this.members]) member.stop();
    this.transport.end({ code, cursor });
  }

  cursorAt(feed: Feed, position: bigint): string {
    return encodeCursor(this.#deps.cursorKey, feed, { position, platformPosition: feed.platformPosition });
  }

  /** One place from which everything here can go on. */
  #cursor(): string | null {
    const { tenantId } = this.identity.scope;
    const [own, others] = [this.#furthestBehind(tenantId, true), this.#furthestBehind(tenantId, false)];
    const last = own ?? others;
    if (!last) return null;
    if (!own || !others) return this.cursorAt(last.group.feed, last.covered);
    // Of the tenant's stream and of the platform's at once: a place in the tenant's has room for both.
    const place = { position: own.covered, platformPosition: others.covered };
    return encodeCursor(this.#deps.cursorKey, own.group.feed, place);
  }

  #furthestBehind(tenantId: string, own: boolean): Member | null {
    let last: Member | null = null;
    for (const member of this.members) {
      if ((member.group.feed.tenantId === tenantId) === own && (!last || member.covered < last.covered)) last = member;
    }
    return last;
  }
}

function sameRights(one: Identity, other: Identity): boolean {
  const facts = ({ actor, scope }: Identity) =>
    JSON.stringify([actor.kind, scope.tenantId, scope.customerId, 'scopes' in actor ? actor.scopes.toSorted() : null]);
  return facts(one) === facts(other);
}
