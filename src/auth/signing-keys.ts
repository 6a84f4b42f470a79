import { exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose';

import type { Clock } from '../clock.ts';
import type { Database, Row, Transaction } from '../db.ts';
import type { Logger } from '../log.ts';
import type { Vault } from '../vault.ts';
import { PLATFORM_TENANT_ID } from './platform.ts';

/** The one algorithm; whatever a token's header says, nothing else is ever used to check it. */
export const TOKEN_ALGORITHM = 'EdDSA';
/** A retired key still checks tokens this long: longer than a token lives plus the slowest process' reload. */
const OVERLAP_MS = 60 * 60 * 1000;
/** Every process looks for a newer key this often. */
const RELOAD_MS = 60_000;
/** An unknown key id makes us look, but no flood of invented ones makes us look more often than this. */
const LOOK_AGAIN_MS = 1_000;

interface SigningKeyRow extends Row {
  kid: string;
  public_jwk: JWK;
  sealed: Buffer;
  retired_at: Date | null;
}

interface PublicKey {
  readonly jwk: JWK;
  readonly key: CryptoKey;
}

export interface Signer {
  readonly kid: string;
  readonly key: CryptoKey;
}

export interface SigningKeyOptions {
  readonly db: Database;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The keys that sign access tokens (COM-1). They live in the database, the private half sealed, so that a restart keeps tokens valid and
 * every process signs with the same one. Rotation overlaps: a retired key goes on checking until its last token is over.
 */
export class SigningKeys {
  readonly #options: SigningKeyOptions;
  #public = new Map<string, PublicKey>();
  #signer: Signer | null = null;
  #loadedAtMs = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | null = null;

  constructor(options: SigningKeyOptions) {
    this.#options = options;
  }

  /** Makes the first key where there is none that we can use. */
  async signer(): Promise<Signer> {
    if (!this.#signer || this.#olderThan(RELOAD_MS)) await this.#load();
    if (!this.#signer) {
      await this.#create((kids) => kids.length === 0);
      await this.#loadAnew();
    }
    if (!this.#signer) throw new Error('No signing key can be opened.');
    return this.#signer;
  }

  /** The key with this id, or undefined; looks into the database for one it does not know yet. */
  async publicKey(kid: string): Promise<CryptoKey | undefined> {
    if (this.#olderThan(this.#public.has(kid) ? RELOAD_MS : LOOK_AGAIN_MS)) await this.#load();
    return this.#public.get(kid)?.key;
  }

  /** The published key set (RFC 7517). */
  async jwks(): Promise<{ keys: JWK[] }> {
    await this.signer();
    return { keys: Array.from(this.#public.values(), ({ jwk }) => jwk) };
  }

  /** A new key signs from now on; the others check until their last tokens are over. */
  async rotate(): Promise<string> {
    const kid = await this.#create(() => true);
    await this.#loadAnew();
    return kid!;
  }

  #load(): Promise<void> {
    this.#loading ??= this.#loadNow().finally(() => (this.#loading = null));
    return this.#loading;
  }

  /** Reads what is there now: a look that somebody else began earlier may have missed what was just written. */
  async #loadAnew(): Promise<void> {
    await this.#loading?.catch(() => undefined);
    await this.#load();
  }

  async #loadNow(): Promise<void> {
    const now = this.#nowMs();
    const rows = await this.#options.db.lookUp<SigningKeyRow>(
      'select kid, public_jwk, sealed, retired_at from signing_keys order by created_at desc, kid',
      [],
    );
    const alive = rows.filter((row) => row.retired_at === null || row.retired_at.getTime() > now - OVERLAP_MS);
    const entries = await Promise.all(
      alive.map(
        async (row) =>
          [
            row.kid,
            { jwk: row.public_jwk, key: (await importJWK(row.public_jwk, TOKEN_ALGORITHM)) as CryptoKey },
          ] as const,
      ),
    );
    this.#public = new Map(entries);
    this.#signer = await this.#newestUsable(alive.filter((row) => row.retired_at === null));
    this.#loadedAtMs = now;
  }

  // A key sealed under a master key that is gone still checks tokens; it only cannot sign new ones.
  async #newestUsable(rows: readonly SigningKeyRow[]): Promise<Signer | null> {
    for (const row of rows) {
      if (this.#signer?.kid === row.kid) return this.#signer;
      try {
        const jwk = JSON.parse(this.#options.vault.open(row.sealed, signingKeyContext(row.kid)).toString()) as JWK;
        return { kid: row.kid, key: (await importJWK(jwk, TOKEN_ALGORITHM)) as CryptoKey };
      } catch (error) {
        this.#options.log.warn(
          { kid: row.kid, reason: (error as Error).message },
          'a signing key cannot be opened and will not sign',
        );
      }
    }
    return null;
  }

  /** @param wanted told the ids of the usable keys under the lock, so that two processes that start at once make one key. */
  async #create(wanted: (usableKids: readonly string[]) => boolean): Promise<string | null> {
    const { privateKey, publicKey } = await generateKeyPair(TOKEN_ALGORITHM, { extractable: true });
    const publicJwk = await exportJWK(publicKey);
    const privateJwk = await exportJWK(privateKey);
    const kid = this.#options.vault.hashKey(JSON.stringify(publicJwk)).subarray(0, 12).toString('base64url');
    const sealed = this.#options.vault.seal(JSON.stringify(privateJwk), signingKeyContext(kid));
    return this.#options.db.write({ tenantId: PLATFORM_TENANT_ID, customerId: null }, async (tx) => {
      await tx.query("select pg_advisory_xact_lock(hashtext('portolan signing keys'))");
      if (!wanted(await this.#usableKids(tx))) return null;
      const now = this.#options.clock.now();
      await tx.query('update signing_keys set retired_at = $1 where retired_at is null', [now]);
      await tx.query('insert into signing_keys (kid, public_jwk, sealed, created_at) values ($1, $2, $3, $4)', [
        kid,
        JSON.stringify({ ...publicJwk, kid, alg: TOKEN_ALGORITHM, use: 'sig' }),
        sealed,
        now,
      ]);
      return kid;
    });
  }

  async #usableKids(tx: Transaction): Promise<string[]> {
    const rows = await tx.query<SigningKeyRow>(
      'select kid, public_jwk, sealed, retired_at from signing_keys where retired_at is null order by created_at desc',
    );
    const usable = await this.#newestUsable(rows);
    return usable ? [usable.kid] : [];
  }

  #olderThan(ms: number): boolean {
    return this.#loadedAtMs <= this.#nowMs() - ms;
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}

/** What the private half is bound to. */
export function signingKeyContext(kid: string): string {
  return `signing-key|${kid}`;
}
