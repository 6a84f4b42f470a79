import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas, loadImage, type Canvas } from '@napi-rs/canvas';
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';

/** Wide enough to read the small print, small enough to keep in the repository. */
const WIDTH_PX = 600;

/**
 * Two pixels are the same where no colour is further apart than this (of 255): the edges of letters may come out a little
 * differently on another processor. Every pixel has to be the same: a full stop is two of them.
 */
const PER_COLOUR_MAX = 24;

const APPROVED = new URL('approved/', import.meta.url);

/** `APPROVE_PAGES=1 vitest run test/typesetting` writes what the pages look like now; look at every one before it is committed. */
export const APPROVES = process.env['APPROVE_PAGES'] === '1';

/** Every page of a PDF as a reader sees it. */
export async function pageImagesOf(bytes: Uint8Array): Promise<Canvas[]> {
  const loading = getDocument({ data: bytes.slice(), verbosity: 0, useSystemFonts: false });
  const pdf = await loading.promise;
  const pages: Canvas[] = [];
  for (let number = 1; number <= pdf.numPages; number += 1) {
    const page = await pdf.getPage(number);
    const viewport = page.getViewport({ scale: WIDTH_PX / page.getViewport({ scale: 1 }).width });
    const canvas = createCanvas(WIDTH_PX, Math.round(viewport.height));
    await page.render({ canvas: canvas as unknown as HTMLCanvasElement, viewport }).promise;
    pages.push(canvas);
  }
  await loading.destroy();
  return pages;
}

export async function approve(name: string, page: Canvas): Promise<void> {
  await mkdir(APPROVED, { recursive: true });
  await writeFile(new URL(`${name}.png`, APPROVED), await page.encode('png'));
}

/**
 * Compares a page with the approved image of that name.
 * @returns null where they are the same, else what is different and where the page as it is now was written to
 */
export async function differenceFromApproved(name: string, page: Canvas): Promise<string | null> {
  const approved = await readFile(new URL(`${name}.png`, APPROVED)).catch(() => null);
  const difference = approved === null ? 'there is no approved image' : await differenceBetween(approved, page);
  if (difference === null) return null;
  const actual = join(await mkdtemp(join(tmpdir(), 'portolan-pages-')), `${name}.png`);
  await writeFile(actual, await page.encode('png'));
  return `${name}: ${difference}; the page as it is now: ${actual}`;
}

async function differenceBetween(approved: Buffer, page: Canvas): Promise<string | null> {
  const image = await loadImage(approved);
  if (image.width !== page.width || image.height !== page.height)
    return `the page is ${page.width}x${page.height} and was ${image.width}x${image.height}`;
  const canvas = createCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  const count = differentPixels(pixelsOf(canvas), pixelsOf(page));
  return count === 0 ? null : `${count} pixels are different`;
}

function pixelsOf(canvas: Canvas): Uint8ClampedArray {
  return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
}

function differentPixels(one: Uint8ClampedArray, other: Uint8ClampedArray): number {
  let count = 0;
  for (let start = 0; start < one.length; start += 4) {
    const isSame = [0, 1, 2, 3].every((offset) => {
      return Math.abs(one[start + offset]! - other[start + offset]!) <= PER_COLOUR_MAX;
    });
    if (!isSame) count += 1;
  }
  return count;
}
