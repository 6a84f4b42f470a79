import type { Fault } from '../simulator/scenario.ts';
import type { SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import type { Account, Ledger } from './simulator-model.ts';
import { tokenBox } from './simulator-tokens.ts';

/** One call that was let in, and the vendor's shapes of answers (travel-providers.md 1.4, 1.6, 1.8). */
export interface Call {
  readonly ledger: Ledger;
  readonly world: SimulatorWorld;
  readonly accountId: string;
  readonly account: Account;
  readonly request: SimulatorRequest;
  readonly fault: Fault | null;
  /** The account's time. */
  readonly at: Date;
  /** Of its rate limit, percent. */
  readonly remaining: number;
}

export function pack(status: number, value: unknown, headers: Record<string, string> = {}): SimulatorAnswer {
  const all = { 'content-type': 'application/json', 'content-encoding': 'gzip', region: 'us-west-2', ...headers };
  return { status, headers: all, body: JSON.stringify(value) };
}

/** An answer with the headers that tell of the rate limit. */
export function reply(call: Call, status: number, value?: unknown): SimulatorAnswer {
  const headers = limitHeaders(call.at, call.remaining);
  if (value === undefined) return { status, headers: { region: 'us-west-2', ...headers }, body: '' };
  return pack(status, value, headers);
}

/** Percent that remain, and milliseconds since 1970 of the next minute and day. */
export function limitHeaders(at: Date, remaining: number): Record<string, string> {
  const nextOf = (ms: number): string => String((Math.floor(at.getTime() / ms) + 1) * ms);
  return {
    'rate-limit-minute-remaining': String(remaining),
    'rate-limit-minute-reset': nextOf(60_000),
    'rate-limit-day-remaining': '99',
    'rate-limit-day-reset': nextOf(86_400_000),
    'rate-limit-reduction-status': 'inactive',
  };
}

export interface Field {
  readonly name: string;
  readonly type: 'querystring' | 'path' | 'header' | 'body' | 'server';
  readonly value?: string;
}

export interface Nested {
  readonly type: string;
  readonly message: string;
  readonly fields?: readonly Field[];
}

const MESSAGES: Readonly<Record<string, string>> = {
  request_unauthorized: 'Your key is not enabled for this product.',
  resource_not_found: 'There is no such thing here.',
  'region.not_found': 'There is no such region.',
  room_already_cancelled: 'The room was cancelled before.',
  price_mismatch: 'The price is not the one that was checked.',
  rooms_unavailable: 'The rooms are not free any more.',
  upgrade_required: 'Use TLS.',
  too_many_requests: 'Too many requests.',
  unknown_internal_error: 'Something went wrong here.',
  internal_server_error: 'Something went wrong here.',
  service_unavailable: 'This is not available at present.',
};

export function failure(status: number, type: string, fields: readonly Field[] = []): SimulatorAnswer {
  const message = MESSAGES[type] ?? 'The request was refused.';
  return pack(status, { type, message, ...(fields.length > 0 && { fields }) });
}

export function invalid(errors: readonly Nested[]): SimulatorAnswer {
  return pack(400, { type: 'invalid_input', message: 'See the nested errors.', errors });
}

/** A parameter that is none: `checkin.invalid_date_format` and its like. */
export function wrong(type: string, name: string, value: string | null, place: Field['type'] = 'querystring'): Nested {
  return { type, message: `Bad ${name}.`, fields: [{ name, type: place, ...(value !== null && { value }) }] };
}

export function badLink(): SimulatorAnswer {
  return invalid([wrong('link.invalid', 'token', null)]);
}

/** A link as the account gets them, below where this vendor is mounted. */
export function link(call: Call, method: string, path: string, sealed: Sealed): { method: string; href: string } {
  const { world, request, account } = call;
  const mount = new URL(world.baseUrl).pathname.replace(/\/$/, '');
  const href = `${mount}/v3${path}?token=${boxOf(call).seal(sealed.step, sealed.about, sealed.until ?? null)}`;
  if (account.links === 'relative') return { method, href };
  const origin = account.links === 'elsewhere' ? 'http://127.0.0.1:9' : `http://${request.headers['host'] ?? ''}`;
  return { method, href: `${origin}${href}` };
}

export interface Sealed {
  readonly step: string;
  readonly about: unknown;
  readonly until?: Date;
}

/** What a call's token is about; null where it is none of its step. */
export function opened<T>(call: Call, step: string): T | null {
  return boxOf(call).open(step, call.request.query.get('token') ?? '', call.at) as T | null;
}

function boxOf({ ledger, accountId }: Call) {
  return tokenBox(ledger.derive(accountId, 'tokens'));
}
