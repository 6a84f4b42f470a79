import type { Duplex } from 'node:stream';

import { WebSocket } from 'ws';

import type { Ending, EndingCode, Transport } from './contract.ts';

const LITTLE_BYTES = 64 * 1024;
const CLOSE_CODES: Readonly<Partial<Record<EndingCode, number>>> = {
  GOING_AWAY: 1001,
  SLOW_CONSUMER: 1013,
  OVERLOADED: 1013,
  RATE_LIMITED: 1013,
  INTERNAL: 1011,
  TENANT_INACTIVE: 4403,
  FORBIDDEN: 4403,
  NOT_FOUND: 4403,
};
const UNAUTHORIZED = 4401;

/** 1001 and 1013: come back; 4401: with other credentials; 4403: not at all for now. */
export function closeCodeOf(code: EndingCode): number {
  return CLOSE_CODES[code] ?? UNAUTHORIZED;
}

/** JSON such as {"code":"TOKEN_EXPIRED","cursor":"..."}: at most 123 bytes, as the protocol demands. */
export function closeReason({ code, cursor }: Ending): string {
  return JSON.stringify(cursor === null ? { code } : { code, cursor });
}

/** A WebSocket as a way out for bytes. */
export class SocketTransport implements Transport {
  readonly name = 'websocket';
  readonly #socket: WebSocket;
  readonly #raw: Duplex & { readonly bytesWritten?: number };
  readonly #closeTimeoutMs: number;

  constructor(socket: WebSocket, raw: Duplex, closeTimeoutMs: number) {
    this.#socket = socket;
    this.#raw = raw;
    this.#closeTimeoutMs = closeTimeoutMs;
  }

  get isClosed(): boolean {
    return this.#socket.readyState !== WebSocket.OPEN;
  }

  send(text: string): void {
    if (!this.isClosed) this.#socket.send(text);
  }

  /**
   * One text message made of parts, as one frame in one write: header and text apart would cost a slower system call for each of the
   * thousands who get the same. The socket's own frames go out whole and at once as well, so that the two never mix.
   */
  sendParts(...parts: readonly Buffer[]): void {
    if (!this.isClosed) this.#raw.write(textFrame(parts));
  }

  bufferedBytes(): number {
    return this.#raw.writableLength;
  }

  bytesWritten(): number {
    return (this.#raw.bytesWritten ?? 0) - this.#raw.writableLength;
  }

  async drained(): Promise<void> {
    while (!this.isClosed && this.#raw.writableLength > LITTLE_BYTES) {
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#raw.off('drain', done);
          this.#raw.off('close', done);
          resolve();
        };
        this.#raw.once('drain', done);
        this.#raw.once('close', done);
      });
    }
  }

  end(ending: Ending): void {
    this.#socket.close(closeCodeOf(ending.code), closeReason(ending));
    // What it would not read it need not be waited for.
    const impatient = setTimeout(() => this.#socket.terminate(), this.#closeTimeoutMs);
    this.#socket.once('close', () => clearTimeout(impatient));
  }
}

const FINAL_TEXT = 0x81;

/** RFC 6455, 5.2: an unmasked, unfragmented text frame, as servers send them. */
function textFrame(parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerLength + length);
  frame[0] = FINAL_TEXT;
  if (headerLength === 2) frame[1] = length;
  else if (headerLength === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  let at = headerLength;
  for (const part of parts) at += part.copy(frame, at);
  return frame;
}
