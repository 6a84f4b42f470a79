import { LogOutDocument, RefreshSessionDocument, type TokensFragment } from '../generated/graphql.ts';
import { post } from './post.ts';

/**
 * Who is signed in, and their tokens.
 *
 * The access token (minutes) is held in memory alone. The refresh token has to outlive the way to the gateway's page and back, which
 * unloads this one, so it lies in sessionStorage: it ends with the tab, no other tab reads it, and no browser sends it anywhere by
 * itself, so there is nothing for a forged request to ride on. What it does not withstand is a script of somebody else's in this page:
 * load none, and serve the page with a Content-Security-Policy (vite.config.ts adds one to the build). It works once; when a copied one
 * is used, too, the graph ends the session. A portal with a server of its own can keep the refresh token in an HttpOnly cookie there.
 */
export type Session =
  | { readonly kind: 'opening' }
  | { readonly kind: 'out' }
  | { readonly kind: 'in'; readonly name: string };

const KEPT = 'portal.refresh-token';
/** A token that ends within this time is traded before it is used. */
const EARLY_MS = 30_000;

let session: Session = sessionStorage.getItem(KEPT) === null ? { kind: 'out' } : { kind: 'opening' };
let access: { readonly token: string; readonly untilMs: number } | null = null;
let trade: Promise<string | null> | null = null;
const listeners = new Set<() => void>();

export function currentSession(): Session {
  return session;
}

/** @returns what ends the watching */
export function watchSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function openSession({ accessToken, refreshToken, expiresAt, user }: TokensFragment): void {
  access = { token: accessToken, untilMs: Date.parse(expiresAt) };
  sessionStorage.setItem(KEPT, refreshToken);
  change({ kind: 'in', name: user.firstName ?? user.email });
}

export function closeSession(): void {
  const refreshToken = sessionStorage.getItem(KEPT);
  forget();
  // Here it is over either way; there it ends by itself where this does not arrive.
  if (refreshToken !== null) post(LogOutDocument, { input: { refreshToken } }).catch(() => undefined);
}

/** A token that holds, traded anew where need be; null for nobody. @param refused one that the graph would not take any more */
export async function accessToken(refused?: string): Promise<string | null> {
  if (access && access.token !== refused && access.untilMs - Date.now() > EARLY_MS) return access.token;
  // One trade at a time, whoever asks: a refresh token that is shown twice ends the session.
  trade ??= tradeTokens().finally(() => (trade = null));
  return trade;
}

async function tradeTokens(): Promise<string | null> {
  const refreshToken = sessionStorage.getItem(KEPT);
  if (refreshToken === null) return null;
  const { refreshSession } = await post(RefreshSessionDocument, { input: { refreshToken } });
  if (!refreshSession.session) {
    forget();
    return null;
  }
  openSession(refreshSession.session);
  return refreshSession.session.accessToken;
}

function forget(): void {
  access = null;
  sessionStorage.removeItem(KEPT);
  change({ kind: 'out' });
}

function change(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}
