import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

/**
 * The vendor's links carry tokens that nobody else can read or make: bound to a step, to what it is about and to an end
 * (travel-providers.md 5.2). The same words make the same token, so that a scenario repeats itself.
 */
export interface TokenBox {
  seal(step: string, about: unknown, until: Date | null): string;
  /** Null for what was not made here, for another step, or too late. */
  open(step: string, token: string, at: Date): unknown;
}

const DIGEST_BYTES = 16;
const ALGORITHM = 'aes-256-ctr';

/** @param key hexadecimal digits, an account's own */
export function tokenBox(key: string): TokenBox {
  const secret = createHmac('sha256', key).update('cipher').digest();
  const digestOf = (text: Buffer): Buffer => createHmac('sha256', key).update(text).digest().subarray(0, DIGEST_BYTES);
  return {
    seal: (step, about, until) => {
      const text = Buffer.from(JSON.stringify({ step, about, until: until?.getTime() ?? null }));
      const digest = digestOf(text);
      const cipher = createCipheriv(ALGORITHM, secret, digest);
      return Buffer.concat([digest, cipher.update(text), cipher.final()]).toString('base64url');
    },
    open: (step, token, at) => {
      const bytes = Buffer.from(token, 'base64url');
      if (bytes.byteLength <= DIGEST_BYTES) return null;
      const digest = bytes.subarray(0, DIGEST_BYTES);
      const decipher = createDecipheriv(ALGORITHM, secret, digest);
      const text = Buffer.concat([decipher.update(bytes.subarray(DIGEST_BYTES)), decipher.final()]);
      if (!digestOf(text).equals(digest)) return null;
      const sealed = JSON.parse(text.toString()) as { step: string; about: unknown; until: number | null };
      const isGood = sealed.step === step && (sealed.until === null || sealed.until > at.getTime());
      return isGood ? sealed.about : null;
    },
  };
}
