import { afterAll, beforeAll, expect, test } from 'vitest';
import { setOutboundGuard } from '../../src/integrations/http.ts';
import { SMTP_TRANSPORT as smtp } from '../../src/integrations/smtp/client.ts';
import { MAIL, readMail, sesConnection, startMailServer, type MailServer } from '../helpers/mail.ts';

/** Our client against a real mail server on loopback. */
const CALL = { timeoutMs: 3_000 };
const CREDENTIALS = { USER: 'mailer', PASSWORD: 'correct horse' };
let server: MailServer;

beforeAll(async () => {
  server = await startMailServer();
});
afterAll(() => server.stop());

const connection = (changes = {}) =>
  sesConnection(`smtp://127.0.0.1:${server.port}`, { credentials: CREDENTIALS, ...changes });

test('a mail arrives whole, and is named by its own id', async () => {
  expect(await smtp.send(connection(), MAIL, CALL)).toEqual({ kind: 'done', value: { reference: MAIL.messageId } });
  const { from, to, raw } = server.taken.at(-1)!;
  expect({ from, to }).toEqual({ from: 'orders@acme.example', to: ['a@example.net'] });
  const { headers, texts } = readMail(raw);
  expect(headers).toContain('Message-ID: <one@acme.example>');
  expect(headers).toContain('To: a@example.net');
  expect(texts).toContain('Hello.');
});

test.each([
  [450, 'unavailable'],
  [454, 'rateLimited'],
  [550, 'rejected'],
  [554, 'rejected'],
])('what the server says with %i means %s', async (code, reason) => {
  const to = `r${code}@example.net`;
  server.refusals.set(to, { code, text: 'No' });
  expect(await smtp.send(connection(), { ...MAIL, to }, CALL)).toMatchObject({ kind: 'notDone', reason });
});

test('a wrong password is a matter of settings, and is not told', async () => {
  const outcome = await smtp.send(connection({ credentials: { ...CREDENTIALS, PASSWORD: 'a secret' } }), MAIL, CALL);
  expect(outcome).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
  expect(JSON.stringify(outcome)).not.toContain('a secret');
});

test('a server that is not there may be tried again', async () => {
  const outcome = await smtp.send(connection({ baseUrl: 'smtp://127.0.0.1:1' }), MAIL, CALL);
  expect(outcome).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
});

test.each(['smtp://127.0.0.1:25', 'smtp://localhost:25', 'smtp://mail.internal:25', 'smtp://169.254.169.254:25'])(
  'where only the outside may be reached, %s is not',
  async (baseUrl) => {
    const outcome = await smtp.send(connection({ baseUrl, allowInside: false }), MAIL, CALL);
    expect(outcome).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
  },
);

test('a header that would begin another is refused before anything is sent', async () => {
  const before = server.taken.length;
  const outcome = await smtp.send(connection(), { ...MAIL, replyTo: 'a@example.net\r\nBcc: b@example.net' }, CALL);
  expect(outcome).toMatchObject({ kind: 'notDone', reason: 'rejected' });
  expect(server.taken).toHaveLength(before);
});

test('the login is what is checked', async () => {
  expect(await smtp.check(connection(), MAIL.from.address, CALL)).toEqual({ kind: 'done', value: { verified: true } });
  expect(await smtp.check(connection({ credentials: { USER: 'mailer', PASSWORD: 'no' } }), '', CALL)).toMatchObject({
    reason: 'misconfigured',
  });
});

test('no mail leaves while a transaction is open', async () => {
  setOutboundGuard(() => {
    throw new Error('a transaction is open');
  });
  try {
    await expect(smtp.send(connection(), MAIL, CALL)).rejects.toThrow('a transaction is open');
  } finally {
    setOutboundGuard(null);
  }
});
