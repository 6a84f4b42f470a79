import type { Clock } from '../clock.ts';
import type { Database } from '../db.ts';
import type { Logger } from '../log.ts';
import { Lru } from './lru.ts';

/** A key's last use is written at most this often. */
const WRITE_EVERY_MS = 60_000;
/** Uses are gathered this long and written together. */
const GATHER_MS = 2_000;
const KEYS_MAX = 20_000;

/** When keys were last used (TEN-2), written beside the requests and never in their way. */
export class KeyUses {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #notedAtMs = new Lru<string, number>(KEYS_MAX);
  #pending = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(db: Database, clock: Clock, log: Logger) {
    this.#db = db;
    this.#clock = clock;
    this.#log = log;
  }

  note(keyId: string): void {
    const now = this.#clock.now().getTime();
    const noted = this.#notedAtMs.get(keyId);
    if (noted !== undefined && noted > now - WRITE_EVERY_MS) return;
    this.#notedAtMs.set(keyId, now);
    this.#pending.add(keyId);
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS).unref();
  }

  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const ids = [...this.#pending];
    this.#pending = new Set();
    if (ids.length === 0) return;
    try {
      await this.#db.lookUp('select touch_api_keys($1::uuid[], $2)', [ids, this.#clock.now()]);
    } catch (error) {
      // A lost time of use harms nobody; a failing request would.
      this.#log.warn({ reason: (error as Error).message }, 'the last use of keys was not written');
    }
  }
}
