/** The other side of render.ts: one compiler in a thread of its own, one document after the other. */
import { parentPort } from 'node:worker_threads';
import type { InvoiceDocument } from '../domain/invoice.ts';
import { createInvoiceCompiler } from './compile.ts';

/** What comes back for a document: the bytes of its PDF, or why there are none. */
export type RenderAnswer = { readonly bytes: Uint8Array<ArrayBuffer> } | { readonly error: string };

const compiler = createInvoiceCompiler();

parentPort?.on('message', (document: InvoiceDocument) => {
  const answer = answerTo(document);
  parentPort?.postMessage(answer, 'bytes' in answer ? [answer.bytes.buffer] : []);
});

function answerTo(document: InvoiceDocument): RenderAnswer {
  try {
    return { bytes: compiler.compile(document) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
