import { createHash, randomUUID, sign } from 'node:crypto';
import type { SimulatorWorld } from '../simulator/types.ts';
import type { Account, Ledger, SentMail } from './simulator-model.ts';

/** What the simulated SES tells by SNS: real messages, really signed. */

export const CERTIFICATE_PATH = /^\/SimpleNotificationService-[0-9a-f]{32}\.pem$/;

export function certificatePath(ledger: Ledger): string {
  return `/SimpleNotificationService-${createHash('md5').update(ledger.identity().pem).digest('hex')}.pem`;
}

interface MailboxEvent {
  readonly type: 'Delivery' | 'Bounce' | 'Complaint';
  readonly details: (recipient: string, at: string, id: string) => object;
}

const delivery: MailboxEvent = {
  type: 'Delivery',
  details: (recipient, at) => ({
    delivery: { timestamp: at, recipients: [recipient], processingTimeMillis: 7, smtpResponse: '250 ok' },
  }),
};
const bounce = (bounceType: string, bounceSubType: string): MailboxEvent => ({
  type: 'Bounce',
  details: (recipient, at, id) => ({
    bounce: {
      bounceType,
      bounceSubType,
      bouncedRecipients: [{ emailAddress: recipient, action: 'failed', status: '5.1.1', diagnosticCode: 'smtp; 550' }],
      timestamp: at,
      feedbackId: id,
    },
  }),
});
const complaint = (complaintFeedbackType: string): MailboxEvent => ({
  type: 'Complaint',
  details: (recipient, at, id) => ({
    complaint: {
      complainedRecipients: [{ emailAddress: recipient }],
      timestamp: at,
      feedbackId: id,
      complaintFeedbackType,
      userAgent: 'Simulator',
    },
  }),
});

/** The mailbox simulator; `full` and `notspam` are of ours. Everybody else has a mailbox that takes everything. */
const MAILBOXES: Readonly<Record<string, MailboxEvent>> = {
  bounce: bounce('Permanent', 'General'),
  suppressionlist: bounce('Permanent', 'Suppressed'),
  full: bounce('Transient', 'MailboxFull'),
  complaint: complaint('abuse'),
  notspam: complaint('not-spam'),
};

/** Tells of every recipient of a mail, each in a message of its own. */
export function tellOf(world: SimulatorWorld, ledger: Ledger, account: Account, mail: SentMail): void {
  for (const recipient of mail.to) {
    const [local = '', domain = ''] = recipient.toLowerCase().split('@');
    const mailbox = domain === 'simulator.amazonses.com' ? MAILBOXES[local.split('+')[0]!] : undefined;
    const event = mailbox ?? delivery;
    const at = world.now().toISOString();
    const named = mail.configurationSet === null ? { notificationType: event.type } : { eventType: event.type };
    const message = {
      ...named,
      mail: {
        timestamp: mail.sentAt,
        messageId: mail.messageId,
        source: mail.from,
        destination: mail.to,
        headersTruncated: false,
        tags: Object.fromEntries(mail.tags.map(({ Name, Value }) => [Name, [Value]])),
      },
      ...event.details(recipient, at, randomUUID()),
    };
    publish(world, ledger, mail.account, account, {
      Type: 'Notification',
      Subject: 'Amazon SES Email Event Notification',
      Message: JSON.stringify(message),
      about: mail.messageId,
    });
  }
}

/** Before it is told anything, the endpoint must say that it wants to be. */
export function askToConfirm(world: SimulatorWorld, ledger: Ledger, id: string): void {
  const account = ledger.account(id);
  if (account?.topicArn === undefined || account.endpoint === undefined || ledger.isConfirmed(account)) return;
  const token = ledger.tokenOf(account);
  const query = new URLSearchParams({ Action: 'ConfirmSubscription', TopicArn: account.topicArn, Token: token });
  publish(world, ledger, id, account, {
    Type: 'SubscriptionConfirmation',
    Message: `You have chosen to subscribe to the topic ${account.topicArn}.`,
    Token: token,
    SubscribeURL: `${world.baseUrl}/?${query}`,
    about: 'subscription',
  });
}

const SIGNED = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
};

function publish(
  world: SimulatorWorld,
  ledger: Ledger,
  id: string,
  account: Account,
  { about, ...said }: { Type: keyof typeof SIGNED; Message: string; about: string; [name: string]: string },
): void {
  if (account.topicArn === undefined || account.endpoint === undefined) return;
  if (said.Type === 'Notification' && !ledger.isConfirmed(account)) return;
  const { privateKeyPem } = ledger.identity();
  const message: Record<string, string> = {
    ...said,
    MessageId: randomUUID(),
    TopicArn: account.topicArn,
    Timestamp: world.now().toISOString(),
  };
  const text = SIGNED[said.Type].filter((name) => name in message).map((name) => `${name}\n${message[name]}\n`);
  const digest = account.signatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256';
  const body = {
    ...message,
    SignatureVersion: account.signatureVersion,
    Signature: sign(digest, Buffer.from(text.join('')), privateKeyPem).toString('base64'),
    SigningCertURL: `${world.baseUrl}${certificatePath(ledger)}`,
    ...(said.Type === 'Notification' && { UnsubscribeURL: `${world.baseUrl}/?Action=Unsubscribe` }),
  };
  ledger.keepPublished(id, body);
  world.send({
    account: id,
    about,
    hook: said.Type,
    url: account.endpoint,
    contentType: 'text/plain; charset=UTF-8',
    body: JSON.stringify(body),
    retryDelaysMs: account.retryDelaysMs,
    delayMs: 0,
    afterNext: false,
  });
}
