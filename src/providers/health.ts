import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Clock } from '../clock.ts';
import type { Database } from '../db.ts';
import { foldAll } from '../domain/health.ts';
import {
  age,
  CHECK_WAITING_MS,
  lifeOf,
  mayPass,
  nextCheckAt,
  observedAs,
  takeCheck,
  viewOf,
  waitingAfterMs,
  type HealthLife,
  type HealthView,
} from '../domain/health-checks.ts';
import {
  HEALTH_SETTINGS,
  INITIAL_HEALTH,
  type HealthChange,
  type HealthObservation,
  type HealthSettings,
  type HealthState,
} from '../domain/health-state.ts';
import type { NewId } from '../ids.ts';
import type { Outcome } from '../integrations/contract.ts';
import type { Journal } from '../journal.ts';
import type { Logger } from '../log.ts';
import {
  dueAt,
  lockHealth,
  readHealthRows,
  recordHealthChange,
  recordHealthSample,
  writeHealth,
  type HealthEntry,
} from './health-rows.ts';

export interface HealthOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly log: Logger;
  readonly random: () => number;
}

/** Leave to call: with the permit of a circuit that is not closed, to be given back with the observation. */
export interface Pass {
  readonly passes: boolean;
  readonly permit: number | null;
}

/** A call that has no answer yet. */
export interface Flight {
  readonly slug: string;
  readonly kind: 'call' | 'probe';
  readonly startedAtMs: number;
  readonly permit: number | null;
  wasWaiting: boolean;
}

/** What this process knows of one provider. */
interface Known {
  /** As the row had it last. */
  row: HealthState;
  /** Of that row: an older one, read meanwhile, says nothing new. */
  version: number;
  settings: HealthSettings;
  /** The row's, with what was seen here since folded in. */
  state: HealthState;
  unwritten: HealthObservation[];
  /** Under way to the row. */
  sending: readonly HealthObservation[];
  writing: Promise<void> | null;
  /** A permit is being asked for. */
  taking: Promise<Pass> | null;
  timer: NodeJS.Timeout | null;
}

interface Change<T> {
  /** The same object where nothing is to be written. */
  readonly state: HealthState;
  readonly changes: readonly HealthChange[];
  readonly isSample?: boolean;
  readonly result: T;
}
type Work<T> = (state: HealthState, settings: HealthSettings) => Change<T>;

const PLATFORM = { tenantId: PLATFORM_TENANT_ID, customerId: null };
/** Good news can wait so long for company; bad news can't. */
const WRITE_AFTER_MS = 1_000;
const WAITING_LOOK_MS = 100;
/** What one write brings; a flood beyond it says nothing more. */
const UNWRITTEN_MAX = 1_000;

/**
 * The health of all providers, shared by all processes (PRV-11, PRV-12, BEY-4): each folds what it sees into the
 * provider's row under its lock, and hears of the others' changes by the platform's events. The hot path reads memory
 * only.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #known = new Map<string, Known>();
  readonly #flights = new Set<Flight>();
  readonly #ticker: NodeJS.Timeout;
  #journal: Journal | null = null;
  #closed = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#ticker = setInterval(() => this.#tellOfWaiting(), WAITING_LOOK_MS);
    this.#ticker.unref();
  }

  follow(journal: Journal): void {
    this.#journal = journal;
    journal.listen({
      tenants: () => [PLATFORM_TENANT_ID],
      onStart: (tenantId) => {
        if (tenantId !== PLATFORM_TENANT_ID) return;
        // Perhaps another database than before: its rows count, whatever their versions are.
        for (const known of this.#known.values()) known.version = 0;
        void this.#read(null);
      },
      onEvent: ({ tenantId, type, payload }) => {
        if (tenantId !== PLATFORM_TENANT_ID) return;
        // Of a change of configuration, because the checks may be due at other times now.
        if (type === 'provider.health' || type === 'provider.changed') void this.#read(String(payload['slug']));
      },
    });
  }

  /** As of now, from memory. */
  view(slug: string): HealthView {
    const { state, settings } = this.#known.get(slug) ?? NOTHING_KNOWN;
    return viewOf(state, this.#nowMs(), settings);
  }

  /** What of it routing needs, as of now, from memory. */
  life(slug: string): HealthLife {
    const { state, settings } = this.#known.get(slug) ?? NOTHING_KNOWN;
    return lifeOf(state, this.#nowMs(), settings);
  }

  /** Providers that something speaks against, and whose next check is due: they can't wait for the job that checks. */
  *suspects(): Generator<string> {
    const now = this.#nowMs();
    for (const [slug, { state, settings }] of this.#known) {
      const isCalm = state.circuit.state === 'CLOSED' && state.evidence.failuresInRow === 0;
      if (!isCalm && nextCheckAt(state, now, settings) <= now) yield slug;
    }
  }

  /**
   * Whether the circuit lets a call through. While it is closed nobody is asked; else a permit is taken from the row,
   * because all processes share them.
   * @param lastUsable true: there is nobody else to ask, so it is called whatever the circuit says (BEY-4)
   */
  async pass(slug: string, lastUsable: boolean): Promise<Pass> {
    const known = this.#of(slug);
    for (;;) {
      const { passes, permit } = mayPass(known.state, this.#nowMs(), known.settings);
      if (passes && permit === null) return { passes, permit };
      if (!passes) return { passes: lastUsable, permit: null };
      // One question at a time: its answer may say that there is none left.
      if (known.taking) {
        await known.taking;
        continue;
      }
      known.taking = this.#takePermit(slug).finally(() => (known.taking = null));
      const taken = await known.taking;
      if (taken.passes || lastUsable) return { passes: true, permit: taken.permit };
      return taken;
    }
  }

  /** Never rejects: where the row can't be asked there is no permit. */
  async #takePermit(slug: string): Promise<Pass> {
    try {
      // The row must have heard what makes us ask.
      await this.#write(slug);
      return await this.#change(slug, (before, settings) => {
        const { state, change, passes, permit } = mayPass(before, this.#nowMs(), settings);
        return { state, changes: change ? [change] : [], result: { passes, permit } };
      });
    } catch (error) {
      this.#options.log.warn(
        { err: error, provider: slug },
        'whether a circuit lets a trial through could not be asked',
      );
      return { passes: false, permit: null };
    }
  }

  /** Takes the active check that is due; of many processes one gets it. Whatever has grown old is written down, too. */
  async takeCheck(slug: string): Promise<Pass> {
    await this.#write(slug);
    return this.#change(slug, (before, settings) => {
      const now = this.#nowMs();
      const aged = age(before, now, settings);
      const { state, change, passes, permit } = takeCheck(aged.state, now, settings);
      return {
        state,
        changes: [aged.change, change].filter((one) => one !== null),
        // Of one nobody suspects that is every few minutes; of the others the changes tell enough.
        isSample: passes && state.circuit.state === 'CLOSED' && state.evidence.failuresInRow === 0,
        result: { passes, permit },
      };
    });
  }

  begin(slug: string, kind: Flight['kind'], permit: number | null): Flight {
    const flight = { slug, kind, startedAtMs: this.#nowMs(), permit, wasWaiting: false };
    this.#flights.add(flight);
    return flight;
  }

  /** @param outcome null: a call that was not made, or a defect of ours. It says nothing about the provider */
  end(flight: Flight, outcome: Outcome<unknown> | null): void {
    this.#flights.delete(flight);
    const at = this.#nowMs();
    const told =
      outcome === null
        ? ({ outcome: 'neutral' } as const)
        : observedAs(outcome.kind === 'notDone' ? outcome.reason : outcome.kind);
    const { kind, permit, wasWaiting, startedAtMs } = flight;
    this.#observe(flight.slug, { at, kind, permit, wasWaiting, latencyMs: Math.max(0, at - startedAtMs), ...told });
  }

  /** Everything seen until now is written when it is done. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#ticker);
    for (const slug of this.#known.keys()) await this.#write(slug);
  }

  #of(slug: string): Known {
    const known = this.#known.get(slug);
    if (known) return known;
    void this.#read(slug);
    return this.#begun(slug);
  }

  #begun(slug: string): Known {
    const known = { ...NOTHING_KNOWN, unwritten: [], sending: [], writing: null, taking: null, timer: null };
    this.#known.set(slug, known);
    return known;
  }

  // A provider that hangs says nothing; that it says nothing is said for it.
  #tellOfWaiting(): void {
    const now = this.#nowMs();
    for (const flight of this.#flights) {
      const { kind, permit, slug } = flight;
      const latencyMs = now - flight.startedAtMs;
      const patienceMs = kind === 'probe' ? CHECK_WAITING_MS : waitingAfterMs(this.#of(slug).state);
      if (flight.wasWaiting || latencyMs < patienceMs) continue;
      this.#observe(slug, { at: now, kind, permit, latencyMs, outcome: 'waiting', errorKind: 'waiting' });
      flight.wasWaiting = true;
    }
  }

  #observe(slug: string, observation: HealthObservation): void {
    const known = this.#of(slug);
    const before = known.state;
    known.state = foldAll(known.state, [observation], known.settings, this.#options.random()).state;
    if (known.unwritten.length < UNWRITTEN_MAX) known.unwritten.push(observation);
    const isUrgent =
      before.circuit.state !== known.state.circuit.state ||
      before.status !== known.state.status ||
      observation.outcome !== 'ok' ||
      (observation.permit ?? null) !== null;
    if (isUrgent) void this.#write(slug);
    else this.#writeLater(slug, known);
  }

  #writeLater(slug: string, known: Known): void {
    if (!this.#closed) known.timer ??= setTimeout(() => void this.#write(slug), WRITE_AFTER_MS).unref();
  }

  // One write at a time; what comes meanwhile is brought by the next. Never rejects.
  #write(slug: string): Promise<void> {
    const known = this.#of(slug);
    if (known.timer) clearTimeout(known.timer);
    known.timer = null;
    known.writing ??= this.#writeAll(slug, known).finally(() => (known.writing = null));
    return known.writing;
  }

  async #writeAll(slug: string, known: Known): Promise<void> {
    while (known.unwritten.length > 0) {
      const batch = known.unwritten;
      known.unwritten = [];
      known.sending = batch;
      const jitter = this.#options.random();
      try {
        await this.#change(
          slug,
          (state, settings) => ({ ...foldAll(state, batch, settings, jitter), result: undefined }),
          () => (known.sending = []),
        );
      } catch (error) {
        this.#options.log.warn({ err: error, provider: slug }, 'what was seen of a provider could not be written yet');
        known.unwritten = [...batch, ...known.unwritten].slice(0, UNWRITTEN_MAX);
        known.sending = [];
        return this.#writeLater(slug, known);
      }
    }
  }

  /** Changes the row under its lock, writes down and tells what that changed, and takes the row's word over for ours. */
  async #change<T>(slug: string, work: Work<T>, onCommitted?: () => void): Promise<T> {
    const { db, clock, newId, log } = this.#options;
    const done = await db.write(PLATFORM, async (tx) => {
      const now = clock.now();
      const entry = await lockHealth(tx, slug, now);
      // No such provider: nothing to be written about it.
      if (!entry) return { ...work(INITIAL_HEALTH, HEALTH_SETTINGS), changes: [], entry };
      const { state, changes, isSample = false, result } = work(entry.state, entry.settings);
      const after = state !== entry.state || isDueElsewhen(entry, now) ? writeHealth(tx, entry, state, now) : entry;
      for (const change of changes) recordHealthChange(tx, entry, change, newId);
      if (isSample) recordHealthSample(tx, after, now, newId);
      return { result, changes, entry: after };
    });
    onCommitted?.();
    if (done.entry) this.#adopt(done.entry);
    if (done.changes.length > 0) this.#journal?.wake();
    for (const change of done.changes) log.warn({ provider: slug, ...change }, 'provider health changed');
    return done.result;
  }

  /** @param slug null: all. Never rejects. */
  async #read(slug: string | null): Promise<void> {
    try {
      const entries = await this.#options.db.read(PLATFORM, (tx) => readHealthRows(tx, slug));
      for (const entry of entries) {
        this.#adopt(entry);
        // Checks were configured to come at other times: the row must say so, because the job that checks goes by it.
        if (isDueElsewhen(entry, this.#options.clock.now()))
          await this.#change(entry.slug, (state) => ({ state, changes: [], result: undefined }));
      }
    } catch (error) {
      if (!this.#closed) this.#options.log.warn({ err: error }, 'the health of providers could not be read');
    }
  }

  // The row's word, and on top what it has not heard from us yet.
  #adopt({ slug, state, settings, version }: HealthEntry): void {
    const known = this.#known.get(slug) ?? this.#begun(slug);
    if (version >= known.version) Object.assign(known, { row: state, version, settings });
    known.state = foldAll(known.row, [...known.sending, ...known.unwritten], known.settings).state;
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}

const NOTHING_KNOWN = { row: INITIAL_HEALTH, state: INITIAL_HEALTH, settings: HEALTH_SETTINGS, version: 0 };

/** Whether the row names another time for the next check than its state and its settings do. */
function isDueElsewhen({ state, settings, nextCheckAt: written }: HealthEntry, now: Date): boolean {
  const due = dueAt(state, now, settings);
  return +due !== +written && (due > now || written > now);
}
