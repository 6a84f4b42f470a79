/**
 * The picture that stands on a tenant's invoices (COM-11): a PNG or JPEG that is whole and no larger than its bounds. What
 * is not is refused when it comes, because an invoice that names it must be laid out for good.
 */
import { createHash } from 'node:crypto';
import { crc32, inflateSync } from 'node:zlib';

export const LOGO_BYTES_MAX = 64 * 1024;
export const LOGO_PIXELS_MAX = 2_000;

export interface LogoFacts {
  /** SHA-256 of its bytes in hexadecimal: its name. */
  readonly sha256: string;
  readonly mediaType: 'image/png' | 'image/jpeg';
  /** In pixels. */
  readonly width: number;
  readonly height: number;
}

export interface Logo extends LogoFacts {
  readonly content: Buffer;
}

/** Characters of base64 that the largest picture has. */
const BASE64_CHARACTERS_MAX = 4 * Math.ceil(LOGO_BYTES_MAX / 3);

/** @returns the picture, or the sentence that says why it is none we take */
export function readLogo(base64: string): Logo | string {
  if (base64.length > BASE64_CHARACTERS_MAX) return `A logo has ${LOGO_BYTES_MAX / 1024} KiB at most.`;
  const content = Buffer.from(base64, 'base64');
  if (content.length === 0 || content.toString('base64') !== base64) return 'A logo is written in base64.';
  if (content.length > LOGO_BYTES_MAX) return `A logo has ${LOGO_BYTES_MAX / 1024} KiB at most.`;
  const isPng = content.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE);
  const isJpeg = content.subarray(0, JPEG_SIGNATURE.length).equals(JPEG_SIGNATURE);
  if (!isPng && !isJpeg) return 'A logo is a PNG or a JPEG picture.';
  const size = isPng ? readPng(content) : jpegSize(content);
  if (size !== null && !isInBounds(size))
    return `A logo has from 1 x 1 to ${LOGO_PIXELS_MAX} x ${LOGO_PIXELS_MAX} pixels.`;
  if (size === null) return `This ${isPng ? 'PNG' : 'JPEG'} picture is broken, or of a kind that is not printed.`;
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { sha256, mediaType: isPng ? 'image/png' : 'image/jpeg', width: size.width, height: size.height, content };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function isInBounds({ width, height }: Size): boolean {
  return width >= 1 && height >= 1 && width <= LOGO_PIXELS_MAX && height <= LOGO_PIXELS_MAX;
}

// ---- PNG (ISO/IEC 15948)

const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
/** Samples per pixel and depths that each type of colour may have. */
const COLOUR_TYPES: Readonly<Record<number, { readonly samples: number; readonly depths: readonly number[] }>> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};

/** Its size, where it is whole; one that is too large is not unpacked to see. */
function readPng(content: Buffer): Size | null {
  const size = pngSize(content);
  if (size === null) return null;
  return !isInBounds(size) || isWholePng(content, size) ? size : null;
}

interface PngSize extends Size {
  readonly bitsPerPixel: number;
  readonly isPalette: boolean;
  readonly isInterlaced: boolean;
}

function pngSize(content: Buffer): PngSize | null {
  const head = chunkAt(content, PNG_SIGNATURE.length);
  if (head?.type !== 'IHDR' || head.data.length !== 13) return null;
  const [depth, colour, compression, filter, interlace] = head.data.subarray(8);
  const type = COLOUR_TYPES[colour!];
  if (!type?.depths.includes(depth!) || compression !== 0 || filter !== 0 || interlace! > 1) return null;
  return {
    width: head.data.readUInt32BE(0),
    height: head.data.readUInt32BE(4),
    bitsPerPixel: depth! * type.samples,
    isPalette: colour === 3,
    isInterlaced: interlace === 1,
  };
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
  readonly end: number;
}

function chunkAt(content: Buffer, start: number): Chunk | null {
  if (start + 12 > content.length) return null;
  const end = start + 12 + content.readUInt32BE(start);
  if (end > content.length) return null;
  const named = content.subarray(start + 4, end - 4);
  if (crc32(named) !== content.readUInt32BE(end - 4)) return null;
  return { type: named.toString('latin1', 0, 4), data: named.subarray(4), end };
}

/** Every chunk is there and right, nothing follows the last, and what is in them unpacks to exactly the picture's rows. */
function isWholePng(content: Buffer, size: PngSize): boolean {
  const packed: Buffer[] = [];
  let [hasPalette, place] = [false, PNG_SIGNATURE.length];
  while (place < content.length) {
    const chunk = chunkAt(content, place);
    if (chunk === null) return false;
    if (chunk.type === 'PLTE') hasPalette = chunk.data.length > 0 && chunk.data.length % 3 === 0;
    if (chunk.type === 'IDAT') packed.push(chunk.data);
    // Moving pictures are not printed.
    if (chunk.type === 'acTL') return false;
    if (chunk.type === 'IEND' && chunk.end !== content.length) return false;
    if (chunk.type !== 'IEND' && chunk.end === content.length) return false;
    place = chunk.end;
  }
  return (hasPalette || !size.isPalette) && hasAllRows(Buffer.concat(packed), size);
}

function hasAllRows(packed: Buffer, size: PngSize): boolean {
  const rows = rowBytesOf(size);
  const wanted = rows.reduce((sum, { count, bytes }) => sum + count * bytes, 0);
  let raw: Buffer;
  try {
    raw = inflateSync(packed, { maxOutputLength: wanted });
  } catch {
    return false;
  }
  if (raw.length !== wanted) return false;
  let place = 0;
  for (const { count, bytes } of rows) {
    for (let row = 0; row < count; row += 1, place += bytes) if (raw[place]! > 4) return false;
  }
  return true;
}

/** First column and row, and steps, of the seven passes of an interlaced picture. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

function rowBytesOf({ width, height, bitsPerPixel, isInterlaced }: PngSize): { count: number; bytes: number }[] {
  const passes = isInterlaced ? PASSES : [[0, 0, 1, 1] as const];
  return passes.flatMap(([left, top, across, down]) => {
    const columns = Math.ceil((width - left) / across);
    const count = Math.ceil((height - top) / down);
    // Each row begins with a byte that names its filter.
    return columns > 0 && count > 0 ? [{ count, bytes: 1 + Math.ceil((columns * bitsPerPixel) / 8) }] : [];
  });
}

// ---- JPEG (ITU-T T.81)

const JPEG_SIGNATURE = Buffer.from('ffd8ff', 'hex');
const [SOI, EOI, SOS, TEM, RST0, RST7] = [0xd8, 0xd9, 0xda, 0x01, 0xd0, 0xd7];
/** Baseline, extended and progressive; the others are not read everywhere. */
const FRAMES: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2]);
const OTHER_FRAMES: ReadonlySet<number> = new Set([0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf]);

/** Its size, where it goes from its first marker to its last with one frame and a scan, and nothing follows. */
function jpegSize(content: Buffer): Size | null {
  let [size, hasScan, place]: [Size | null, boolean, number] = [null, false, 2];
  while (place + 2 <= content.length) {
    if (content[place] !== 0xff) return null;
    const marker = content[place + 1]!;
    if (marker === 0xff) {
      place += 1;
      continue;
    }
    if (marker === EOI) return hasScan && place + 2 === content.length ? size : null;
    if (marker === SOI || marker === TEM || OTHER_FRAMES.has(marker) || place + 4 > content.length) return null;
    const length = content.readUInt16BE(place + 2);
    const data = content.subarray(place + 4, place + 2 + length);
    if (length < 2 || data.length !== length - 2) return null;
    if (FRAMES.has(marker)) {
      if (size !== null) return null;
      size = frameSize(data);
      if (size === null) return null;
    }
    place += 2 + length;
    if (marker === SOS) {
      if (size === null) return null;
      hasScan = true;
      place = endOfScan(content, place);
    }
  }
  return null;
}

/** Grey or colours of eight bits; pictures for the press have four colours, and readers do not agree on what they mean. */
function frameSize(data: Buffer): Size | null {
  const components = data[5];
  if (data[0] !== 8 || (components !== 1 && components !== 3) || data.length !== 6 + 3 * components) return null;
  return { height: data.readUInt16BE(1), width: data.readUInt16BE(3) };
}

function endOfScan(content: Buffer, start: number): number {
  let place = start;
  while (place + 1 < content.length) {
    const next = content[place + 1]!;
    if (content[place] === 0xff && next !== 0 && next !== 0xff && (next < RST0 || next > RST7)) return place;
    place += 1;
  }
  return content.length;
}
