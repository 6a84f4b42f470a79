import { json } from '../simulator/answer.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';

/** How the simulated vendor reads a request, and how it refuses one: the first thing that is wrong and nothing else. */

export class Complaint extends Error {
  readonly status: number;
  readonly id: string;
  readonly more: Readonly<Record<string, unknown>>;
  constructor(status: number, id: string, message: string, more: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.id = id;
    this.more = more;
  }
}

export function errorAnswer(requestId: string, complaint: Complaint): SimulatorAnswer {
  const { status, id, message, more } = complaint;
  return json(status, { request_id: requestId, errors: [{ id, message, ...more }] });
}

export type Fields = Readonly<Record<string, unknown>>;

export function objectIn(value: unknown, name: string): Fields {
  if (value === undefined || value === null) throw missing(name);
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(name);
  return value as Fields;
}

/** Only what the interface knows: a field of another version is an error, not a wish that goes unheard. */
export function only(fields: Fields, names: string, within = ''): void {
  const known = names.split(' ');
  const stranger = Object.keys(fields).find((name) => !known.includes(name));
  if (stranger !== undefined) throw invalid(`${within}${stranger}`);
}

export function missing(name: string): Complaint {
  return new Complaint(400, 'missing_parameter', `Parameter '${name}' is missing.`);
}

export function invalid(name: string, why = ''): Complaint {
  return new Complaint(400, 'invalid_parameter', `Parameter '${name}' is invalid.${why === '' ? '' : ` ${why}`}`);
}

export function textIn(fields: Fields, name: string, pattern: RegExp, within = ''): string {
  const value = fields[name];
  if (value === undefined || value === null || value === '') throw missing(`${within}${name}`);
  if (typeof value !== 'string' || !pattern.test(value)) throw invalid(`${within}${name}`);
  return value;
}

export function optionalText(fields: Fields, name: string, pattern: RegExp, within = ''): string | null {
  return fields[name] === undefined || fields[name] === null ? null : textIn(fields, name, pattern, within);
}

export function numberIn(fields: Fields, name: string, least: number, most: number, within = ''): number {
  const value = fields[name];
  if (value === undefined || value === null) throw missing(`${within}${name}`);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw invalid(`${within}${name}`);
  }
  return value;
}

export function listIn(fields: Fields, name: string, countMax: number, within = ''): readonly unknown[] {
  const value = fields[name];
  if (value === undefined || value === null) throw missing(`${within}${name}`);
  if (!Array.isArray(value) || value.length === 0 || value.length > countMax) throw invalid(`${within}${name}`);
  return value;
}

export function oneOf<W extends string>(fields: Fields, name: string, words: readonly W[], within = ''): W {
  const value = fields[name];
  if (value === undefined || value === null) throw missing(`${within}${name}`);
  const word = words.find((one) => one === value);
  if (word === undefined) throw invalid(`${within}${name}`);
  return word;
}

/** A multiple of ten between 10 and 100; 100 unless told. */
export function rowsIn(fields: Fields, name: string): number {
  if (fields[name] === undefined) return 100;
  const rows = numberIn(fields, name, 10, 100);
  if (rows % 10 !== 0) throw invalid(name, 'It is a multiple of 10.');
  return rows;
}

export const DAY_MS = 86_400_000;

export function dayIn(fields: Fields, name: string, within = ''): number {
  const text = textIn(fields, name, /^\d{4}-\d{2}-\d{2}$/, within);
  const at = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text) throw invalid(`${within}${name}`);
  return at;
}
