import MailComposer from 'nodemailer/lib/mail-composer';
import type { MailToSend } from './mail.ts';

/** What goes over the wire as a mail, the same for every transport. */

/** @returns the name of the first header whose value could start another one, or null */
export function brokenHeaderOf(mail: MailToSend): string | null {
  const values: Record<string, string | null> = {
    'Message-ID': mail.messageId,
    From: `${mail.from.name ?? ''}${mail.from.address}`,
    'Reply-To': mail.replyTo,
    To: mail.to,
    Subject: mail.subject,
    ...mail.headers,
  };
  const broken = Object.entries(values).find(([name, value]) => hasControl(name) || hasControl(value ?? ''));
  return broken?.[0] ?? null;
}

/** Nothing below a blank belongs into a header: CR and LF would begin a header of the writer's choice. */
export function hasControl(text: string): boolean {
  return [...text].some((character) => character < ' ' || character === '\u007F');
}

/** The message as bytes. Names and subjects that are not ASCII are encoded words (RFC 2047). */
export function mimeOf(mail: MailToSend): Promise<Buffer> {
  return new MailComposer({
    messageId: `<${mail.messageId}>`,
    date: mail.date,
    from: { address: mail.from.address, name: mail.from.name ?? '' },
    to: { address: mail.to, name: '' },
    ...(mail.replyTo !== null && { replyTo: { address: mail.replyTo, name: '' } }),
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    headers: { ...mail.headers },
    textEncoding: 'base64',
    // Attachments and contents come from us as text, never by a path or an address.
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build();
}
