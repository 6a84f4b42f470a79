import type { Actor } from './access.ts';
import type { App, ClientFacts, Context } from './context.ts';
import type { Reader, Scope } from './db.ts';
import { createLoaders, type Loaders } from './loaders.ts';
import type { Logger } from './log.ts';

/** What a request took of its minute's budget, in points (TEN-4). */
export interface Spending {
  readonly limit: number;
  readonly cost: number;
  readonly remaining: number;
  readonly resetAt: Date;
}

/** Who asks and for which tenant: what of an identity a context needs. */
export interface Caller {
  readonly actor: Actor;
  readonly scope: Scope;
}

/**
 * One per request, and one per delivered event of a subscription. Whoever makes one must call `reads.end()` when its work is over,
 * however it ended. Loaders and logger are made when first asked for: the smallest queries need neither.
 */
class RequestContext implements Context {
  readonly app: App;
  readonly actor: Actor;
  readonly scope: Scope;
  readonly reads: Reader;
  readonly requestId: string;
  readonly deadlineAtMs: number;
  readonly spending: Spending | null;
  readonly client: ClientFacts;
  #loaders: Loaders | null = null;
  #log: Logger | null = null;

  constructor(app: App, caller: Caller, requestId: string, spending: Spending | null, client: ClientFacts) {
    this.app = app;
    this.actor = caller.actor;
    this.scope = caller.scope;
    this.reads = app.db.reader(caller.scope);
    this.requestId = requestId;
    this.deadlineAtMs = app.clock.now().getTime() + app.config.requestDeadlineMs;
    this.spending = spending;
    this.client = client;
  }

  get loaders(): Loaders {
    return (this.#loaders ??= createLoaders(this.reads));
  }

  get log(): Logger {
    return (this.#log ??= this.app.log.child({ requestId: this.requestId, tenantId: this.scope.tenantId }));
  }
}

const NOBODY_THERE: ClientFacts = { address: null, userAgent: null };

export function createContext(
  app: App,
  caller: Caller,
  requestId: string,
  spending: Spending | null = null,
  client: ClientFacts = NOBODY_THERE,
): Context {
  return new RequestContext(app, caller, requestId, spending, client);
}

/** What the request of this context was charged. */
export function spendingOf(ctx: Context): Spending {
  if (ctx instanceof RequestContext && ctx.spending) return ctx.spending;
  throw new Error('This context was not charged to any budget.');
}
