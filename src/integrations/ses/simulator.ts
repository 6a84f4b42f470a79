import { z } from 'zod';
import { json, wrongMethod } from '../simulator/answer.ts';
import { page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { openLedger, type Account, type Ledger } from './simulator-model.ts';
import { accessKeyOf, signatureFault } from './simulator-signature.ts';
import { askToConfirm, CERTIFICATE_PATH, certificatePath, tellOf } from './simulator-sns.ts';

/**
 * Amazon SES and the SNS that tells of its mails, written from business-integrations.md section 4 and from nothing of ours.
 *
 *   POST /v2/email/outbound-emails        GET /v2/email/identities/{identity}
 *   GET  /SimpleNotificationService-{hex}.pem    GET /?Action=ConfirmSubscription&TopicArn=&Token=
 *
 * Operations for scenarios: sendEmail, identity. Mailboxes at simulator.amazonses.com: success, bounce, complaint,
 * suppressionlist, ooto, and of ours full and notspam.
 */
const SEND = '/v2/email/outbound-emails';
const IDENTITY = /^\/v2\/email\/identities\/([^/]+)$/;
const RECIPIENTS_MAX = 50;

export function simulateSes(world: SimulatorWorld): Simulator {
  const ledger = openLedger(world);
  return {
    name: 'ses',
    identify: (request) => identify(ledger, request),
    perform: (request, identified) => perform(world, ledger, request, identified),
    refusal,
    putAccount: (id, settings) => {
      ledger.putAccount(id, settings);
      askToConfirm(world, ledger, id);
    },
    resetAccount: ledger.reset,
    book: (account, limit) => ({
      mails: ledger.mails(account).slice(-limit).toReversed(),
      published: ledger.published(account).slice(-limit).toReversed(),
    }),
  };
}

function identify(ledger: Ledger, request: SimulatorRequest): Identified {
  const account = ledger.byKey(accessKeyOf(request) ?? '');
  if (request.path === SEND) return { account, operation: 'sendEmail' };
  return IDENTITY.test(request.path) ? { account, operation: 'identity' } : { account: null, operation: 'page' };
}

function perform(
  world: SimulatorWorld,
  ledger: Ledger,
  request: SimulatorRequest,
  { account: id }: Identified,
): SimulatorAnswer {
  const { path, method, query } = request;
  if (CERTIFICATE_PATH.test(path) && path === certificatePath(ledger))
    return { status: 200, headers: { 'content-type': 'application/x-pem-file' }, body: ledger.identity().pem };
  if (path === '/' && query.get('Action') === 'ConfirmSubscription')
    return ledger.confirm(query.get('TopicArn') ?? '', query.get('Token') ?? '')
      ? { status: 200, headers: { 'content-type': 'text/xml' }, body: '<ConfirmSubscriptionResponse/>' }
      : json(403, { message: 'No such token.' });
  const identity = IDENTITY.exec(path)?.[1];
  if (path !== SEND && identity === undefined) return page(404, 'Not Found', '<h1>404 Not Found</h1>');
  if (method !== (path === SEND ? 'POST' : 'GET')) return wrongMethod();
  const account = id === null ? undefined : ledger.account(id);
  if (id === null || account === undefined)
    return error(403, 'UnrecognizedClientException', 'The security token included in the request is invalid.');
  const fault = signatureFault(request, new URL(world.baseUrl).pathname, account, world.now());
  if (fault !== null) return error(403, 'SignatureDoesNotMatch', fault);
  if (identity === undefined) return sendEmail(world, ledger, { id, account }, request.body);
  return ownsDomain(account, decodeURIComponent(identity))
    ? json(200, { IdentityType: 'DOMAIN', VerifiedForSendingStatus: true, DkimAttributes: { Status: 'SUCCESS' } })
    : error(404, 'NotFoundException', 'Identity not found.');
}

const Message = z.object({
  FromEmailAddress: z.string().optional(),
  Destination: z.object({ ToAddresses: z.array(z.string()).default([]), CcAddresses: z.array(z.string()).default([]) }),
  Content: z.union([
    z.object({ Raw: z.object({ Data: z.base64() }) }),
    z.object({
      Simple: z.object({
        Subject: z.object({ Data: z.string() }),
        Body: z.object({
          Text: z.object({ Data: z.string() }).optional(),
          Html: z.object({ Data: z.string() }).optional(),
        }),
      }),
    }),
  ]),
  ConfigurationSetName: z.string().optional(),
  EmailTags: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]),
});

function sendEmail(
  world: SimulatorWorld,
  ledger: Ledger,
  { id, account }: { id: string; account: Account },
  body: string,
): SimulatorAnswer {
  const parsed = Message.safeParse(readJson(body));
  if (!parsed.success) return error(400, 'BadRequestException', 'The request is not valid.');
  const { FromEmailAddress: from = '', Destination, Content, ConfigurationSetName: set, EmailTags } = parsed.data;
  const to = [...Destination.ToAddresses, ...Destination.CcAddresses];
  if (to.length === 0 || to.length > RECIPIENTS_MAX || to.some((one) => !/^[^\s@<>]+@[^\s@<>]+$/.test(one)))
    return error(400, 'BadRequestException', 'Invalid recipients.');
  if (set !== undefined && !account.configurationSets.includes(set))
    return error(404, 'NotFoundException', `Configuration set <${set}> does not exist.`);
  if (!ownsDomain(account, domainOf(from)))
    return error(400, 'MailFromDomainNotVerifiedException', 'The sender is not verified.');
  const isKnown = (one: string): boolean =>
    domainOf(one) === 'simulator.amazonses.com' || ownsDomain(account, domainOf(one));
  if (account.sandbox && !to.every(isKnown)) return error(400, 'MessageRejected', 'Email address is not verified.');
  const mail = {
    messageId: ledger.nextId(id),
    account: id,
    from,
    to,
    configurationSet: set ?? null,
    tags: EmailTags,
    raw: 'Raw' in Content ? Content.Raw.Data : null,
    subject: 'Simple' in Content ? Content.Simple.Subject.Data : null,
    sentAt: world.now().toISOString(),
  };
  ledger.keep(mail);
  tellOf(world, ledger, account, mail);
  return json(200, { MessageId: mail.messageId });
}

function domainOf(address: string): string {
  return /@([^@\s>]+)>?$/.exec(address)?.[1]?.toLowerCase() ?? '';
}

function ownsDomain(account: Account, domain: string): boolean {
  return account.verifiedDomains.includes(domain.toLowerCase());
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function error(status: number, type: string, message: string): SimulatorAnswer {
  return json(status, { message }, { 'x-amzn-errortype': `${type}:` });
}

function refusal(kind: 'rateLimited' | 'wrongMethod' | 'broken', fault: Fault): SimulatorAnswer {
  if (kind === 'wrongMethod') return wrongMethod();
  return kind === 'rateLimited'
    ? error(429, 'TooManyRequestsException', 'Too many requests')
    : error(fault.status ?? 500, 'InternalFailure', 'Service failure');
}
