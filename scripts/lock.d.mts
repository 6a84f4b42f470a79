export interface LockHolder {
  pid: number;
  identity: string;
}
export function processIdentity(pid: number): string | null;
export function lockHolder(path: string): LockHolder | null;
export function tryLock(
  path: string,
): { release: () => void; holder?: never } | { holder: LockHolder; release?: never };
