import type { Credentials, OutboundCall, Outcome } from './contract.ts';

/** How mail leaves: one contract for whatever takes it (BIZ-4). */

export type MailTransportSlug = 'ses' | 'smtp';
/** What somebody asked for, or what they may unsubscribe from: each has a reputation of its own (business-integrations.md 4.4). */
export type MailStream = 'TRANSACTIONAL' | 'MARKETING';

export interface MailAddress {
  readonly address: string;
  readonly name: string | null;
}

export interface MailToSend {
  /** Stable over all tries, without angle brackets: whoever gets the same mail twice can tell. */
  readonly messageId: string;
  readonly date: Date;
  readonly from: MailAddress;
  readonly replyTo: string | null;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly stream: MailStream;
  /** Names whose mail it is to the transport, so that its events need no parsing of addresses. */
  readonly tenant: string;
}

export interface MailConnection {
  /** `https://email.region.amazonaws.com`, `smtp://host:587` (STARTTLS) or `smtps://host:465`. */
  readonly baseUrl: string;
  readonly credentials: Credentials;
  /** SES only; a signature and a password are good in one region. */
  readonly region: string | null;
  readonly configurationSets: Readonly<Record<MailStream, string | null>>;
  /** True where the transport may stand beside us and take mail without encryption: simulators and tests. */
  readonly allowInside: boolean;
}

export interface AcceptedMail {
  /** The transport's own id of the mail, by which its feedback names it. */
  readonly reference: string | null;
}

/**
 * `unknown` may have been accepted: it is sent again under the same Message-ID, because a mail that comes twice harms less than one that
 * never comes.
 */
export interface MailTransport {
  readonly slug: MailTransportSlug;
  readonly credentialNames: readonly string[];
  send(connection: MailConnection, mail: MailToSend, call: OutboundCall): Promise<Outcome<AcceptedMail>>;
  /** Whether this connection may send from this address. */
  check(connection: MailConnection, from: string, call: OutboundCall): Promise<Outcome<{ readonly verified: boolean }>>;
}

/** The part of an address that is a domain, in lower case. */
export function mailDomainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}
