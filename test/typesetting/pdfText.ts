import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';

/** A run of text as a reader of the file finds it; `x` is its left edge in points from the left of the page. */
export interface TextRun {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

/** The runs of text of every page, in the order in which they were drawn. */
export async function textRunsOf(bytes: Uint8Array): Promise<TextRun[][]> {
  // pdf.js takes the buffer away from its owner, so it gets one of its own.
  const loading = getDocument({ data: bytes.slice(), verbosity: 0 });
  const pdf = await loading.promise;
  const pages: TextRun[][] = [];
  for (let number = 1; number <= pdf.numPages; number += 1) {
    const content = await (await pdf.getPage(number)).getTextContent();
    pages.push(content.items.flatMap((item) => ('str' in item && item.str.trim() !== '' ? [runOf(item)] : [])));
  }
  await loading.destroy();
  return pages;
}

/** All text of a page without any white space: where a line breaks is not what these tests are about. */
export function joined(runs: readonly TextRun[]): string {
  return squeezed(runs.map(({ text }) => text).join(''));
}

/** Without white space and the invisible marks that only allow a break. */
export function squeezed(text: string): string {
  return text.replace(/[\s\u200B]+/g, '');
}

function runOf(item: { readonly str: string; readonly transform: readonly unknown[] }): TextRun {
  return { text: item.str, x: Number(item.transform[4]), y: Number(item.transform[5]) };
}
