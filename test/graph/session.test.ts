import { generateKeyPair, importJWK, SignJWT, type CryptoKey, type JWTPayload } from 'jose';
import { hash as bcryptHash } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createUser } from '../../src/auth/people.ts';
import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import {
  ask,
  createWorld,
  identify,
  mutate,
  outcomeOf,
  PASSWORD,
  signIn,
  type TestTenant,
  type World,
} from '../auth/world.ts';

let world: World;
let alpha: TestTenant;
let beta: TestTenant;
const SESSION = 'session { accessToken refreshToken expiresAt user { id email role } }';

beforeAll(async () => {
  world = await createWorld();
  alpha = await world.tenant('alpha');
  beta = await world.tenant('beta');
});
afterAll(() => world?.close());

describe('registering', () => {
  it("makes a customer of the key's tenant, signed in at once; the same address elsewhere is another person", async () => {
    const input = { email: 'Mona@Example.com', password: PASSWORD, firstName: 'Mona' };
    const here = await mutate(world.app, { key: alpha.portalKey }, 'register', input, SESSION);
    const there = await mutate(world.app, { key: beta.portalKey }, 'register', input, SESSION);
    expect(here.session.user).toMatchObject({ email: 'mona@example.com', role: 'CUSTOMER' });
    expect(there.session.user.id).not.toBe(here.session.user.id);
    const answer = await ask(
      world.app,
      { token: here.session.accessToken },
      '{ viewer { kind scopes user { email } tenant { slug } } }',
    );
    expect(answer.data!['viewer']).toEqual({
      kind: 'CUSTOMER',
      scopes: [],
      user: { email: 'mona@example.com' },
      tenant: { slug: 'alpha' },
    });
    const again = await mutate(
      world.app,
      { key: alpha.portalKey },
      'register',
      { ...input, email: 'MONA@example.com' },
      SESSION,
    );
    expect(again).toMatchObject({ session: null, userErrors: [{ code: 'EMAIL_TAKEN', field: ['input', 'email'] }] });
  });

  it('refuses passwords that are short, common, or the address itself', async () => {
    for (const password of ['1234567', 'password', 'aaaaaaaa', 'weak@example.com', 'x'.repeat(257)]) {
      const payload = await mutate(
        world.app,
        { key: alpha.portalKey },
        'register',
        { email: 'weak@example.com', password },
        SESSION,
      );
      expect(payload.userErrors).toMatchObject([{ code: 'WEAK_PASSWORD', field: ['input', 'password'] }]);
    }
    const eight = await mutate(
      world.app,
      { key: alpha.portalKey },
      'register',
      { email: 'eight@example.com', password: 'q7w!e2rt' },
      SESSION,
    );
    expect(eight.userErrors).toEqual([]);
  });

  it('is not for the platform: nobody becomes its customer', async () => {
    await expect(
      mutate(world.app, {}, 'register', { email: 'nobody@example.com', password: PASSWORD }, SESSION),
    ).rejects.toMatchObject({ codes: ['UNAUTHENTICATED'] });
  });
});

describe('signing in', () => {
  it('answers a wrong address and a wrong password alike, after the same work and not before the same time', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const answers = [];
    for (const input of [
      { email, password: 'wrong password' },
      { email: 'nobody@example.com', password: 'wrong password' },
    ]) {
      const before = performance.now();
      answers.push(await mutate(world.app, { key: alpha.portalKey }, 'login', input, SESSION));
      expect(performance.now() - before).toBeGreaterThanOrEqual(490);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toMatchObject({
      session: null,
      userErrors: [{ code: 'INVALID_CREDENTIALS', field: null, details: null }],
    });
  });

  it("knows people in their own tenant only, and the platform's staff without a key", async () => {
    const { email } = await world.person(alpha.id, 'OPERATOR');
    await expect(signIn(world.app, { key: beta.portalKey }, email)).rejects.toThrow('INVALID_CREDENTIALS');
    await expect(signIn(world.app, {}, email)).rejects.toThrow('INVALID_CREDENTIALS');
    expect(
      (await identify(world.app, { token: (await signIn(world.app, { key: alpha.portalKey }, email)).accessToken }))
        .actor.kind,
    ).toBe('OPERATOR');
    const admin = await world.person(PLATFORM_TENANT_ID, 'PLATFORM_ADMIN');
    expect(
      (await identify(world.app, { token: (await signIn(world.app, {}, admin.email)).accessToken })).actor.kind,
    ).toBe('PLATFORM_ADMIN');
  });

  it('imports bcrypt hashes, which keep working and are argon2id after the first sign-in', async () => {
    const hash = (await bcryptHash(PASSWORD, 4)).replace(/^\$2.\$/, '$2b$');
    const person = {
      email: 'imported@example.com',
      role: 'CUSTOMER',
      firstName: null,
      lastName: null,
      locale: null,
      secret: { hash },
    } as const;
    await createUser(world.app, alpha.id, person);
    await expect(signIn(world.app, { key: alpha.portalKey }, person.email, 'wrong password')).rejects.toThrow(
      'INVALID_CREDENTIALS',
    );
    expect(await storedHash(person.email)).toBe(hash);
    await signIn(world.app, { key: alpha.portalKey }, person.email);
    expect(await storedHash(person.email)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    await signIn(world.app, { key: alpha.portalKey }, person.email);
    await expect(
      createUser(world.app, alpha.id, { ...person, email: 'other@example.com', secret: { hash: '$1$md5' } }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('slows guessing down per account, known or not, without telling which and without hurting the others', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const slowDown = async (victim: string) => {
      const guess = () =>
        mutate(
          world.app,
          { key: alpha.portalKey },
          'login',
          { email: victim, password: 'wrong password' },
          'session { accessToken }',
        );
      for (let round = 0; round < 5; round += 1) await Promise.all([guess(), guess()]);
      await expect(guess()).rejects.toMatchObject({ codes: ['RATE_LIMITED'] });
      await expect(signIn(world.app, { key: alpha.portalKey }, victim)).rejects.toMatchObject({
        codes: ['RATE_LIMITED'],
      });
    };
    for (const victim of [email, 'unknown-victim@example.com']) await world.standingStill(() => slowDown(victim));
    const { email: bystander } = await world.person(alpha.id, 'CUSTOMER');
    expect(await signIn(world.app, { key: alpha.portalKey }, bystander)).toBeTruthy();
  });

  it('is closed to people who were switched off', async () => {
    const { id, email } = await world.person(alpha.id, 'CUSTOMER');
    await world.owner.query('update users set active = false where id = $1', [id]);
    await expect(signIn(world.app, { key: alpha.portalKey }, email)).rejects.toThrow('INVALID_CREDENTIALS');
  });
});

describe('refreshing', () => {
  const refresh = (refreshToken: string, key = alpha.portalKey) =>
    mutate(world.app, { key }, 'refreshSession', { refreshToken }, SESSION);

  it('trades a refresh token once for the next pair, within its own tenant', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const first = await signIn(world.app, { key: alpha.portalKey }, email);
    expect((await refresh(first.refreshToken, beta.portalKey)).userErrors).toMatchObject([
      { code: 'INVALID_CREDENTIALS' },
    ]);
    const { session } = await refresh(first.refreshToken);
    expect(session.refreshToken).not.toBe(first.refreshToken);
    expect(await outcomeOf(world.app, { token: session.accessToken })).toBe('CUSTOMER');
  });

  it('ends the whole session when a token is used a second time: the thief and the victim are both out, everywhere', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const peer = await world.peer();
    const first = await signIn(world.app, { key: alpha.portalKey }, email);
    const { session } = await refresh(first.refreshToken);
    expect(await outcomeOf(peer, { token: session.accessToken })).toBe('CUSTOMER');
    expect((await refresh(first.refreshToken)).userErrors).toMatchObject([{ code: 'TOKEN_REUSED' }]);
    expect(await outcomeOf(world.app, { token: session.accessToken })).toBe('UNAUTHENTICATED');
    await expect.poll(() => outcomeOf(peer, { token: session.accessToken })).toBe('UNAUTHENTICATED');
    expect((await refresh(session.refreshToken)).userErrors).toMatchObject([{ code: 'INVALID_CREDENTIALS' }]);
    const { rows } = await world.owner.query(
      "select payload from events where type = 'session.revoked' and aggregate_id = (select id from sessions where revoked_reason = 'refresh token reused')",
    );
    expect(rows).toHaveLength(1);
  });

  it('lets one of many uses at once through and takes the others for theft', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const { refreshToken } = await signIn(world.app, { key: alpha.portalKey }, email);
    const payloads = await Promise.all(Array.from({ length: 8 }, () => refresh(refreshToken)));
    expect(payloads.filter((payload) => payload.session)).toHaveLength(1);
    const codes = payloads.flatMap((payload) => payload.userErrors.map((error: { code: string }) => error.code));
    expect(new Set(codes)).toEqual(new Set(['TOKEN_REUSED']));
  });

  it('ends when the refresh token is over, or nonsense', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const { refreshToken } = await signIn(world.app, { key: alpha.portalKey }, email);
    await world.owner.query('update refresh_tokens set expires_at = now() where hash = $1', [
      world.app.vault.hashKey(refreshToken),
    ]);
    for (const token of [refreshToken, '', 'rt_', "rt_' or 1=1 --", `rt_${'A'.repeat(43)}`])
      expect((await refresh(token)).userErrors).toMatchObject([{ code: 'INVALID_CREDENTIALS' }]);
  });
});

describe('signing out', () => {
  it('ends the session at once and answers the same for a token nobody knows', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const session = await signIn(world.app, { key: alpha.portalKey }, email);
    expect(await outcomeOf(world.app, { token: session.accessToken })).toBe('CUSTOMER');
    for (const refreshToken of [session.refreshToken, session.refreshToken, `rt_${'A'.repeat(43)}`]) {
      expect(
        await mutate(
          world.app,
          { key: alpha.portalKey },
          'logout',
          { refreshToken, idempotencyKey: 'ignored' },
          'loggedOut',
        ),
      ).toEqual({ loggedOut: true, userErrors: [] });
    }
    expect(await outcomeOf(world.app, { token: session.accessToken })).toBe('UNAUTHENTICATED');
  });
});

describe('access tokens', () => {
  const sign = (
    payload: JWTPayload,
    header: { alg: string; kid?: string; typ?: string },
    key: CryptoKey | Uint8Array,
  ) => new SignJWT(payload).setProtectedHeader(header).sign(key);

  it('are signed with a published key, name nobody, and say for whom and until when', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const { accessToken } = await signIn(world.app, { key: alpha.portalKey }, email);
    const [header, payload] = accessToken
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    const { keys } = await world.app.auth.jwks();
    expect(keys).toContainEqual(
      expect.objectContaining({ kid: header.kid, kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' }),
    );
    expect(JSON.stringify(keys)).not.toContain('"d"');
    expect(payload).toMatchObject({ iss: 'http://localhost:4000', aud: 'portolan' });
    expect(payload.exp - payload.iat).toBe(900);
    expect(JSON.stringify(payload)).not.toContain(email);
  });

  it('are refused when forged: no algorithm, the public key as a secret, another key, issuer, audience, type, or any change', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const { accessToken } = await signIn(world.app, { key: alpha.portalKey }, email);
    const [head, body, signature] = accessToken.split('.') as [string, string, string];
    const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString());
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
    const jwk = (await world.app.auth.jwks()).keys.find((key) => key.kid === kid)!;
    const stranger = await generateKeyPair('EdDSA');
    const { rows } = await world.owner.query('select sealed from signing_keys where kid = $1', [kid]);
    const ours = (await importJWK(
      JSON.parse(world.app.vault.open(rows[0].sealed, `signing-key|${kid}`).toString()),
      'EdDSA',
    )) as CryptoKey;
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const forgeries = {
      none: `${encode({ alg: 'none', kid, typ: 'JWT' })}.${body}.`,
      noneWithSignature: `${encode({ alg: 'none', kid })}.${body}.${signature}`,
      hmacOverPublicKey: await sign(claims, { alg: 'HS256', kid, typ: 'JWT' }, Buffer.from(jwk.x!, 'base64url')),
      hmacOverJwk: await sign(claims, { alg: 'HS256', kid, typ: 'JWT' }, Buffer.from(JSON.stringify(jwk))),
      strangersKey: await sign(claims, { alg: 'EdDSA', kid, typ: 'JWT' }, stranger.privateKey),
      unknownKid: await sign(claims, { alg: 'EdDSA', kid: 'other', typ: 'JWT' }, stranger.privateKey),
      noKid: await sign(claims, { alg: 'EdDSA', typ: 'JWT' }, ours),
      issuer: await sign({ ...claims, iss: 'http://evil.example' }, { alg: 'EdDSA', kid, typ: 'JWT' }, ours),
      audience: await sign({ ...claims, aud: 'other' }, { alg: 'EdDSA', kid, typ: 'JWT' }, ours),
      type: await sign(claims, { alg: 'EdDSA', kid, typ: 'other' }, ours),
      noExpiry: await sign({ ...claims, exp: undefined }, { alg: 'EdDSA', kid, typ: 'JWT' }, ours),
      noSession: await sign({ ...claims, sid: undefined }, { alg: 'EdDSA', kid, typ: 'JWT' }, ours),
      otherTenant: `${head}.${encode({ ...claims, tid: beta.id })}.${signature}`,
      tampered: `${head}.${encode({ ...claims, sub: alpha.id })}.${signature}`,
      long: `${head}.${body}${'A'.repeat(5_000)}.${signature}`,
    };
    for (const [name, token] of Object.entries(forgeries))
      expect([name, await outcomeOf(world.app, { token })]).toEqual([name, 'UNAUTHENTICATED']);
    // The positive control: signed like the forgeries, but with nothing wrong.
    expect(await outcomeOf(world.app, { token: await sign(claims, { alg: 'EdDSA', kid, typ: 'JWT' }, ours) })).toBe(
      'CUSTOMER',
    );
    // Well signed, but for another tenant than the session's.
    expect(
      await outcomeOf(world.app, {
        token: await sign({ ...claims, tid: beta.id }, { alg: 'EdDSA', kid, typ: 'JWT' }, ours),
      }),
    ).toBe('UNAUTHENTICATED');
  });

  it('outlive a restart and a rotation of the signing key, in every process', async () => {
    const peer = await world.peer();
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const { accessToken } = await signIn(world.app, { key: alpha.portalKey }, email);
    expect(await outcomeOf(peer, { token: accessToken })).toBe('CUSTOMER');
    const kid = await world.app.auth.rotateSigningKey();
    const { accessToken: next } = await signIn(world.app, { key: alpha.portalKey }, email);
    expect(JSON.parse(Buffer.from(next.split('.')[0]!, 'base64url').toString()).kid).toBe(kid);
    await expect.poll(() => outcomeOf(peer, { token: next })).toBe('CUSTOMER');
    const restarted = await world.peer();
    expect(await outcomeOf(restarted, { token: accessToken })).toBe('CUSTOMER');
    expect((await restarted.auth.jwks()).keys.length).toBeGreaterThanOrEqual(2);
  });

  // Last of all, because it moves the clock.
  it('end after 15 minutes, with a code of their own, also where they were checked before', async () => {
    const { email } = await world.person(alpha.id, 'CUSTOMER');
    const { accessToken, refreshToken } = await signIn(world.app, { key: alpha.portalKey }, email);
    expect(await outcomeOf(world.app, { token: accessToken })).toBe('CUSTOMER');
    world.advance(15 * 60_000);
    expect(await outcomeOf(world.app, { token: accessToken })).toBe('TOKEN_EXPIRED');
    expect(await outcomeOf(await world.peer(), { token: accessToken })).toBe('TOKEN_EXPIRED');
    const { session } = await mutate(world.app, { key: alpha.portalKey }, 'refreshSession', { refreshToken }, SESSION);
    expect(await outcomeOf(world.app, { token: session.accessToken })).toBe('CUSTOMER');
    world.advance(60 * 60_000 * 2);
    await world.app.auth.rotateSigningKey();
    expect((await (await world.peer()).auth.jwks()).keys.length).toBeLessThanOrEqual(2);
  });
});

async function storedHash(email: string): Promise<string> {
  const { rows } = await world.owner.query<{ password_hash: string }>(
    'select password_hash from users where email = $1',
    [email],
  );
  return rows[0]!.password_hash;
}
