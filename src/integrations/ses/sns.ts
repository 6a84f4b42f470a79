import { verify, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type { OutboundSend } from '../contract.ts';
import { readAnswer } from '../json.ts';

/** Whether a message was sent by SNS, for a topic of ours and just now (business-integrations.md 4.6). */

const Envelope = z.object({
  Type: z.enum(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']),
  MessageId: z.string().min(1).max(200),
  TopicArn: z.string().min(1).max(300),
  Message: z.string(),
  Subject: z.string().nullish(),
  Timestamp: z.iso.datetime(),
  Token: z.string().max(2_000).optional(),
  SubscribeURL: z.string().max(2_000).optional(),
  SignatureVersion: z.enum(['1', '2']),
  Signature: z.base64().max(2_000),
  SigningCertURL: z.string().max(500),
});
export type SnsEnvelope = z.infer<typeof Envelope>;

export type SnsReading =
  | { readonly verdict: 'OK'; readonly envelope: SnsEnvelope }
  | { readonly verdict: 'MALFORMED' | 'BAD_SIGNATURE' | 'TOO_OLD' | 'UNAVAILABLE'; readonly detail: string };

export interface SnsOptions {
  readonly send: OutboundSend;
  readonly clock: Clock;
  /** Where else certificates may be fetched and subscriptions confirmed: the simulators' origin, in tests and demonstrations only. */
  readonly furtherOrigin: string | null;
}

export interface Sns {
  /** The content type may say text: the body is read as JSON whatever it says. Nothing in it counts before `verify`. */
  read(body: Uint8Array): SnsEnvelope | null;
  verify(envelope: SnsEnvelope): Promise<SnsReading>;
  /** Goes to the address that confirms a subscription, if it is one of SNS'. Only for a verified envelope. */
  confirm(envelope: SnsEnvelope): Promise<boolean>;
}

const AGE_MS_MAX = 3_600_000;
/** Clocks differ; a message from later than this was not sent by a clock that is right. */
const AHEAD_MS_MAX = 300_000;
const CALL = { timeoutMs: 3_000, maxBytes: 65_536 };
const CERTIFICATES_KEPT_MAX = 16;
const HOST = /^sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?$/;
const SUBJECT = /^CN=sns(\.[a-z0-9-]{3,})?\.amazonaws\.com(\.cn)?$/m;

export function createSns(options: SnsOptions): Sns {
  const certificates = new Map<string, readonly X509Certificate[]>();
  const fetchChain = async (url: string): Promise<readonly X509Certificate[]> => {
    const known = certificates.get(url);
    if (known) return known;
    const answer = await options.send({ method: 'GET', url }, CALL);
    if (answer.status !== 200) throw new Error(`the certificate's address answers ${answer.status}`);
    const chain = readChain(answer.body);
    if (certificates.size >= CERTIFICATES_KEPT_MAX) certificates.delete(certificates.keys().next().value ?? '');
    certificates.set(url, chain);
    return chain;
  };
  return {
    read: (body) => readAnswer(Envelope, Buffer.from(body).toString('utf8')),
    async verify(envelope) {
      const refused = refusedAtOnce(envelope, options);
      if (refused) return refused;
      let chain: readonly X509Certificate[];
      try {
        chain = await fetchChain(envelope.SigningCertURL);
      } catch (error) {
        return { verdict: 'UNAVAILABLE', detail: error instanceof Error ? error.message : 'no certificate' };
      }
      const fault = faultOfChain(chain, options.clock.now());
      if (fault !== null) return { verdict: 'BAD_SIGNATURE', detail: fault };
      return isSignedBy(chain[0]!, envelope)
        ? { verdict: 'OK', envelope }
        : { verdict: 'BAD_SIGNATURE', detail: 'the signature does not hold' };
    },
    async confirm({ Type: type, SubscribeURL: url }) {
      if (type !== 'SubscriptionConfirmation' || url === undefined || !isOfSns(url, options.furtherOrigin))
        return false;
      return (await options.send({ method: 'GET', url }, CALL)).status === 200;
    },
  };
}

function refusedAtOnce(envelope: SnsEnvelope, { clock, furtherOrigin }: SnsOptions): SnsReading | null {
  const ageMs = clock.now().getTime() - Date.parse(envelope.Timestamp);
  if (ageMs > AGE_MS_MAX || ageMs < -AHEAD_MS_MAX) return { verdict: 'TOO_OLD', detail: 'it was not sent just now' };
  const isPem = URL.parse(envelope.SigningCertURL)?.pathname.endsWith('.pem') === true;
  if (!isPem || !isOfSns(envelope.SigningCertURL, furtherOrigin))
    return { verdict: 'BAD_SIGNATURE', detail: 'the certificate is offered by a host that is not SNS' };
  return null;
}

/** By the whole host: a test of the ending alone would believe anybody's bucket at the same company. */
export function isOfSns(text: string, furtherOrigin: string | null): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  if (furtherOrigin !== null && originOf(url) === originOf(new URL(furtherOrigin))) return true;
  return url.protocol === 'https:' && url.port === '' && HOST.test(url.hostname);
}

/** This machine has two names. */
function originOf(url: URL): string {
  return url.origin.replace('//127.0.0.1', '//localhost');
}

/** Each field in its order, name and value on lines of their own. */
export function stringToSign(envelope: SnsEnvelope): string {
  const names =
    envelope.Type === 'Notification'
      ? (['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] as const)
      : (['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'] as const);
  return names
    .filter((name) => envelope[name] !== undefined && envelope[name] !== null)
    .map((name) => `${name}\n${envelope[name]}\n`)
    .join('');
}

function isSignedBy(certificate: X509Certificate, envelope: SnsEnvelope): boolean {
  const digest = envelope.SignatureVersion === '2' ? 'RSA-SHA256' : 'RSA-SHA1';
  return verify(
    digest,
    Buffer.from(stringToSign(envelope)),
    certificate.publicKey,
    Buffer.from(envelope.Signature, 'base64'),
  );
}

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const CHAIN_MAX = 5;

/** @throws where there is none */
function readChain(text: string): readonly X509Certificate[] {
  const found = [...text.matchAll(PEM)].slice(0, CHAIN_MAX).map(([pem]) => new X509Certificate(pem));
  if (found.length === 0) throw new Error('there is no certificate at its address');
  return found;
}

/**
 * What is wrong with the certificate and those handed out with it. SNS hands out the certificate alone: then whoever issued it is vouched
 * for by the host it was fetched from, by https. Where issuers come with it, each must have signed the one before, up to a root that is
 * trusted or (for a simulator) signed by itself.
 */
export function faultOfChain(chain: readonly X509Certificate[], now: Date): string | null {
  const at = now.getTime();
  const isOver = chain.some((one) => at < Date.parse(one.validFrom) || at > Date.parse(one.validTo));
  if (isOver) return 'the certificate is not valid today';
  const [leaf, ...issuers] = chain;
  if (!leaf || leaf.ca || !SUBJECT.test(leaf.subject)) return "the certificate is not the service's";
  if (leaf.publicKey.asymmetricKeyType !== 'rsa') return 'the certificate has a key of another kind';
  const broken = issuers.some((issuer, index) => !isIssuedBy(chain[index]!, issuer));
  if (broken) return 'the certificate was not issued by the one beside it';
  const last = issuers.at(-1);
  if (!last || isIssuedBy(last, last)) return null;
  return roots().some((root) => isIssuedBy(last, root)) ? null : 'the chain of certificates leads nowhere';
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

let parsedRoots: readonly X509Certificate[] | null = null;
function roots(): readonly X509Certificate[] {
  parsedRoots ??= rootCertificates.map((pem) => new X509Certificate(pem));
  return parsedRoots;
}
