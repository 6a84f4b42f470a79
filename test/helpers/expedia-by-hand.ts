import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { KEYS, day } from './expedia.ts';

/**
 * The simulated Rapid spoken to by hand: paths, headers and signatures made here from travel-providers.md section 1, and
 * nothing of our client.
 */
export interface Asked {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly base?: string;
}

export function signed(
  secret = KEYS.sharedSecret,
  seconds = Math.floor(Date.now() / 1_000),
  apiKey = KEYS.apiKey,
): string {
  const signature = createHash('sha512').update(`${apiKey}${secret}${seconds}`).digest('hex');
  return `EAN apikey=${apiKey},signature=${signature},timestamp=${seconds}`;
}

/** Answers as they are to a client that unpacks them. */
export function callerOf(baseOf: () => string) {
  return async (method: string, path: string, { headers = {}, body, base = baseOf() }: Asked = {}) => {
    const all: Record<string, string | undefined> = {
      authorization: signed(),
      accept: 'application/json',
      'accept-encoding': 'gzip',
      'user-agent': 'Test/1.0',
      'customer-ip': '203.0.113.7',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    };
    const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const url = path.startsWith('/expedia') ? `${new URL(base).origin}${path}` : `${base}${path}`;
    const answer = await fetch(url, {
      method,
      headers: sent,
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const json: any = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : null;
    return { status: answer.status, headers: answer.headers, text, json };
  };
}

/** Types of a refusal, nested ones too. */
export function typesOf({ json }: { json: any }): string[] {
  return [json?.type, ...(json?.errors ?? []).map((one: { type: string }) => one.type)];
}

const SHOP = new URLSearchParams({
  checkin: day(40),
  checkout: day(42),
  currency: 'USD',
  country_code: 'US',
  language: 'en-US',
  occupancy: '2',
  property_id: '19248',
  rate_plan_count: '6',
  sales_channel: 'website',
  sales_environment: 'hotel_only',
});

export function shopPath(
  change: Readonly<Record<string, string | null>> = {},
  more: readonly [string, string][] = [],
): string {
  const query = new URLSearchParams(SHOP);
  for (const [name, value] of Object.entries(change)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  for (const [name, value] of more) query.append(name, value);
  return `/properties/availability?${query}`;
}

export const BODY = {
  affiliate_reference_id: 'GW-01J4ZK8Q0T',
  email: 'ana@example.com',
  phone: { country_code: '1', area_code: '206', number: '5550100' },
  rooms: [{ given_name: 'Ana', family_name: 'Silva', smoking: false }],
  payments: [
    {
      type: 'affiliate_collect',
      billing_contact: {
        given_name: 'Ana',
        family_name: 'Silva',
        address: { country_code: 'US', state_province_code: 'WA', postal_code: '98101' },
      },
    },
  ],
};

export type Call = ReturnType<typeof callerOf>;

export async function checkLink(call: Call): Promise<string> {
  const { json } = await call('GET', shopPath());
  const refundable = json[0].rooms[0].rates.find((rate: { refundable: boolean }) => rate.refundable);
  return refundable.bed_groups['37321'].links.price_check.href;
}

export async function bookLink(call: Call): Promise<string> {
  return (await call('GET', await checkLink(call))).json.links.book.href;
}

export async function booked(call: Call, body: object = BODY): Promise<any> {
  const answer = await call('POST', await bookLink(call), { body });
  expect(answer.status).toBe(201);
  return answer.json;
}
