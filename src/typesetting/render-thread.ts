/** The other side of render.ts: one compiler in a thread of its own, one document after the other. */
import { parentPort } from 'node:worker_threads';
import { createInvoiceCompiler } from './compile.ts';
import type { RenderTask } from './render.ts';

/** What comes back for a document: the bytes of its PDF, or why there are none. */
export type RenderAnswer = { readonly bytes: Uint8Array<ArrayBuffer> } | { readonly error: string };

const compiler = createInvoiceCompiler();

parentPort?.on('message', (task: RenderTask) => {
  const answer = answerTo(task);
  parentPort?.postMessage(answer, 'bytes' in answer ? [answer.bytes.buffer] : []);
});

function answerTo({ document, logo }: RenderTask): RenderAnswer {
  try {
    return { bytes: compiler.compile(document, logo) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
