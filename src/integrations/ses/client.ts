import type { Clock } from '../../clock.ts';
import type { OutboundCall, OutboundRequest, OutboundResponse, OutboundSend, Outcome } from '../contract.ts';
import { OutboundFailure } from '../http.ts';
import { mailDomainOf, type MailConnection, type MailTransport } from '../mail.ts';
import { brokenHeaderOf, mimeOf } from '../mime.ts';
import { notDone, unanswered } from '../outcome.ts';
import { readIdentity, readSendEmail, sendEmailBody } from './map.ts';
import { signed } from './signature.ts';

/** Amazon SES by its API, version 2 (business-integrations.md 4). */

export const SES_CREDENTIALS: readonly string[] = ['ACCESS_KEY_ID', 'SECRET_ACCESS_KEY'];
export const SES_REGION_DEFAULT = 'ap-northeast-1';

/** On the simulators' server (simulators.ts). */
export const SES_SIMULATOR_PATH = '/ses';

export function sesBaseUrl(region: string, simulatorsUrl: string | null): string {
  return simulatorsUrl === null ? `https://email.${region}.amazonaws.com` : `${simulatorsUrl}${SES_SIMULATOR_PATH}`;
}

export function createSesTransport({ send, clock }: { send: OutboundSend; clock: Clock }): MailTransport {
  const ask = async <T>(
    connection: MailConnection,
    request: OutboundRequest,
    call: OutboundCall,
    read: (response: OutboundResponse) => Outcome<T>,
  ): Promise<Outcome<T>> => {
    const { credentials } = connection;
    if (SES_CREDENTIALS.some((name) => !credentials[name])) return notDone('misconfigured', 'credentials are missing');
    const region = connection.region ?? SES_REGION_DEFAULT;
    const authorized = await signed(request, { credentials, region, at: clock.now() });
    try {
      return read(await send({ ...authorized, account: `${credentials['ACCESS_KEY_ID']} ${region}` }, call));
    } catch (error) {
      if (error instanceof OutboundFailure) return unanswered(error, request.method === 'POST');
      throw error;
    }
  };
  return {
    slug: 'ses',
    credentialNames: SES_CREDENTIALS,
    async send(connection, mail, call) {
      const broken = brokenHeaderOf(mail);
      if (broken !== null) return notDone('rejected', `the header ${broken} holds a control character`);
      const body = sendEmailBody(connection, mail, await mimeOf(mail));
      const request = {
        method: 'POST',
        url: `${connection.baseUrl}/v2/email/outbound-emails`,
        headers: { 'content-type': 'application/json' },
        body,
      } as const;
      return ask(connection, request, call, (response) => readSendEmail(response, connection.credentials));
    },
    check(connection, from, call) {
      const identity = encodeURIComponent(mailDomainOf(from));
      const request = { method: 'GET', url: `${connection.baseUrl}/v2/email/identities/${identity}` } as const;
      return ask(connection, request, call, (response) => readIdentity(response, connection.credentials));
    },
  };
}
