import { lookup } from 'node:dns/promises';
import { createTransport, type Transporter } from 'nodemailer';
import { isInside } from '../../domain/base-url.ts';
import type { OutboundCall, Outcome } from '../contract.ts';
import { refuseWhereGuarded } from '../http.ts';
import type { AcceptedMail, MailConnection, MailToSend, MailTransport } from '../mail.ts';
import { brokenHeaderOf, mimeOf } from '../mime.ts';
import { notDone } from '../outcome.ts';
import { smtpPassword } from '../ses/signature.ts';
import { refusalOf } from './map.ts';

/** A mail server of the tenant's, or SES by its SMTP interface (business-integrations.md 4.3). */

/** SECRET_ACCESS_KEY stands for PASSWORD at SES: its password is made of it, for the region of the host. */
export const SMTP_CREDENTIALS: readonly string[] = ['USER', 'PASSWORD', 'SECRET_ACCESS_KEY'];
const SES_HOST = /^email-smtp\.([a-z0-9-]{3,})\.amazonaws\.com$/;

export const SMTP_TRANSPORT: MailTransport = {
  slug: 'smtp',
  credentialNames: SMTP_CREDENTIALS,
  async send(connection, mail, call) {
    const broken = brokenHeaderOf(mail);
    if (broken !== null) return notDone('rejected', `the header ${broken} holds a control character`);
    const raw = await mimeOf({ ...mail, headers: { ...mail.headers, ...sesHeaders(connection, mail) } });
    const envelope = { from: mail.from.address, to: [mail.to] };
    return within(connection, call, async (transporter): Promise<Outcome<AcceptedMail>> => {
      const { response } = (await transporter.sendMail({ envelope, raw })) as { response: string };
      return { kind: 'done', value: { reference: referenceIn(connection, response) ?? mail.messageId } };
    });
  },
  // Who may log in may send; whether from this address, the server says with the first mail.
  check: (connection, _from, call) =>
    within(connection, call, async (transporter) => {
      await transporter.verify();
      return { kind: 'done', value: { verified: true } };
    }),
};

async function within<T>(
  connection: MailConnection,
  call: OutboundCall,
  work: (transporter: Transporter) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  refuseWhereGuarded();
  const url = new URL(connection.baseUrl);
  const address = await addressOf(url.hostname, connection.allowInside);
  if (address === null) return notDone('misconfigured', 'the mail server has no public address');
  const transporter = transporterOf(connection, url, address, call.timeoutMs);
  const answered = work(transporter)
    .catch((error: unknown) => refusalOf(error, connection.credentials))
    .finally(() => transporter.close());
  return Promise.race([answered, silence(call.timeoutMs, answered)]);
}

/** A server may drip one line after another and never come to an end: the deadline is for the whole of it. */
function silence(timeoutMs: number, answered: Promise<unknown>): Promise<Outcome<never>> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ kind: 'unknown', detail: 'no end within the time limit' }), timeoutMs);
    const stop = (): void => clearTimeout(timer);
    answered.then(stop, stop);
  });
}

/** The address is looked up once and then used: between two look-ups a name may be turned inwards. */
async function addressOf(host: string, allowInside: boolean): Promise<string | null> {
  if (allowInside) return host;
  if (isInside(host)) return null;
  const found = await lookup(host).catch(() => null);
  const isOutside =
    found !== null &&
    !isInside(new URL(`http://${found.family === 6 ? `[${found.address}]` : found.address}`).hostname);
  return isOutside ? found.address : null;
}

function transporterOf(connection: MailConnection, url: URL, address: string, timeoutMs: number): Transporter {
  const secure = url.protocol === 'smtps:';
  const { USER: user, PASSWORD: password } = connection.credentials;
  const pass = password ?? derivedPassword(connection, url);
  return createTransport({
    host: address,
    port: Number(url.port || (secure ? 465 : 587)),
    secure,
    requireTLS: !secure && !connection.allowInside,
    ignoreTLS: !secure && connection.allowInside,
    tls: { servername: url.hostname, minVersion: 'TLSv1.2' },
    ...(user !== undefined && pass !== undefined && { auth: { user, pass } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

function derivedPassword({ credentials }: MailConnection, url: URL): string | undefined {
  const region = SES_HOST.exec(url.hostname)?.[1];
  const secret = credentials['SECRET_ACCESS_KEY'];
  return region !== undefined && secret !== undefined ? smtpPassword(secret, region) : undefined;
}

function sesHeaders(connection: MailConnection, mail: MailToSend): Record<string, string> {
  const set = connection.configurationSets[mail.stream];
  if (!SES_HOST.test(new URL(connection.baseUrl).hostname)) return {};
  return {
    'X-SES-MESSAGE-TAGS': `tenant=${mail.tenant}`,
    ...(set !== null && { 'X-SES-CONFIGURATION-SET': set }),
  };
}

/** SES' feedback names a mail by the id in its answer; other servers send none. */
function referenceIn(connection: MailConnection, response: string): string | null {
  if (!SES_HOST.test(new URL(connection.baseUrl).hostname)) return null;
  return /^250 Ok ([\w.-]{1,200})/i.exec(response)?.[1] ?? null;
}
