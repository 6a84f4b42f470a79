import type { Credentials, NotDoneReason, OutboundResponse, Outcome } from '../contract.ts';
import { readAnswer } from '../json.ts';
import type { MailConnection, MailToSend } from '../mail.ts';
import { notDone, unreadable, withoutSecrets } from '../outcome.ts';
import { ErrorAnswer, IdentityAnswer, SendEmailAnswer } from './wire.ts';

/** What SES says, in our words (business-integrations.md 4.2). */

const REASONS: Readonly<Record<string, NotDoneReason>> = {
  AccountSuspendedException: 'misconfigured',
  SendingPausedException: 'misconfigured',
  MailFromDomainNotVerifiedException: 'misconfigured',
  AccessDeniedException: 'misconfigured',
  SignatureDoesNotMatch: 'misconfigured',
  InvalidSignatureException: 'misconfigured',
  UnrecognizedClientException: 'misconfigured',
  MessageRejected: 'rejected',
  BadRequestException: 'rejected',
  NotFoundException: 'rejected',
  LimitExceededException: 'rateLimited',
  TooManyRequestsException: 'rateLimited',
};

export function sendEmailBody(connection: MailConnection, mail: MailToSend, mime: Buffer): string {
  const set = connection.configurationSets[mail.stream];
  return JSON.stringify({
    FromEmailAddress: mail.from.address,
    Destination: { ToAddresses: [mail.to] },
    Content: { Raw: { Data: mime.toString('base64') } },
    ...(set !== null && { ConfigurationSetName: set }),
    EmailTags: [{ Name: 'tenant', Value: mail.tenant }],
  });
}

export function readSendEmail(response: OutboundResponse, credentials: Credentials): Outcome<{ reference: string }> {
  if (response.status !== 200) return readError(response, credentials, true);
  const answer = readAnswer(SendEmailAnswer, response.body);
  return answer ? { kind: 'done', value: { reference: answer.MessageId } } : unreadable(200, true);
}

/** An identity that SES does not know is one that may not send. */
export function readIdentity(response: OutboundResponse, credentials: Credentials): Outcome<{ verified: boolean }> {
  if (response.status === 404) return { kind: 'done', value: { verified: false } };
  if (response.status !== 200) return readError(response, credentials, false);
  const answer = readAnswer(IdentityAnswer, response.body);
  return answer
    ? { kind: 'done', value: { verified: answer.VerifiedForSendingStatus === true } }
    : unreadable(200, false);
}

function readError(response: OutboundResponse, credentials: Credentials, effect: boolean): Outcome<never> {
  const answer = readAnswer(ErrorAnswer, response.body) ?? {};
  const type = nameOf(response.headers['x-amzn-errortype'] ?? answer.__type ?? '');
  const said = withoutSecrets(answer.message ?? answer.Message ?? '', credentials);
  const reason = REASONS[type] ?? reasonOfStatus(response.status);
  return reason === null ? unreadable(response.status, effect) : notDone(reason, `${type || response.status} ${said}`);
}

function nameOf(type: string): string {
  return type.split(':')[0]!.split('#').at(-1)!;
}

/** Null where it may have happened all the same. */
function reasonOfStatus(status: number): NotDoneReason | null {
  if (status === 429) return 'rateLimited';
  if (status === 401 || status === 403) return 'misconfigured';
  if (status === 503) return 'unavailable';
  return status >= 400 && status < 500 ? 'rejected' : null;
}
