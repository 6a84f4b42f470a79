import { useSyncExternalStore } from 'react';

/** Two pages: the shop, and one order (?order=...), whose address is also where the gateway sends its customer back to. */
const MOVED = 'portal:moved';

export function useOrderId(): string | null {
  return useSyncExternalStore(watchPlace, () => new URLSearchParams(location.search).get('order'));
}

export function placeOfOrder(id: string): string {
  return `${location.pathname}?order=${encodeURIComponent(id)}`;
}

export function go(place: string): void {
  history.pushState(null, '', place);
  window.dispatchEvent(new Event(MOVED));
  window.scrollTo(0, 0);
}

function watchPlace(listener: () => void): () => void {
  const names = ['popstate', MOVED];
  for (const name of names) window.addEventListener(name, listener);
  return () => names.forEach((name) => window.removeEventListener(name, listener));
}
