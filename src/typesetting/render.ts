/**
 * Invoice pages for the rest of the program (COM-11). An ordinary page takes about 20 ms of a core and one of 200 lines
 * about 250 ms, so they are made in a thread beside the one that answers requests: one at a time, a bounded number
 * waiting, each with a time limit. Nothing is kept: the same document gives the same bytes whenever it is asked for.
 */
import { Worker } from 'node:worker_threads';
import type { InvoiceDocument } from '../domain/invoice.ts';
import { AppError } from '../errors.ts';
import type { RenderAnswer } from './render-thread.ts';

export interface InvoiceRenderer {
  /**
   * The PDF of an invoice document; the same document always gives the same bytes.
   * @param logo the bytes of the picture that the document names, if it names one
   * @throws AppError OVERLOADED when too many wait, DEADLINE_EXCEEDED when one page takes too long, INTERNAL when the
   * document cannot be laid out (a defect) or the renderer was closed.
   */
  render(document: InvoiceDocument, logo?: Uint8Array | null): Promise<Uint8Array<ArrayBuffer>>;
  /** Ends the thread; pages that are still waited for fail. */
  close(): Promise<void>;
}

export interface RenderLimits {
  /** Time for one page from when its turn comes; the first one includes starting the thread. */
  readonly pageMsMax: number;
  readonly waitingMax: number;
}

const LIMITS: RenderLimits = { pageMsMax: 10_000, waitingMax: 32 };

/** Starts nothing yet: the thread is made for the first page, and made anew after one that failed to end. */
export function createInvoiceRenderer(limits: RenderLimits = LIMITS): InvoiceRenderer {
  const queue = new RenderQueue(limits);
  return { render: (document, logo = null) => queue.add({ document, logo }), close: () => queue.close() };
}

/** What is sent to the thread. */
export interface RenderTask {
  readonly document: InvoiceDocument;
  readonly logo: Uint8Array | null;
}

interface Order {
  readonly task: RenderTask;
  readonly resolve: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (error: Error) => void;
}

class RenderQueue {
  readonly #limits: RenderLimits;
  readonly #waiting: Order[] = [];
  #current: { readonly order: Order; readonly timer: NodeJS.Timeout } | null = null;
  #thread: Worker | null = null;
  #closed = false;

  constructor(limits: RenderLimits) {
    this.#limits = limits;
  }

  add(task: RenderTask): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#closed) return Promise.reject(internal('the invoice renderer is closed'));
    if (this.#waiting.length >= this.#limits.waitingMax) return Promise.reject(tooMany());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const ending = this.#thread?.terminate();
    this.#thread = null;
    for (const order of [this.#takeCurrent(), ...this.#waiting.splice(0)]) {
      order?.reject(internal('the invoice renderer is closed'));
    }
    await ending;
  }

  #next(): void {
    if (this.#current !== null) return;
    const order = this.#waiting.shift();
    // An idle thread keeps no process alive; one that somebody waits for does.
    if (order === undefined) return this.#thread?.unref();
    this.#thread ??= this.#startThread();
    this.#thread.ref();
    const timer = setTimeout(() => this.#dropThread(tooLong()), this.#limits.pageMsMax);
    this.#current = { order, timer };
    this.#thread.postMessage(order.task);
  }

  #startThread(): Worker {
    const started = new Worker(new URL('./render-thread.ts', import.meta.url));
    // A thread that was given up may still answer or fail; only the one in use is listened to.
    const listen = (settle: () => void): void => {
      if (started === this.#thread) settle();
    };
    started.on('message', (answer: RenderAnswer) => listen(() => this.#finish(answer)));
    started.on('error', (error) =>
      listen(() => this.#dropThread(internal(`the typesetting thread failed: ${String(error)}`))),
    );
    started.on('exit', (code) => listen(() => this.#dropThread(internal(`the typesetting thread ended with ${code}`))));
    return started;
  }

  #finish(answer: RenderAnswer): void {
    const done = this.#takeCurrent();
    if ('bytes' in answer) done?.resolve(answer.bytes);
    else done?.reject(internal(answer.error));
    this.#next();
  }

  /** Native code can't be interrupted: a thread inside it ends when it comes back, and nobody waits for that. */
  #dropThread(error: AppError): void {
    const dropped = this.#thread;
    this.#thread = null;
    void dropped?.terminate();
    this.#takeCurrent()?.reject(error);
    this.#next();
  }

  #takeCurrent(): Order | undefined {
    const taken = this.#current;
    this.#current = null;
    if (taken !== null) clearTimeout(taken.timer);
    return taken?.order;
  }
}

function internal(log: string): AppError {
  return new AppError('INTERNAL', 'The invoice page could not be made.', { log });
}

function tooLong(): AppError {
  return new AppError('DEADLINE_EXCEEDED', 'The invoice page took too long. Please try again.');
}

function tooMany(): AppError {
  return new AppError('OVERLOADED', 'Too many invoice pages are being made. Please try again in a moment.');
}
