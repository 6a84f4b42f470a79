import { randomBytes } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { createVault, SEALED_HEAD_BYTES, type Vault } from '../../src/vault.ts';

const OLD = { version: 1, secret: 'o'.repeat(32) };
const NEW = { version: 2, secret: 'n'.repeat(32) };
const old = createVault({ current: OLD, older: [], randomBytes });
const rotated = createVault({ current: NEW, older: [OLD], randomBytes });
const forgetful = createVault({ current: NEW, older: [], randomBytes });
const now = new Date('2026-03-01T00:00:00Z');

describe('what is sealed', () => {
  it('opens under its own context, byte for byte', () => {
    const value = Buffer.from([0, 255, 10, 13, 0]);
    expect(old.open(old.seal(value, 'credential|a'), 'credential|a')).toEqual(value);
    expect(old.open(old.seal('', 'x'), 'x')).toHaveLength(0);
  });

  it('never looks the same twice, and does not show what is in it', () => {
    const [one, two] = [old.seal('fwk_secret_value', 'c'), old.seal('fwk_secret_value', 'c')];
    expect(one).not.toEqual(two);
    expect(one.includes('fwk_secret_value')).toBe(false);
  });

  it("does not open as somebody else's: another tenant, owner, name or version", () => {
    const sealed = old.seal('secret', 'credential|tenant-a|gateway:FAWATERK|API_KEY|1');
    for (const context of [
      'credential|tenant-b|gateway:FAWATERK|API_KEY|1',
      'credential|tenant-a|gateway:FAWATERK|API_KEY|2',
      '',
    ]) {
      expect(() => old.open(sealed, context)).toThrow(expect.objectContaining({ code: 'DECRYPTION_FAILED' }));
    }
  });

  it('does not open with any single byte altered, cut off or added', () => {
    const sealed = old.seal('secret', 'c');
    for (let at = 0; at < sealed.length; at += 1) {
      const altered = Buffer.from(sealed);
      altered[at]! ^= 1;
      expect(() => old.open(altered, 'c')).toThrow(expect.objectContaining({ code: 'DECRYPTION_FAILED' }));
      expect(() => old.open(sealed.subarray(0, at), 'c')).toThrow(
        expect.objectContaining({ code: 'DECRYPTION_FAILED' }),
      );
    }
    expect(() => old.open(Buffer.concat([sealed, Buffer.from([0])]), 'c')).toThrow(
      expect.objectContaining({ code: 'DECRYPTION_FAILED' }),
    );
  });

  it('opens after a rotation of the master key while the older one is named, and says what to do when it is not', () => {
    const sealed = old.seal('secret', 'c');
    expect(rotated.open(sealed, 'c').toString()).toBe('secret');
    expect(() => forgetful.open(sealed, 'c')).toThrow(/SECRET_KEYS_OLD/);
    expect(() => old.open(rotated.seal('secret', 'c'), 'c')).toThrow(
      expect.objectContaining({ code: 'DECRYPTION_FAILED' }),
    );
    expect(rotated.masterKeyVersion).toBe(2);
  });
});

describe('what is wrapped anew', () => {
  const newest = { version: 3, secret: 'm'.repeat(32) };
  const second = createVault({ current: newest, older: [NEW], randomBytes });
  const third = createVault({ current: newest, older: [], randomBytes });
  /** As the database does it: the new head before the bytes it has. */
  function wrapped(by: Vault, sealed: Buffer, context: string): Buffer {
    const { from, to } = by.rewrap(sealed.subarray(0, SEALED_HEAD_BYTES), context)!;
    expect(sealed.subarray(0, from.length)).toEqual(from);
    return Buffer.concat([to, sealed.subarray(from.length)]);
  }

  it('opens with only the newer key, and once more wrapped with only the newest', () => {
    const value = Buffer.from([0, 255, 10, 13, 0]);
    const once = wrapped(rotated, old.seal(value, 'c'), 'c');
    expect(forgetful.open(once, 'c')).toEqual(value);
    expect(rotated.open(once, 'c')).toEqual(value);
    expect(() => old.open(once, 'c')).toThrow(/Master key 2 is not at hand/);
    const twice = wrapped(second, once, 'c');
    expect(third.open(twice, 'c')).toEqual(value);
    expect(forgetful.open(wrapped(rotated, old.seal('', 'c'), 'c'), 'c')).toHaveLength(0);
  });

  it('is left as it is where the newest key wraps it already', () => {
    expect(rotated.rewrap(wrapped(rotated, old.seal('a value', 'c'), 'c'), 'c')).toBeNull();
    expect(rotated.rewrap(rotated.seal('a value', 'c'), 'c')).toBeNull();
  });

  it('belongs to its place as before, and is refused where the key it needs is not at hand or any byte was altered', () => {
    const sealed = old.seal('a value', 'here');
    const refused = expect.objectContaining({ code: 'DECRYPTION_FAILED' });
    expect(() => rotated.rewrap(sealed, 'there')).toThrow(refused);
    expect(() => rotated.rewrap(sealed.subarray(0, 64), 'here')).toThrow(refused);
    expect(() => forgetful.rewrap(sealed, 'here')).toThrow(/SECRET_KEYS_OLD/);
    const again = wrapped(rotated, sealed, 'here');
    expect(() => rotated.open(again, 'there')).toThrow(refused);
    for (let at = 0; at < again.length; at += 1) {
      const altered = Buffer.from(again);
      altered[at]! ^= 1;
      expect(() => rotated.open(altered, 'here'), `byte ${at}`).toThrow(refused);
      expect(() => rotated.open(again.subarray(0, at), 'here')).toThrow(refused);
    }
  });
});

describe('what is signed', () => {
  const later = new Date(now.getTime() + 1000);

  it('is read back for its own purpose until it is over', () => {
    const token = old.sign('invoice', { id: 'a' }, later);
    expect(old.verify('invoice', token, now)).toEqual({ id: 'a' });
    expect(old.verify('cursor', token, now)).toBeNull();
    expect(old.verify('invoice', token, later)).toBeNull();
    expect(old.verify('cursor', old.sign('cursor', { position: '7' }, null), new Date(8.64e15))).toEqual({
      position: '7',
    });
  });

  it('is refused with any character changed, and whatever nonsense is sent instead', () => {
    const token = old.sign('invoice', { id: 'a' }, later);
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === 'A' ? 'B' : 'A';
      const altered = token.slice(0, at) + other + token.slice(at + 1);
      // The last character of base64 may hold bits that mean nothing.
      if (
        Buffer.from(altered.split('.')[2] ?? '', 'base64url').equals(Buffer.from(token.split('.')[2]!, 'base64url')) &&
        at > token.lastIndexOf('.')
      )
        continue;
      expect(old.verify('invoice', altered, now)).toBeNull();
    }
    for (const nonsense of [
      '',
      '.',
      '..',
      '1..',
      'a.b.c',
      '1.e30.AA',
      '99999999999.e30.AA',
      `${token}.x`,
      'x'.repeat(10_000),
    ])
      expect(old.verify('invoice', nonsense, now)).toBeNull();
  });

  it('holds over a rotation of the master key, and not without the older one', () => {
    const token = old.sign('invoice', { id: 'a' }, later);
    expect(rotated.verify('invoice', token, now)).toEqual({ id: 'a' });
    expect(forgetful.verify('invoice', token, now)).toBeNull();
  });
});

describe('fingerprints', () => {
  it('are equal for equal texts, also after a rotation, and depend on the key', () => {
    expect(old.fingerprint('a')).toBe(old.fingerprint('a'));
    expect(old.fingerprint('a')).not.toBe(old.fingerprint('b'));
    expect(rotated.fingerprint('a')).toBe(old.fingerprint('a'));
    expect(forgetful.fingerprint('a')).not.toBe(old.fingerprint('a'));
  });
});

it('two master keys of one version are a mistake that is reported', () => {
  expect(() => createVault({ current: OLD, older: [{ version: 1, secret: 'x'.repeat(32) }], randomBytes })).toThrow(
    /same version/,
  );
});
