import type { Clock } from '../clock.ts';
import type { OutboundSend } from './contract.ts';
import type { MailTransport, MailTransportSlug } from './mail.ts';
import { createPolicy, type CallObservation, type IntegrationSnapshot } from './policy.ts';
import { createSesTransport } from './ses/client.ts';
import { SMTP_TRANSPORT } from './smtp/client.ts';

export interface MailTransports {
  transport(slug: MailTransportSlug): MailTransport;
  /** Of SES alone: mail servers are the tenants' own, and one of them says nothing of anybody else's. */
  snapshots(): Readonly<Record<string, IntegrationSnapshot>>;
}

/** Each way mail leaves, behind a policy of its own: inside it each mail server has a circuit of its own. */
export function createMailTransports(options: {
  readonly send: OutboundSend;
  readonly clock: Clock;
  readonly random: () => number;
  readonly observe?: (observation: CallObservation) => void;
}): MailTransports {
  const policies = {
    ses: createPolicy({ ...options, integration: 'ses' }),
    smtp: createPolicy({ ...options, integration: 'smtp' }),
  };
  const clients = {
    ses: createSesTransport({ send: policies.ses.watch(options.send), clock: options.clock }),
    smtp: SMTP_TRANSPORT,
  };
  const guarded = (slug: MailTransportSlug): MailTransport => {
    const client = clients[slug];
    return {
      ...client,
      // Never repeated here: the outbox does, and knows when.
      send: (connection, mail, call) =>
        policies[slug].run({ name: 'send', safe: false, baseUrl: connection.baseUrl }, call, (bounded) =>
          client.send(connection, mail, bounded),
        ),
      check: (connection, from, call) =>
        policies[slug].run({ name: 'check', safe: true, baseUrl: connection.baseUrl }, call, (bounded) =>
          client.check(connection, from, bounded),
        ),
    };
  };
  const transports = { ses: guarded('ses'), smtp: guarded('smtp') };
  return {
    transport: (slug) => transports[slug],
    snapshots: () => ({ ses: policies.ses.snapshot() }),
  };
}
