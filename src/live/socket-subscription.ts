import type { GraphQLFormattedError } from 'graphql';

import type { Sink } from './contract.ts';
import { Refusal } from './execution.ts';
import type { Member } from './member.ts';
import type { SocketTransport } from './socket-transport.ts';

const SUFFIX = Buffer.from('}');

/**
 * What graphql-ws holds for a subscription. It iterates it and gets nothing: events are written to the socket here, as a prefix with the
 * operation's id and the text shared by all who get the same. It ends when graphql-ws returns it or the subscription fails.
 */
export class SocketSubscription implements AsyncGenerator<never, void, void> {
  readonly sink: Sink;
  readonly #onOver: () => void;
  readonly #end = Promise.withResolvers<IteratorResult<never, void>>();
  #member: Member | null = null;
  #isOver = false;

  constructor(transport: SocketTransport, id: string, onOver: () => void) {
    const prefix = Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`);
    this.sink = {
      next: (payload) => transport.sendParts(prefix, payload, SUFFIX),
      fail: (error) => this.#fail(error),
    };
    this.#onOver = onOver;
    // Where nobody iterates any more nobody needs to hear of a failure.
    this.#end.promise.catch(() => undefined);
  }

  begin(member: Member): void {
    this.#member = member;
    if (this.#isOver) member.stop();
  }

  /** graphql-ws begins to iterate when the operation is in its books: no event may go out before. */
  next(): Promise<IteratorResult<never, void>> {
    this.#member?.start();
    return this.#end.promise;
  }

  async return(): Promise<IteratorResult<never, void>> {
    this.#over();
    this.#end.resolve({ done: true, value: undefined });
    return { done: true, value: undefined };
  }

  throw(): Promise<IteratorResult<never, void>> {
    return this.return();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #fail(error: GraphQLFormattedError): void {
    this.#over();
    this.#end.reject(new Refusal([error]));
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#member?.stop();
    this.#onOver();
  }
}
