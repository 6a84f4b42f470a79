/**
 * A webhook body as flat fields, within limits of size, depth and number, from JSON or a form. Numbers keep the digits
 * they were written with, because the signature covers the written text (`50.00` is not `50`).
 */
export type HookField =
  | { readonly kind: 'text' | 'number'; readonly text: string }
  | { readonly kind: 'nested'; readonly value: unknown };

export type HookBody = ReadonlyMap<string, HookField>;

export const HOOK_BYTES_MAX = 65_536;
const DEPTH_MAX = 12;
const FIELDS_MAX = 200;

/** A body that cannot be read at all; the message names no value. */
export class UnreadableBody extends Error {}

/** @throws UnreadableBody */
export function readBody(bytes: Uint8Array, contentType: string | undefined): HookBody {
  if (bytes.byteLength > HOOK_BYTES_MAX) throw new UnreadableBody(`larger than ${HOOK_BYTES_MAX} bytes`);
  const text = decode(bytes);
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json' || type.endsWith('+json')) return readJson(text);
  if (type === 'application/x-www-form-urlencoded') return readForm(text);
  if (type === '') return text.trimStart().startsWith('{') ? readJson(text) : readForm(text);
  throw new UnreadableBody('neither JSON nor a form');
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableBody('not UTF-8');
  }
}

/** Checked on the text first: the parser below recurses, and this body comes from anybody. */
function refuseDeep(text: string): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') {
      if (++depth > DEPTH_MAX) throw new UnreadableBody(`nested deeper than ${DEPTH_MAX}`);
    } else if (char === '}' || char === ']') depth--;
  }
}

/** A number together with how it was written. */
class WrittenNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function readJson(text: string): HookBody {
  refuseDeep(text);
  let value: unknown;
  try {
    value = JSON.parse(text, (_key, parsed: unknown, context?: { source?: string }) =>
      typeof parsed === 'number' ? new WrittenNumber(context?.source ?? String(parsed)) : parsed,
    );
  } catch {
    throw new UnreadableBody('not valid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof WrittenNumber) {
    throw new UnreadableBody('not a JSON object');
  }
  const fields = new Map<string, HookField>();
  for (const [name, entry] of Object.entries(value)) addField(fields, name, fieldOf(entry));
  return fields;
}

function fieldOf(entry: unknown): HookField | null {
  if (entry === null) return null;
  if (typeof entry === 'string') return { kind: 'text', text: entry };
  if (entry instanceof WrittenNumber) return { kind: 'number', text: entry.text };
  return { kind: 'nested', value: entry };
}

function readForm(text: string): HookBody {
  const fields = new Map<string, HookField>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (fields.has(name)) throw new UnreadableBody('a field is given twice');
    addField(fields, name, { kind: 'text', text: value });
  }
  return fields;
}

function addField(fields: Map<string, HookField>, name: string, field: HookField | null): void {
  if (fields.size >= FIELDS_MAX) throw new UnreadableBody(`more than ${FIELDS_MAX} fields`);
  if (field) fields.set(name, field);
}
