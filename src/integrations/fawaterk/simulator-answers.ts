import { json } from '../simulator/answer.ts';
import { page } from '../simulator/page.ts';
import type { SimulatorAnswer, SimulatorRequest } from '../simulator/types.ts';
import { objectOf, parse } from './simulator-checkout.ts';

/** The forms every answer of the simulated vendor has. */

export function refused(status: number, message: string): SimulatorAnswer {
  return json(status, { status: 'error', message });
}

export function notFound(): SimulatorAnswer {
  return page(404, 'Not Found', '<h1>404 Not Found</h1>');
}

/** A body as JSON or as a form, whichever it says it is. */
export function fieldsOf(request: SimulatorRequest): Readonly<Record<string, unknown>> {
  const isJson = (request.headers['content-type'] ?? '').includes('json');
  return isJson ? (objectOf(parse(request.body)) ?? {}) : Object.fromEntries(new URLSearchParams(request.body));
}
