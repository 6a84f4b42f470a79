import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { MailConnection, MailTransport } from './integrations/mail.ts';
import type { MailTransports } from './integrations/mail-transports.ts';
import type { IntegrationSnapshot } from './integrations/policy.ts';
import { sesBaseUrl, SES_REGION_DEFAULT } from './integrations/ses/client.ts';
import type { Sns } from './integrations/ses/sns.ts';
import type { EmailSenderModel } from './generated/prisma/models.ts';

/** What mail leaves by, and what tells of it (BIZ-4). Nothing here holds a database transaction. */
export interface Mail {
  readonly sns: Sns;
  transport(kind: EmailSenderModel['transport']): MailTransport;
  /** A sender's connection; its credentials are open already. */
  connection(sender: EmailSenderModel, credentials: Readonly<Record<string, string>>): MailConnection;
  snapshots(): Readonly<Record<string, IntegrationSnapshot>>;
}

/** Whose credentials a sender's are, within its tenant. */
export function mailOwner(transport: EmailSenderModel['transport']): string {
  return `mail:${transport}`;
}

export function createMail(options: {
  readonly config: Pick<Config, 'environment' | 'simulatorsUrl'>;
  readonly clock: Clock;
  readonly transports: MailTransports;
  readonly sns: Sns;
}): Mail {
  const { config, transports, sns } = options;
  return {
    sns,
    transport: (kind) => transports.transport(kind === 'SES' ? 'ses' : 'smtp'),
    connection: (sender, credentials) => ({
      baseUrl:
        sender.transport === 'SES'
          ? sesBaseUrl(sender.sesRegion ?? SES_REGION_DEFAULT, config.simulatorsUrl)
          : smtpUrl(sender.smtpHost ?? 'invalid', sender.smtpPort ?? SUBMISSION_PORT),
      credentials,
      region: sender.sesRegion,
      configurationSets: { TRANSACTIONAL: sender.transactionalSet, MARKETING: sender.marketingSet },
      allowInside: config.environment !== 'production',
    }),
    snapshots: () => transports.snapshots(),
  };
}

const SUBMISSION_PORT = 587;
/** These begin with TLS; on others it is asked for. */
const TLS_PORTS = [465, 2465];

function smtpUrl(host: string, port: number): string {
  return `${TLS_PORTS.includes(port) ? 'smtps' : 'smtp'}://${host}:${port}`;
}
