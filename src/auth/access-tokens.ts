import { hash } from 'node:crypto';

import { decodeProtectedHeader, errors, jwtVerify, SignJWT, type CryptoKey } from 'jose';

import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { isUuid } from '../ids.ts';
import { Lru } from './lru.ts';
import { TOKEN_ALGORITHM, type SigningKeys } from './signing-keys.ts';

/** What an access token says. Rights are not in it: they are looked up, so that a change counts at once. */
export interface TokenClaims {
  readonly userId: string;
  readonly sessionId: string;
  /** The tenant the person belongs to. */
  readonly tenantId: string;
  readonly expiresAtMs: number;
}

export const ACCESS_TOKEN_SECONDS = 15 * 60;
const AUDIENCE = 'portolan';
const TOKEN_CHARACTERS_MAX = 2_048;
const VERIFIED_MAX = 50_000;

export interface AccessTokenOptions {
  readonly issuer: string;
  readonly signingKeys: SigningKeys;
  readonly clock: Clock;
}

/** Signs and checks access tokens (COM-1): algorithm, key, issuer, audience and expiry, each of them. */
export class AccessTokens {
  readonly #options: AccessTokenOptions;
  // Checking a signature costs more than a small query: what was checked once is known by its hash until it is over.
  readonly #verified = new Lru<string, TokenClaims>(VERIFIED_MAX);

  constructor(options: AccessTokenOptions) {
    this.#options = options;
  }

  async issue(of: {
    readonly userId: string;
    readonly sessionId: string;
    readonly tenantId: string;
  }): Promise<{ token: string; expiresAt: Date }> {
    const signer = await this.#options.signingKeys.signer();
    const issuedAt = Math.floor(this.#options.clock.now().getTime() / 1000);
    const expiresAt = issuedAt + ACCESS_TOKEN_SECONDS;
    const token = await new SignJWT({ sid: of.sessionId, tid: of.tenantId })
      .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid: signer.kid, typ: 'JWT' })
      .setIssuer(this.#options.issuer)
      .setAudience(AUDIENCE)
      .setSubject(of.userId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(signer.key);
    return { token, expiresAt: new Date(expiresAt * 1000) };
  }

  /** What a token that was checked before says; undefined for any other. @throws TOKEN_EXPIRED */
  known(token: string): TokenClaims | undefined {
    const claims = this.#verified.get(hashOf(token));
    if (claims && claims.expiresAtMs <= this.#options.clock.now().getTime()) throw tokenExpired();
    return claims;
  }

  /** @throws UNAUTHENTICATED, TOKEN_EXPIRED */
  async check(token: string): Promise<TokenClaims> {
    if (token.length > TOKEN_CHARACTERS_MAX) throw badToken('too long');
    const key = await this.#options.signingKeys.publicKey(keyIdOf(token));
    if (!key) throw badToken('unknown key');
    const claims = await this.#verify(token, key);
    this.#verified.set(hashOf(token), claims);
    return claims;
  }

  async #verify(token: string, key: CryptoKey): Promise<TokenClaims> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [TOKEN_ALGORITHM],
        issuer: this.#options.issuer,
        audience: AUDIENCE,
        typ: 'JWT',
        requiredClaims: ['sub', 'sid', 'tid', 'exp', 'iat'],
        currentDate: this.#options.clock.now(),
      });
      const { sub, sid, tid, exp } = payload;
      if (
        typeof sub === 'string' &&
        typeof sid === 'string' &&
        typeof tid === 'string' &&
        [sub, sid, tid].every(isUuid)
      ) {
        return { userId: sub, sessionId: sid, tenantId: tid, expiresAtMs: exp! * 1000 };
      }
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw tokenExpired();
      throw badToken((error as Error).message);
    }
    throw badToken('claims of another kind');
  }
}

function keyIdOf(token: string): string {
  try {
    const header = decodeProtectedHeader(token);
    if (header.alg === TOKEN_ALGORITHM && typeof header.kid === 'string') return header.kid;
  } catch {
    throw badToken('not a token');
  }
  throw badToken('another algorithm, or no key id');
}

function hashOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

function badToken(log: string): AppError {
  return new AppError('UNAUTHENTICATED', 'The access token is not valid. Please sign in again.', {
    log: `Access token refused: ${log}`,
  });
}

function tokenExpired(): AppError {
  return new AppError('TOKEN_EXPIRED', 'The access token has expired. Refresh the session.');
}
