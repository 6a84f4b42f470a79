import { createHmac } from 'node:crypto';
import { AwsV4Signer } from 'aws4fetch';
import type { Credentials, OutboundRequest } from '../contract.ts';

/** Signature version 4 as SES wants it (business-integrations.md 4.2), and the password of its SMTP interface (4.3). */

export async function signed(
  request: OutboundRequest,
  by: { readonly credentials: Credentials; readonly region: string; readonly at: Date },
): Promise<OutboundRequest> {
  const signer = new AwsV4Signer({
    method: request.method,
    url: request.url,
    headers: { ...request.headers },
    ...(request.body !== undefined && { body: request.body }),
    accessKeyId: by.credentials['ACCESS_KEY_ID'] ?? '',
    secretAccessKey: by.credentials['SECRET_ACCESS_KEY'] ?? '',
    service: 'ses',
    region: by.region,
    datetime: by.at.toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
    allHeaders: true,
  });
  const { headers } = await signer.sign();
  return { ...request, headers: Object.fromEntries(headers) };
}

const PASSWORD_VERSION = Buffer.from([4]);

/** Good in its region only. */
export function smtpPassword(secretAccessKey: string, region: string): string {
  const steps = ['11111111', region, 'ses', 'aws4_request', 'SendRawEmail'];
  const key = steps.reduce<Buffer>(
    (last, step) => createHmac('sha256', last).update(step).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  return Buffer.concat([PASSWORD_VERSION, key]).toString('base64');
}
