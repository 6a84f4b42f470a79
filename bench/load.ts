import { connect, type Socket } from 'node:net';

/**
 * The load generator, a process of its own: 16 kept-alive connections unless told otherwise, one request each under way, every answer checked for its status
 * and for errors. Raw sockets, because node:http's client would cost more than some of the servers it measures.
 */
export interface LoadPlan {
  readonly port: number;
  /** Whole requests, sent in turn. */
  readonly requests: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** Each request is sent once; the run ends with the last answer, or after its seconds. */
  readonly once?: boolean;
  /** What every good answer holds. */
  readonly good?: string;
}

export interface LoadResult {
  readonly answers: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** The first answer that was none, or null. */
  readonly fault: string | null;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const LAST_CHUNK = '0\r\n\r\n';

/** Length of the whole first answer in the buffer, or 0 where some of it is missing. */
function answerLength(buffer: Buffer): number {
  const end = buffer.indexOf(HEAD_END);
  if (end < 0) return 0;
  const head = buffer.toString('latin1', 0, end);
  const length = LENGTH.exec(head);
  if (length) {
    const whole = end + 4 + Number(length[1]);
    return buffer.length >= whole ? whole : 0;
  }
  if (!CHUNKED.test(head)) throw new Error(`An answer without a length:\n${head}`);
  // One request at a time is under way, so the last chunk ends the buffer.
  return buffer.toString('latin1', buffer.length - LAST_CHUNK.length) === LAST_CHUNK ? buffer.length : 0;
}

function faultOf(answer: Buffer, needle: string): string | null {
  const good =
    answer.toString('latin1', 9, 12) === '200' && answer.indexOf('"errors"') < 0 && answer.indexOf(needle) > 0;
  return good ? null : answer.toString('utf8').slice(0, 2_000);
}

function run(plan: LoadPlan): Promise<LoadResult> {
  const requests = plan.requests.map((text) => Buffer.from(text));
  const latencies: number[] = [];
  let next = plan.once ? -1 : Math.floor(Math.random() * requests.length);
  let bytes = 0;
  let fault: string | null = null;
  const since = performance.now();
  const until = since + plan.seconds * 1000;
  const drive = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      let held: Buffer | null = null;
      let sentAt = 0;
      const send = (): void => {
        sentAt = performance.now();
        if (sentAt >= until || fault !== null || (plan.once && next + 1 >= requests.length)) {
          socket.destroy();
          return resolve();
        }
        next = (next + 1) % requests.length;
        socket.write(requests[next]!);
      };
      socket.on('data', (chunk) => {
        const buffer: Buffer = held === null ? chunk : Buffer.concat([held, chunk]);
        if (answerLength(buffer) === 0) {
          held = buffer;
          return;
        }
        held = null;
        latencies.push(performance.now() - sentAt);
        bytes += buffer.length;
        fault ??= faultOf(buffer, plan.good ?? '"data"');
        send();
      });
      socket.on('error', (error) => (fault ??= error.message));
      socket.on('close', () => {
        if (!socket.destroyed) fault ??= 'The connection was closed.';
        resolve();
      });
      socket.on('connect', send);
    });
  const sockets = Array.from({ length: plan.connections }, () =>
    connect({ port: plan.port, host: '127.0.0.1', noDelay: true }),
  );
  return Promise.all(sockets.map(drive)).then(() => {
    latencies.sort((a, b) => a - b);
    const at = (share: number): number =>
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
    return {
      answers: latencies.length,
      seconds: (performance.now() - since) / 1000,
      bytes,
      p50Ms: at(0.5),
      p95Ms: at(0.95),
      p99Ms: at(0.99),
      fault,
    };
  });
}

process.once('disconnect', () => process.exit());
process.on('message', (plan: LoadPlan) => void run(plan).then((result) => process.send?.(result)));
process.send?.('ready');
