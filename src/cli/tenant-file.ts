import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';

import { KEY_SCOPES } from '../access.ts';
import { TENANT_FILE, type TenantFile } from '../domain/tenant-file.ts';
import { PAYMENT_GATEWAYS } from '../integrations/registry.ts';
import { SES_CREDENTIALS } from '../integrations/ses/client.ts';
import { SMTP_CREDENTIALS } from '../integrations/smtp/client.ts';
import { UsageError } from './command.ts';

type Path = readonly PropertyKey[];
interface Fault {
  readonly line: number;
  readonly path: string;
  readonly message: string;
}

const CHARACTERS_MAX = 1_000_000;

/**
 * A tenant's file. Every scalar is read as the text it is, so that 1500.00 stays 1500.00.
 * @throws UsageError with a line for each fault, all of them, in the order of the file
 */
export function readTenantFile(text: string, name: string): TenantFile {
  if (text.length > CHARACTERS_MAX) throw new UsageError(`${name} is larger than a tenant's file can be.`);
  const lines = new LineCounter();
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false });
  const syntax = document.errors.map(({ pos, message }) => ({ line: lines.linePos(pos[0]).line, path: '', message }));
  if (syntax.length > 0) throw faultsAsOne(name, syntax);
  const read = TENANT_FILE.safeParse(document.toJS());
  const places = read.success ? unknownNames(read.data) : read.error.issues.flatMap(placesOf);
  if (!read.success || places.length > 0)
    throw faultsAsOne(
      name,
      places.map(({ path, message }) => ({ line: lineOf(document, lines, path), path: path.join('.'), message })),
    );
  return read.data;
}

interface Place {
  readonly path: Path;
  readonly message: string;
}

function placesOf(issue: {
  readonly code?: string;
  readonly path: Path;
  readonly message: string;
  readonly keys?: readonly string[];
  readonly input?: unknown;
}): Place[] {
  if (issue.code === 'unrecognized_keys')
    return (issue.keys ?? []).map((key) => ({ path: [...issue.path, key], message: 'There is no such setting.' }));
  return [{ path: issue.path, message: issue.message }];
}

/** Names of closed lists that the domain does not know. */
function unknownNames(file: TenantFile): Place[] {
  const scopes = (file.keys ?? []).flatMap((key, index) =>
    key.scopes.flatMap((scope, at) =>
      KEY_SCOPES.some((known) => known === scope)
        ? []
        : [{ path: ['keys', index, 'scopes', at], message: `The scopes are: ${KEY_SCOPES.join(', ')}.` }],
    ),
  );
  const credentials = Object.entries(file.gateways ?? {}).flatMap(([gateway, settings]) => {
    const names = PAYMENT_GATEWAYS.find(({ slug }) => slug === gateway.toLowerCase())?.credentialNames ?? [];
    return unknownCredentials(['gateways', gateway], settings?.credentials, names);
  });
  const names = file.sender?.transport === 'SES' ? SES_CREDENTIALS : SMTP_CREDENTIALS;
  return [...scopes, ...credentials, ...unknownCredentials(['sender'], file.sender?.credentials, names)];
}

function unknownCredentials(path: Path, credentials: object | undefined, names: readonly string[]): Place[] {
  return Object.keys(credentials ?? {}).flatMap((name) =>
    names.includes(name)
      ? []
      : [{ path: [...path, 'credentials', name], message: `The credentials are: ${names.join(', ')}.` }],
  );
}

/** Of the setting itself, or, where it is missing, of what it should stand in. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const name of path) {
    const [at, inner] = stepInto(node, name);
    if (at === null) break;
    offset = at;
    node = inner;
  }
  return lines.linePos(offset).line;
}

function stepInto(node: unknown, name: PropertyKey): [offset: number | null, inner: unknown] {
  if (isSeq(node)) {
    const item = node.items[Number(name)];
    return [isNode(item) ? startOf(item) : null, item];
  }
  if (!isMap(node)) return [null, null];
  const pair = node.items.find((one) => isPair(one) && isScalar(one.key) && String(one.key.value) === String(name));
  return pair && isNode(pair.key) ? [startOf(pair.key), pair.value] : [null, null];
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

function faultsAsOne(name: string, faults: readonly Fault[]): UsageError {
  const lines = faults
    .toSorted((one, other) => one.line - other.line)
    .map(({ line, path, message }) => `  line ${line}${path === '' ? '' : `, ${path}`}: ${message}`);
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  return new UsageError([`${name} has ${count}; nothing was changed.`, ...lines].join('\n'));
}
