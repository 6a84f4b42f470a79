import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOutbound } from '../../src/integrations/http.ts';
import { createMailTransports } from '../../src/integrations/mail-transports.ts';
import { signed, smtpPassword } from '../../src/integrations/ses/signature.ts';
import { MAIL, readMail, SES_CREDENTIALS, SES_KEYS, sesConnection } from '../helpers/mail.ts';
import { startSimulators, type Simulators } from '../helpers/simulators.ts';

/** Vectors of business-integrations.md section 4, and what happens between our client and the simulated SES over a socket. */
const CALL = { timeoutMs: 3_000 };
const outbound = createOutbound();
const { transport } = createMailTransports({
  send: outbound.send,
  clock: { now: () => new Date() },
  random: () => 0,
});
const ses = transport('ses');
let vendor: Simulators;

beforeAll(async () => {
  vendor = await startSimulators();
});
afterAll(async () => {
  outbound.close();
  await vendor.stop();
});
beforeEach(async () => {
  await register();
  await vendor.scenario({ integration: 'ses', account: 'acme', rules: [] });
});

const register = (more: object = {}) =>
  vendor.register('ses', 'acme', {
    ...SES_KEYS,
    verifiedDomains: ['acme.example'],
    configurationSets: ['acme-t'],
    ...more,
  });
const connection = (changes = {}) => sesConnection(`${vendor.url}/ses`, changes);
const mails = async () => ((await vendor.bookOf('ses', 'acme')).book as { mails: any[] }).mails;

test("a request is signed as the specification's vector", async () => {
  const body =
    '{"FromEmailAddress":"shop@acme.example","Destination":{"ToAddresses":["a@example.net"]},"Content":{"Simple":{"Subject":{"Data":"Hi"},"Body":{"Text":{"Data":"Hello"}}}}}';
  const request = {
    method: 'POST',
    url: 'https://email.ap-northeast-1.amazonaws.com/v2/email/outbound-emails',
    headers: { 'content-type': 'application/json' },
    body,
  } as const;
  const at = new Date('2025-01-15T08:30:00Z');
  const { headers } = await signed(request, { credentials: SES_CREDENTIALS, region: 'ap-northeast-1', at });
  expect(headers).toMatchObject({
    'x-amz-date': '20250115T083000Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20250115/ap-northeast-1/ses/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=7c7c507b8d07ebd1b9a3f6e149a4571397619b2a388c2997ec603c85e327d674',
  });
});

test.each([
  ['us-east-1', 'BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9'],
  ['ap-northeast-1', 'BEBMrlH2tcrvRtSfkd6WbOlpfHSCPAV60ZayJ9ZqHS5c'],
])("the password of SES' SMTP interface in %s is made of the secret", (region, password) => {
  expect(smtpPassword(SES_KEYS.secretAccessKey, region)).toBe(password);
});

test('a mail is taken whole, with its id, names that are not ASCII, tag and configuration set', async () => {
  const sets = { TRANSACTIONAL: 'acme-t', MARKETING: null };
  const outcome = await ses.send(connection({ configurationSets: sets }), MAIL, CALL);
  const [taken] = await mails();
  expect(outcome).toEqual({ kind: 'done', value: { reference: taken.messageId } });
  expect(taken).toMatchObject({
    from: 'orders@acme.example',
    to: ['a@example.net'],
    configurationSet: 'acme-t',
    tags: [{ Name: 'tenant', Value: 'acme' }],
  });
  const { headers, texts } = readMail(Buffer.from(taken.raw, 'base64').toString());
  expect(headers).toMatch(/^[\x20-\x7E\r\n]+$/);
  expect(headers).toContain('Message-ID: <one@acme.example>');
  expect(headers).toContain(`=?UTF-8?B?${Buffer.from('訂單成立').toString('base64')}?=`);
  expect(headers).toContain('Reply-To: service@acme.example');
  expect(texts).toContain('<p>Hello.</p>');
});

describe('what SES refuses is told apart', () => {
  test.each([
    ['a wrong secret', { credentials: { ...SES_CREDENTIALS, SECRET_ACCESS_KEY: 'x'.repeat(40) } }, {}, 'misconfigured'],
    ['another region', { region: 'us-east-1' }, {}, 'misconfigured'],
    ['no credentials', { credentials: {} }, {}, 'misconfigured'],
    ['a sender that is not verified', {}, { from: { address: 'a@other.example', name: null } }, 'misconfigured'],
    [
      'a configuration set that is not there',
      { configurationSets: { TRANSACTIONAL: 'x', MARKETING: null } },
      {},
      'rejected',
    ],
    ['a subject that begins a header', {}, { subject: 'Hi\r\nBcc: b@example.net' }, 'rejected'],
    [
      'a header with a line feed',
      {},
      { headers: { 'List-Unsubscribe': '<https://a.example>\nBcc: b@example.net' } },
      'rejected',
    ],
    [
      'a name with a line feed',
      {},
      { from: { address: 'orders@acme.example', name: 'A\nBcc: b@example.net' } },
      'rejected',
    ],
  ])('%s', async (_name, changes, mail, reason) => {
    const before = (await mails()).length;
    const outcome = await ses.send(connection(changes), { ...MAIL, ...mail }, CALL);
    expect(outcome).toMatchObject({ kind: 'notDone', reason });
    expect(JSON.stringify(outcome)).not.toContain(SES_KEYS.secretAccessKey);
    expect(await mails()).toHaveLength(before);
  });

  test.each([
    ['rateLimited', { kind: 'notDone', reason: 'rateLimited' }],
    ['status5xx', { kind: 'unknown' }],
    ['hangAfter', { kind: 'unknown' }],
  ])('a fault of the kind %s', async (fault, expected) => {
    await register({ accessKeyId: `AKIA${fault.toUpperCase()}` });
    await vendor.scenario({ integration: 'ses', account: 'acme', rules: [{ operation: 'sendEmail', fault, ms: 500 }] });
    const credentials = { ...SES_CREDENTIALS, ACCESS_KEY_ID: `AKIA${fault.toUpperCase()}` };
    expect(await ses.send(connection({ credentials }), MAIL, { timeoutMs: 300 })).toMatchObject(expected);
  });
});

test('whether an address may be sent from is said by the identity of its domain', async () => {
  const check = async (from: string) => ses.check(connection(), from, CALL);
  expect(await check('orders@acme.example')).toEqual({ kind: 'done', value: { verified: true } });
  expect(await check('orders@other.example')).toEqual({ kind: 'done', value: { verified: false } });
});
