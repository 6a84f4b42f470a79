import { pino, type Logger, type DestinationStream } from 'pino';

export type { Logger };

/** Names whose values never reach a log line, at any depth up to three (OPS-3). */
const SECRET_NAMES = ['password', 'secret', 'token', 'accessToken', 'refreshToken', 'authorization', 'apiKey', 'api_key', 'hashKey', 'cookie', 'email', 'phone', 'x-api-key', 'connectionString', 'cardNumber', 'body'];

/** Structured lines with request id, tenant and operation; secrets and personal data masked. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const paths = SECRET_NAMES.flatMap((name) => ['', '*.', '*.*.'].map((prefix) => `${prefix}["${name}"]`.replace('.[', '[')));
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths, censor: '[masked]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
