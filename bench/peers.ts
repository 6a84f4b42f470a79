import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'peers');

/** Installs the peers by their own lock file, where that was not done yet. They need another graphql than we have. */
export function installPeers(log: (line: string) => void): void {
  const marker = join(folder, 'node_modules', '.package-lock.json');
  if (existsSync(marker) && versionOf('postgraphile') !== null) return;
  log('Installing the peers (bench/peers) ...');
  // npm's own file where npm started us; run by this Node, so that it chooses packages for it.
  const npm = process.env['npm_execpath'];
  const [command, first] = npm && /\.c?js$/.test(npm) ? [process.execPath, [npm]] : ['npm', []];
  execFileSync(command, [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: 'inherit',
  });
}

/** Of an installed package: of the peers, or of ours. */
export function versionOf(name: string, of: 'peers' | 'ours' = 'peers'): string | null {
  const root = of === 'peers' ? folder : join(import.meta.dirname, '..');
  const file = join(root, 'node_modules', name, 'package.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : null;
}
