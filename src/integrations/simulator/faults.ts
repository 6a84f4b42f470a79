import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Fault } from './scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest } from './types.ts';

/**
 * Faults of transport, applied around what a simulator decides. "Before" leaves the vendor's books untouched;
 * "after" changes them
 * and loses the answer, which is what makes an outcome unknown. `slowAfter` answers late: webhooks come first.
 */
const SLOW_MS = 1_000;
const OVERSIZED_BYTES = 2 * 1_048_576;

/** Resolves when nothing more will be written; the connection may then be answered, cut or left hanging. */
export async function answerWithFault(
  simulator: Simulator,
  request: SimulatorRequest,
  identified: Identified,
  fault: Fault,
  response: ServerResponse,
  delay: (ms: number) => Promise<void>,
): Promise<void> {
  const perform = (): SimulatorAnswer => simulator.perform(request, identified, fault);
  switch (fault.fault) {
    case 'hang':
      return;
    case 'hangAfter':
      perform();
      return;
    case 'resetBefore':
      return cut(response);
    case 'resetAfter':
      perform();
      return cut(response);
    case 'slow': {
      await delay(fault.ms ?? SLOW_MS);
      return write(response, perform());
    }
    case 'slowAfter': {
      const answer = perform();
      await delay(fault.ms ?? SLOW_MS);
      return write(response, answer);
    }
    case 'status5xx':
      return write(response, simulator.refusal('broken', fault));
    case 'status5xxAfter':
      perform();
      return write(response, simulator.refusal('broken', fault));
    case 'rateLimited':
      return write(response, simulator.refusal('rateLimited', fault));
    case 'html405':
      return write(response, simulator.refusal('wrongMethod', fault));
    case 'malformedBody':
      return write(response, { ...perform(), body: '{"status":"success","data":' });
    case 'oversized':
      return write(response, { ...perform(), body: `"${'x'.repeat(OVERSIZED_BYTES)}"` });
    case 'truncated':
      return truncate(response, perform());
    case 'echoSecret':
      return write(response, echo(request));
    default:
      return write(response, perform());
  }
}

export function write(response: ServerResponse, answer: SimulatorAnswer): void {
  const bytes = bytesOf(answer);
  response.writeHead(answer.status, { ...answer.headers, 'content-length': String(bytes.byteLength) });
  response.end(bytes);
}

/** A vendor that packs its answers says so in their headers; what is spoilt before is packed, too. */
function bytesOf({ headers, body }: SimulatorAnswer): Buffer {
  return body !== '' && headers['content-encoding'] === 'gzip' ? gzipSync(body) : Buffer.from(body);
}

function cut(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

/** Promises the whole length and breaks off in the middle. */
function truncate(response: ServerResponse, answer: SimulatorAnswer): void {
  const bytes = bytesOf(answer);
  response.writeHead(answer.status, { ...answer.headers, 'content-length': String(bytes.byteLength) });
  response.write(bytes.subarray(0, bytes.byteLength >> 1), () => response.socket?.destroy());
}

/** A vendor that quotes the caller's credential in its error text: it must not reach our logs. */
function echo(request: SimulatorRequest): SimulatorAnswer {
  const { authorization, apikey, 'x-access-token': token } = request.headers;
  const key = authorization ?? apikey ?? token ?? 'none';
  const message = `Key ${key} may not do this`;
  return {
    status: 422,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ status: 'error', message }),
  };
}
