import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { InvoiceDocument } from '../../src/domain/invoice.ts';
import { createInvoiceRenderer } from '../../src/typesetting/render.ts';
import { invoice } from './documents.ts';

const LIMITS = { pageMsMax: 30_000, waitingMax: 32 };

/** No template has this layout, which is a defect of whoever wrote the document. */
const UNKNOWN_LAYOUT: InvoiceDocument = { ...invoice(['Room']), layout: 999 };

test('other work goes on while a long invoice is laid out', async () => {
  await using running = closing(createInvoiceRenderer(LIMITS));
  let rendered = false;
  const rendering = running.renderer
    .render(invoice(Array.from({ length: 100 }, () => 'Room')))
    .finally(() => (rendered = true));
  let turns = 0;
  while (!rendered) {
    await setTimeout(1);
    turns += 1;
  }
  await rendering;
  expect(turns).toBeGreaterThan(10);
});

test('pages asked for at once all come, each its own', async () => {
  await using running = closing(createInvoiceRenderer(LIMITS));
  const documents = ['A', 'B', 'C'].map((name) => invoice([name]));
  const together = await Promise.all(documents.map((document) => running.renderer.render(document)));
  for (const [index, document] of documents.entries()) {
    expect(Buffer.compare(together[index] ?? Buffer.alloc(0), await running.renderer.render(document))).toBe(0);
  }
});

test('a document that cannot be laid out is a defect, and the next one is not touched by it', async () => {
  await using running = closing(createInvoiceRenderer(LIMITS));
  const outcomes = await Promise.allSettled(
    [UNKNOWN_LAYOUT, invoice(['Room'])].map((document) => running.renderer.render(document)),
  );
  expect(outcomes[0]).toMatchObject({ reason: { code: 'INTERNAL', logMessage: 'no template for layout 999' } });
  expect(outcomes[1]?.status).toBe('fulfilled');
  const broken = { ...invoice(['Room']), issuedAt: 'never' };
  await expect(running.renderer.render(broken)).rejects.toMatchObject({
    code: 'INTERNAL',
    message: 'The invoice page could not be made.',
  });
});

test('more than may wait are refused at once', async () => {
  await using running = closing(createInvoiceRenderer({ ...LIMITS, waitingMax: 1 }));
  const outcomes = await Promise.allSettled(['A', 'B', 'C'].map((name) => running.renderer.render(invoice([name]))));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect(outcomes[2]).toMatchObject({ reason: { code: 'OVERLOADED' } });
});

test('a page that takes too long is given up, and so is its thread', async () => {
  // Not even the thread starts within a millisecond, so every page here is too long.
  await using running = closing(createInvoiceRenderer({ pageMsMax: 1, waitingMax: 2 }));
  const outcomes = await Promise.allSettled(['A', 'B'].map((name) => running.renderer.render(invoice([name]))));
  expect(outcomes).toMatchObject([
    { reason: { code: 'DEADLINE_EXCEEDED' } },
    { reason: { code: 'DEADLINE_EXCEEDED' } },
  ]);
});

test('closing ends what is under way and refuses what comes after', async () => {
  const renderer = createInvoiceRenderer(LIMITS);
  const pending = Promise.allSettled(['A', 'B'].map((name) => renderer.render(invoice([name]))));
  await renderer.close();
  expect((await pending).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(renderer.render(invoice(['C']))).rejects.toMatchObject({ code: 'INTERNAL' });
});

function closing(renderer: ReturnType<typeof createInvoiceRenderer>) {
  return { renderer, [Symbol.asyncDispose]: () => renderer.close() };
}
