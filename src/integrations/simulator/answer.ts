import { page } from './page.ts';
import type { SimulatorAnswer, SimulatorRequest } from './types.ts';

/** What simulated vendors answer alike, and how their pages' buttons are read. */

export function json(status: number, value: unknown, headers: Record<string, string> = {}): SimulatorAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

export function wrongMethod(): SimulatorAnswer {
  return page(405, 'Method Not Allowed', '<h1>405 Method Not Allowed</h1>');
}

/** The browser is sent on and keeps nothing. */
export function redirect(status: 302 | 303, location: string): SimulatorAnswer {
  return { status, headers: { location, 'cache-control': 'no-store' }, body: '' };
}

/** A program that presses a button asks for JSON, or for nothing at all. */
export function isBrowser(request: SimulatorRequest): boolean {
  return (request.headers['accept'] ?? '').includes('text/html');
}

/** The button pressed, by form or by JSON; null where it is none of these. */
export function actionOf<A extends string>(request: SimulatorRequest, actions: readonly A[]): A | null {
  const isJson = (request.headers['content-type'] ?? '').includes('json');
  const action = isJson ? actionInJson(request.body) : new URLSearchParams(request.body).get('action');
  return actions.find((one) => one === action) ?? null;
}

function actionInJson(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && 'action' in value ? value.action : null;
  } catch {
    return null;
  }
}
