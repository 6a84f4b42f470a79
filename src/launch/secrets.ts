import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { chownSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Writes a file only its owner may read, at once or not at all: a kill in the middle leaves the former content. Root writes
 * it for the owner of the folder, so that an ordinary user's data directory stays usable for him after a start as root.
 */
export function writePrivate(path: string, content: string): void {
  const half = `${path}.${randomUUID().slice(0, 8)}.half`;
  writeFileSync(half, content, { mode: 0o600, flush: true });
  const folder = statSync(dirname(path));
  if (process.getuid?.() === 0 && folder.uid !== 0) chownSync(half, folder.uid, folder.gid);
  renameSync(half, path);
}

/** The demo's master key: made once per data directory. Production brings its own. */
export function keepSecretKey(dataDir: string): string {
  const path = join(dataDir, 'secret-key');
  if (!existsSync(path)) writePrivate(path, randomBytes(32).toString('base64url'));
  return readFileSync(path, 'utf8').trim();
}

/** Eight hexadecimal digits that name a thing after a longer one. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
