import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOutbound } from '../../src/integrations/http.ts';
import type { OutboundRequest } from '../../src/integrations/contract.ts';
import { createSesTransport } from '../../src/integrations/ses/client.ts';
import { createSns, isOfSns, stringToSign, type SnsEnvelope } from '../../src/integrations/ses/sns.ts';
import { MAIL, SES_KEYS, sesConnection } from '../helpers/mail.ts';
import { startSimulators, type Simulators } from '../helpers/simulators.ts';

/** Rules and vectors of business-integrations.md 4.6; the messages are the simulated SNS' own. */
const TOPIC = 'arn:aws:sns:ap-northeast-1:123456789012:ses-events';
const outbound = createOutbound();
const clock = { now: () => new Date() };
const fetched: string[] = [];
const send = (request: OutboundRequest, call: { timeoutMs: number }) => {
  fetched.push(request.url);
  return outbound.send(request, call);
};
const received: string[] = [];
const endpoint = createServer((request, response) => {
  request.on('data', (chunk: Buffer) => received.push(chunk.toString()));
  request.on('end', () => response.end());
});
let vendor: Simulators;

const published = async (type: string): Promise<any> =>
  ((await vendor.bookOf('ses', 'acme')).book as { published: any[] }).published.find(({ Type }) => Type === type);
const snsOf = (origin: string | null) => createSns({ send, clock, furtherOrigin: origin });
const verdictOf = async (message: object, sns = snsOf(vendor.url)) => {
  const envelope = sns.read(Buffer.from(JSON.stringify(message)));
  return envelope === null ? 'MALFORMED' : (await sns.verify(envelope)).verdict;
};

beforeAll(async () => {
  await new Promise<void>((resolve) => void endpoint.listen(0, '127.0.0.1', resolve));
  vendor = await startSimulators();
  const account = {
    ...SES_KEYS,
    verifiedDomains: ['acme.example'],
    topicArn: TOPIC,
    endpoint: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/`,
  };
  await vendor.register('ses', 'acme', account);
  const sns = snsOf(vendor.url);
  const asked = sns.read(Buffer.from(JSON.stringify(await published('SubscriptionConfirmation'))))!;
  expect((await sns.verify(asked)).verdict).toBe('OK');
  expect(await sns.confirm(asked)).toBe(true);
  const to = 'bounce@simulator.amazonses.com';
  const ses = createSesTransport({ send: outbound.send, clock });
  await ses.send(sesConnection(`${vendor.url}/ses`), { ...MAIL, to }, { timeoutMs: 3_000 });
});
afterAll(async () => {
  outbound.close();
  await vendor.stop();
  await new Promise((resolve) => void endpoint.close(resolve));
});

const VECTOR: SnsEnvelope = {
  Type: 'Notification',
  Message: '{"notificationType":"Bounce"}',
  MessageId: '00000000-0000-0000-0000-000000000001',
  Subject: 's',
  Timestamp: '2025-01-15T08:30:00.000Z',
  TopicArn: TOPIC,
  SignatureVersion: '2',
  Signature: '',
  SigningCertURL: '',
};

test("the string to sign is the specification's, with a subject only where there is one", () => {
  const text = stringToSign(VECTOR);
  expect(createHash('sha256').update(text).digest('hex')).toBe(
    '46a85daaddc8ab91b0c9240ae22d6455d733196b20e03c9520d8ad09669ec803',
  );
  expect(createHash('sha1').update(text).digest('hex')).toBe('b43dbe697a75cbf42ada82e346942e68e9d443e5');
  expect(stringToSign({ ...VECTOR, Subject: undefined })).not.toContain('Subject');
});

test.each([
  ['https://sns.ap-northeast-1.amazonaws.com/SimpleNotificationService-0a.pem', true],
  ['https://sns.cn-north-1.amazonaws.com.cn/a.pem', true],
  ['http://sns.ap-northeast-1.amazonaws.com/a.pem', false],
  ['https://sns.ap-northeast-1.amazonaws.com:8443/a.pem', false],
  ['https://user@sns.ap-northeast-1.amazonaws.com/a.pem', false],
  ['https://evil.s3.amazonaws.com/a.pem', false],
  ['https://sns.evil.s3.amazonaws.com/a.pem', false],
  ['https://sns.ap-northeast-1.amazonaws.com.evil.example/a.pem', false],
  ['https://xsns.ap-northeast-1.amazonaws.com/a.pem', false],
  ['http://127.0.0.1:4001/a.pem', false],
  ['not an address', false],
])('%s is an address of SNS: %s', (url, expected) => {
  expect(isOfSns(url, null)).toBe(expected);
});

test('a real message is believed, with either version of the signature', async () => {
  expect(await verdictOf(await published('Notification'))).toBe('OK');
  await vendor.register('ses', 'older', {
    ...SES_KEYS,
    accessKeyId: 'AKIAOLDER',
    signatureVersion: '1',
    topicArn: TOPIC,
    endpoint: 'http://127.0.0.1:1/',
  });
  const older = ((await vendor.bookOf('ses', 'older')).book as { published: any[] }).published[0];
  expect(older.SignatureVersion).toBe('1');
  expect(await verdictOf(older)).toBe('OK');
  expect(await verdictOf({ ...older, SignatureVersion: '2' })).toBe('BAD_SIGNATURE');
});

test.each([
  ['Message', '{"notificationType":"Delivery"}'],
  ['MessageId', '00000000-0000-0000-0000-000000000009'],
  ['Subject', 'another'],
  ['TopicArn', `${TOPIC}-2`],
  ['Signature', Buffer.from('no').toString('base64')],
])('a message whose %s was altered is not', async (name, value) => {
  expect(await verdictOf({ ...(await published('Notification')), [name]: value })).toBe('BAD_SIGNATURE');
});

test('a message signed by a key of somebody else, with the true certificate named, is not', async () => {
  const message = await published('Notification');
  const forger = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const Signature = sign('RSA-SHA256', Buffer.from(stringToSign(message)), forger.privateKey).toString('base64');
  expect(await verdictOf({ ...message, Signature })).toBe('BAD_SIGNATURE');
});

test('a certificate is never fetched from a host that is not SNS, the simulators included where none are configured', async () => {
  const message = await published('Notification');
  const before = fetched.length;
  expect(await verdictOf(message, snsOf(null))).toBe('BAD_SIGNATURE');
  expect(await verdictOf({ ...message, SigningCertURL: `${vendor.url}/ses/a.txt` })).toBe('BAD_SIGNATURE');
  expect(await verdictOf({ ...message, SigningCertURL: 'https://evil.s3.amazonaws.com/a.pem' })).toBe('BAD_SIGNATURE');
  expect(fetched).toHaveLength(before);
});

test('a certificate is fetched once, and where it is not to be had the message may come again', async () => {
  const message = await published('Notification');
  const sns = snsOf(vendor.url);
  const before = fetched.length;
  await verdictOf(message, sns);
  await verdictOf(message, sns);
  expect(fetched).toHaveLength(before + 1);
  expect(await verdictOf({ ...message, SigningCertURL: `${vendor.url}/ses/a.pem` })).toBe('UNAVAILABLE');
});

test.each([
  ['over an hour ago', 3_600_001, 'TOO_OLD'],
  ['not quite an hour ago', 3_590_000, 'OK'],
  ['ten minutes from now', -600_000, 'TOO_OLD'],
])('a message sent %s', async (_name, ageMs, verdict) => {
  const message = await published('Notification');
  const at = new Date(Date.parse(message.Timestamp) + ageMs);
  const later = createSns({ send, clock: { now: () => at }, furtherOrigin: vendor.url });
  expect(await verdictOf(message, later)).toBe(verdict);
});

test('a certificate that is over is no certificate', async () => {
  const message = await published('Notification');
  const at = new Date(Date.UTC(2050, 0, 1));
  const later = createSns({ send, clock: { now: () => at }, furtherOrigin: vendor.url });
  expect(await verdictOf({ ...message, Timestamp: at.toISOString() }, later)).toBe('BAD_SIGNATURE');
});

test('a subscription is confirmed only at an address of SNS', async () => {
  const asked = await published('SubscriptionConfirmation');
  const before = fetched.length;
  expect(await snsOf(vendor.url).confirm({ ...asked, SubscribeURL: 'http://169.254.169.254/' })).toBe(false);
  expect(await snsOf(null).confirm(asked)).toBe(false);
  expect(fetched).toHaveLength(before);
});

test.each(['', 'null', '[]', '{"Type":"Notification"}', 'Type=Notification'])('%j is no message', (body) => {
  expect(snsOf(null).read(Buffer.from(body))).toBeNull();
});
