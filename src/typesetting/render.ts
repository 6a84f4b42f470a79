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
   * @throws AppError OVERLOADED when too many wait, DEADLINE_EXCEEDED when one page takes too long, INTERNAL when the
   * document cannot be laid out (a defect) or the renderer was closed.
   */
  render(document: InvoiceDocument): Promise<Uint8Array<ArrayBuffer>>;
  /** Ends the thread; pages that are still waited for fail. */
  close(): Promise<void>;
}

export interface RenderLimits {
  /** Time for one page from when its turn comes; the first one includes starting the thread. */
  readonly pageMsMax: number;
  readonly waitingMax: number;
}

const LIMITS: RenderLimits = { pageMsMax: 10_000, waitingMax: 32 };

interface Order {
  readonly document: InvoiceDocument;
  readonly resolve: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (error: Error) => void;
}

/** Starts nothing yet: the thread is made for the first page, and made anew after one that failed to end. */
export function createInvoiceRenderer(limits: RenderLimits = LIMITS): InvoiceRenderer {
  const waiting: Order[] = [];
  let thread: Worker | null = null;
  let current: { readonly order: Order; readonly timer: NodeJS.Timeout } | null = null;
  let closed = false;

  function startThread(): Worker {
    const started = new Worker(new URL('./render-thread.ts', import.meta.url));
    // A thread that was given up may still answer or fail; only the one in use is listened to.
    const listen = (settle: () => void): void => {
      if (started === thread) settle();
    };
    started.on('message', (answer: RenderAnswer) => listen(() => finish(answer)));
    started.on('error', (error) => listen(() => dropThread(internal(`the typesetting thread failed: ${String(error)}`))));
    started.on('exit', (code) => listen(() => dropThread(internal(`the typesetting thread ended with ${code}`))));
    return started;
  }

  function next(): void {
    if (current !== null) return;
    const order = waiting.shift();
    // An idle thread keeps no process alive; one that somebody waits for does.
    if (order === undefined) return thread?.unref();
    thread ??= startThread();
    thread.ref();
    const timer = setTimeout(() => dropThread(tooLong()), limits.pageMsMax);
    current = { order, timer };
    thread.postMessage(order.document);
  }

  function finish(answer: RenderAnswer): void {
    const done = takeCurrent();
    if ('bytes' in answer) done?.resolve(answer.bytes);
    else done?.reject(internal(answer.error));
    next();
  }

  /** Native code can't be interrupted: a thread inside it ends when it comes back, and nobody waits for that. */
  function dropThread(error: AppError): void {
    const dropped = thread;
    thread = null;
    void dropped?.terminate();
    takeCurrent()?.reject(error);
    next();
  }

  function takeCurrent(): Order | undefined {
    const taken = current;
    current = null;
    if (taken !== null) clearTimeout(taken.timer);
    return taken?.order;
  }

  return {
    render(document) {
      if (closed) return Promise.reject(internal('the invoice renderer is closed'));
      if (waiting.length >= limits.waitingMax) return Promise.reject(tooMany());
      return new Promise((resolve, reject) => {
        waiting.push({ document, resolve, reject });
        next();
      });
    },
    async close() {
      closed = true;
      const ending = thread?.terminate();
      thread = null;
      for (const order of [takeCurrent(), ...waiting.splice(0)]) order?.reject(internal('the invoice renderer is closed'));
      await ending;
    },
  };
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
