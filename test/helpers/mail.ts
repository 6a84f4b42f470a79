import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { MailConnection, MailToSend } from '../../src/integrations/mail.ts';

/** Mail in tests: SES' simulator as an account, and a real SMTP server on loopback. */

export const SES_KEYS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
export const SES_CREDENTIALS = {
  ACCESS_KEY_ID: SES_KEYS.accessKeyId,
  SECRET_ACCESS_KEY: SES_KEYS.secretAccessKey,
};

export const MAIL: MailToSend = {
  messageId: 'one@acme.example',
  date: new Date('2026-01-15T08:30:00Z'),
  from: { address: 'orders@acme.example', name: 'Acme 商店' },
  replyTo: 'service@acme.example',
  to: 'a@example.net',
  subject: '訂單成立',
  text: 'Hello.',
  html: '<p>Hello.</p>',
  headers: {},
  stream: 'TRANSACTIONAL',
  tenant: 'acme',
};

export function sesConnection(baseUrl: string, changes: Partial<MailConnection> = {}): MailConnection {
  return {
    baseUrl,
    credentials: SES_CREDENTIALS,
    region: 'ap-northeast-1',
    configurationSets: { TRANSACTIONAL: null, MARKETING: null },
    allowInside: true,
    ...changes,
  };
}

export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: string;
}

export interface MailServer {
  readonly port: number;
  readonly taken: TakenMail[];
  /** What the server says instead of taking the next mails, by recipient. */
  readonly refusals: Map<string, { code: number; text: string }>;
  stop(): Promise<void>;
}

/** Takes mail of `mailer` with the password `correct horse`. */
export async function startMailServer(): Promise<MailServer> {
  const taken: TakenMail[] = [];
  const refusals: MailServer['refusals'] = new Map();
  const server = new SMTPServer({
    authOptional: false,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onAuth: ({ username, password }, _session, answer) =>
      username === 'mailer' && password === 'correct horse'
        ? answer(null, { user: username })
        : answer(Object.assign(new Error('Bad credentials'), { responseCode: 535 })),
    onRcptTo: ({ address }, _session, answer) => {
      const refusal = refusals.get(address);
      answer(refusal ? Object.assign(new Error(refusal.text), { responseCode: refusal.code }) : undefined);
    },
    onData: (stream, session, answer) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? '' : mailFrom.address;
        taken.push({ from, to: rcptTo.map(({ address }) => address), raw: Buffer.concat(chunks).toString('utf8') });
        answer();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    taken,
    refusals,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** The parts of a message as a reader sees them: its headers and its texts, decoded. */
export function readMail(raw: string): { headers: string; texts: string } {
  const [head = ''] = raw.split('\r\n\r\n', 1);
  const bodies = [
    ...raw.matchAll(/Content-Transfer-Encoding: (\w[\w-]*)\r\n(?:[\w-]+:.*\r\n)*\r\n([\s\S]*?)\r\n(?:--|$)/g),
  ];
  const texts = bodies.map(([, encoding, body = '']) =>
    encoding === 'base64' ? Buffer.from(body, 'base64').toString('utf8') : body,
  );
  return { headers: head.replaceAll(/\r\n[ \t]+/g, ' '), texts: texts.join('\n') };
}
