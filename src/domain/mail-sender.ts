/** How a tenant's mail may leave (TEN-5, BIZ-4): addresses, server, the mail service's own names. */
import { invalidInput } from '../errors.ts';
import { isInside } from './base-url.ts';

type Given<T> = T | null | undefined;

export interface SenderFields {
  readonly transport: 'SMTP' | 'SES';
  readonly enabled?: Given<boolean>;
  readonly fromAddress: string;
  readonly fromName?: Given<string>;
  readonly replyTo?: Given<string>;
  readonly smtpHost?: Given<string>;
  readonly smtpPort?: Given<number>;
  readonly sesRegion?: Given<string>;
  readonly transactionalSet?: Given<string>;
  readonly marketingSet?: Given<string>;
  readonly topicArn?: Given<string>;
}

const ADDRESS = /^[^\p{Cc}\s@<>,;"]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/iu;
const HOST = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const TOPIC = /^arn:aws(-cn)?:sns:[a-z0-9-]{3,30}:\d{12}:[\w-]{1,256}$/;
const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;
const SET = /^[\w-]{1,64}$/;
const MAIL_PORTS = [25, 465, 587, 2465, 2525, 2587];
const NAME_CHARACTERS_MAX = 100;

/**
 * @param production nobody turns us against the network we stand in
 * @throws AppError INVALID_INPUT with the field's path below `input`
 */
export function checkSender(settings: SenderFields, production: boolean): void {
  const fault = faultOfTexts(settings) ?? faultOfServer(settings, production);
  if (fault) throw invalidInput(fault[1], ['input', fault[0]]);
}

function faultOfTexts(settings: SenderFields): readonly [string, string] | null {
  const { fromAddress, fromName, replyTo, topicArn, sesRegion } = settings;
  if (fromAddress.length > 254 || !ADDRESS.test(fromAddress)) return ['fromAddress', 'This is not an email address.'];
  if (replyTo && (replyTo.length > 254 || !ADDRESS.test(replyTo))) return ['replyTo', 'This is not an email address.'];
  if (fromName && (fromName.length > NAME_CHARACTERS_MAX || /\p{Cc}/u.test(fromName)))
    return ['fromName', `A name has ${NAME_CHARACTERS_MAX} characters at most, on one line.`];
  if (topicArn && !TOPIC.test(topicArn)) return ['topicArn', 'This is not the name (ARN) of a topic.'];
  if (sesRegion && !REGION.test(sesRegion)) return ['sesRegion', 'This is not a region.'];
  for (const name of ['transactionalSet', 'marketingSet'] as const)
    if (settings[name] && !SET.test(settings[name])) return [name, 'This is not the name of a configuration set.'];
  return null;
}

/** In production nobody turns us against the network we stand in; the client looks at the address again when it connects. */
function faultOfServer(settings: SenderFields, production: boolean): readonly [string, string] | null {
  const { transport, smtpHost, smtpPort } = settings;
  if (transport === 'SMTP' && !smtpHost) return ['smtpHost', 'A mail server is needed.'];
  if (smtpHost && (smtpHost.length > 253 || !HOST.test(smtpHost)))
    return ['smtpHost', 'This is not the name of a mail server.'];
  if (smtpPort && (smtpPort < 1 || smtpPort > 65_535)) return ['smtpPort', 'This is not a port.'];
  if (!production) return null;
  if (smtpHost && isInside(new URL(`http://${smtpHost}`).hostname))
    return ['smtpHost', 'This is not a public mail server.'];
  return smtpPort && !MAIL_PORTS.includes(smtpPort) ? ['smtpPort', `Mail is taken at ${MAIL_PORTS.join(', ')}.`] : null;
}
