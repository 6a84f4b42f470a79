import { notFound } from './errors.ts';
import { isUuid } from './ids.ts';

/** A global id is base64url of `Type:uuid` (Relay's object identification). It says nothing of the tenant: the caller's decides. */
export function encodeGlobalId(typeName: string, id: string): string {
  return Buffer.from(`${typeName}:${id}`).toString('base64url');
}

/** Null for whatever is no global id of ours: such an object does not exist. */
export function decodeGlobalId(globalId: string): { typeName: string; id: string } | null {
  if (globalId.length > 128) return null;
  const [typeName, id, ...rest] = Buffer.from(globalId, 'base64url').toString('latin1').split(':');
  return typeName && id && rest.length === 0 && isUuid(id) ? { typeName, id } : null;
}

/** @throws NOT_FOUND for an id of another type or of no type. */
export function idOf(typeName: string, globalId: string, field?: readonly string[]): string {
  const decoded = decodeGlobalId(globalId);
  if (decoded?.typeName !== typeName) throw notFound(typeName.toLowerCase(), field);
  return decoded.id;
}
