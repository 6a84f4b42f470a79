import type { Clock } from '../clock.ts';
import type { Journal, JournalEvent } from '../journal.ts';

/** The journal may lag this far behind before the database is asked again (decisions.md, "Keys, tokens, origins, people"). */
const JOURNAL_LAG_MS_MAX = 2_000;
/** How long a value is believed that the journal does not cover: long enough for one burst to share the question. */
const UNCOVERED_MS_MAX = 250;

export interface KeptOptions<T> {
  readonly clock: Clock;
  /** Whose events tell that the value is another now. */
  readonly tenantId: string;
  isAbout(event: JournalEvent): boolean;
  load(): Promise<T>;
}

/**
 * One value read from the database and kept in memory until an event says that it changed. Where the journal is silent
 * the database is asked each time, so a value is never older than the journal's lag.
 */
export class Kept<T> {
  readonly #options: KeptOptions<T>;
  #loaded: { readonly value: T; readonly readAtMs: number } | null = null;
  #loading: Promise<T> | null = null;
  #generation = 0;
  #heardFromMs: number | null = null;
  #journal: Journal | null = null;

  constructor(options: KeptOptions<T>) {
    this.#options = options;
  }

  follow(journal: Journal): () => void {
    this.#journal = journal;
    const { tenantId, isAbout } = this.#options;
    return journal.listen({
      tenants: () => [tenantId],
      onStart: (started) => {
        if (started !== tenantId) return;
        this.#heardFromMs = this.#nowMs();
        this.forget();
      },
      onEvent: (event) => {
        if (event.tenantId === tenantId && isAbout(event)) this.forget();
      },
    });
  }

  forget(): void {
    this.#generation += 1;
    this.#loaded = null;
    this.#loading = null;
  }

  /** The value where memory has it; null where the database must be asked. */
  known(): T | null {
    return this.#loaded && this.#isBelieved(this.#loaded.readAtMs) ? this.#loaded.value : null;
  }

  async current(): Promise<T> {
    return this.known() ?? (this.#loading ??= this.#load());
  }

  async #load(): Promise<T> {
    const generation = this.#generation;
    const readAtMs = this.#nowMs();
    try {
      const value = await this.#options.load();
      // What changed while we read may be missing: it serves those who asked, and is not kept.
      if (generation === this.#generation) this.#loaded = { value, readAtMs };
      return value;
    } finally {
      if (generation === this.#generation) this.#loading = null;
    }
  }

  #isBelieved(readAtMs: number): boolean {
    const now = this.#nowMs();
    const freshAtMs = this.#journal?.freshAtMs(this.#options.tenantId) ?? null;
    if (this.#heardFromMs !== null && readAtMs < this.#heardFromMs) return false;
    const covered = freshAtMs !== null && this.#heardFromMs !== null && freshAtMs >= now - JOURNAL_LAG_MS_MAX;
    return covered || readAtMs > now - UNCOVERED_MS_MAX;
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}
