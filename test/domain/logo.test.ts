import { createHash } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { LOGO_BYTES_MAX, readLogo } from '../../src/domain/logo.ts';
import { logoPicture } from '../typesetting/documents.ts';

const read = (content: Buffer) => readLogo(content.toString('base64'));

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, check]);
}

interface PngParts {
  readonly width?: number;
  readonly height?: number;
  /** Depth, type of colour, compression, filter, interlace. */
  readonly kind?: readonly number[];
  readonly raw?: Buffer;
  readonly packed?: Buffer;
  readonly before?: readonly Buffer[];
  readonly after?: Buffer;
  readonly end?: Buffer;
}

/** A grey picture of 8 bits unless told otherwise. */
function png({ width = 4, height = 3, kind = [8, 0, 0, 0, 0], ...parts }: PngParts = {}): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set(kind, 8);
  const packed = parts.packed ?? deflateSync(parts.raw ?? Buffer.alloc((width + 1) * height));
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', head),
    ...(parts.before ?? []),
    chunk('IDAT', packed),
    parts.end ?? chunk('IEND', Buffer.alloc(0)),
    parts.after ?? Buffer.alloc(0),
  ]);
}

const JPEG = logoPicture('image/jpeg', 40, 20);

/** The picture with another size in its frame header. */
function jpegOfSize(width: number, height: number): Buffer {
  const changed = Buffer.from(JPEG);
  const frame = [0xc0, 0xc1, 0xc2].map((marker) => changed.indexOf(Buffer.from([0xff, marker]))).find((at) => at > 0)!;
  changed.writeUInt16BE(height, frame + 5);
  changed.writeUInt16BE(width, frame + 7);
  return changed;
}

describe('a picture', () => {
  test('in PNG or JPEG is taken with its size, its kind and the hash of its bytes', () => {
    const picture = logoPicture('image/png', 300, 100);
    const sha256 = createHash('sha256').update(picture).digest('hex');
    expect(read(picture)).toEqual({ sha256, mediaType: 'image/png', width: 300, height: 100, content: picture });
    expect(read(JPEG)).toMatchObject({ mediaType: 'image/jpeg', width: 40, height: 20 });
  });

  test.each([
    ['of one bit', png({ kind: [1, 0, 0, 0, 0], raw: Buffer.alloc(2 * 3) })],
    ['with a palette', png({ kind: [8, 3, 0, 0, 0], before: [chunk('PLTE', Buffer.alloc(6))] })],
    // Passes of 1, 0, 1, 2, 1 and 1 rows: 4 x 3 pixels of one byte, and a filter byte for every row.
    ['interlaced', png({ kind: [8, 0, 0, 0, 1], raw: Buffer.alloc(12 + 6) })],
    ['with remarks in it', png({ before: [chunk('tEXt', Buffer.from('Title\0x'))] })],
    ['at the largest size', png({ width: 2000, height: 2000 })],
  ])('in PNG %s is taken', (_what, content) => {
    expect(read(content)).toMatchObject({ mediaType: 'image/png' });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from([0xff])],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')],
    ['SVG with the bytes of a PNG behind it', Buffer.concat([Buffer.from('<svg/>'), png()])],
    ['GIF', Buffer.from('GIF89a\u0001\u0000\u0001\u0000', 'latin1')],
    ['WebP', Buffer.from('RIFF\u0004\u0000\u0000\u0000WEBPVP8 ', 'latin1')],
    ['PDF', Buffer.from('%PDF-1.7')],
    ['PNG by its signature only', png().subarray(0, 8)],
    ['PNG cut off', png().subarray(0, -5)],
    ['PNG without its end', png({ end: Buffer.alloc(0) })],
    ['PNG with something behind it', png({ after: Buffer.from('<script>') })],
    ['PNG with a picture behind its end', png({ after: chunk('IEND', Buffer.alloc(0)) })],
    ['PNG with fewer rows than it says', png({ raw: Buffer.alloc(10) })],
    ['PNG that unpacks to more than it says', png({ raw: Buffer.alloc(10_000_000) })],
    ['PNG whose rows are no stream', png({ packed: Buffer.from('nonsense') })],
    ['PNG with an unknown filter', png({ raw: Buffer.alloc(15, 9) })],
    ['PNG of an unknown colour', png({ kind: [8, 5, 0, 0, 0] })],
    ['PNG of an unknown depth', png({ kind: [3, 0, 0, 0, 0] })],
    ['PNG without the palette it needs', png({ kind: [8, 3, 0, 0, 0] })],
    ['PNG that moves', png({ before: [chunk('acTL', Buffer.alloc(8))] })],
    ['PNG with a flipped bit', png().map((byte, index) => (index === 20 ? byte ^ 1 : byte)) as Buffer],
    ['PNG too wide', png({ width: 2001, height: 1 })],
    ['PNG too high', png({ width: 1, height: 2001 })],
    ['PNG without any width', png({ width: 0 })],
    ['JPEG by its signature only', JPEG.subarray(0, 3)],
    ['JPEG cut off', JPEG.subarray(0, -2)],
    ['JPEG with something behind it', Buffer.concat([JPEG, Buffer.from('<svg/>')])],
    ['JPEG too wide', jpegOfSize(2001, 20)],
    ['JPEG too high', jpegOfSize(40, 2001)],
    ['JPEG without any height', jpegOfSize(40, 0)],
  ])('is refused where it is %s', (_what, content) => {
    expect(read(Buffer.from(content))).toBeTypeOf('string');
  });

  test('may have 64 KiB and not a byte more', () => {
    const padded = (length: number) => {
      const bare = png().length + 12;
      return png({ before: [chunk('prVt', Buffer.alloc(length - bare))] });
    };
    expect(padded(LOGO_BYTES_MAX)).toHaveLength(LOGO_BYTES_MAX);
    expect(read(padded(LOGO_BYTES_MAX))).toMatchObject({ width: 4 });
    expect(read(padded(LOGO_BYTES_MAX + 1))).toContain('64 KiB');
    expect(readLogo('A'.repeat(1_000_000))).toContain('64 KiB');
  });

  test('is written in plain base64 and no other way', () => {
    const text = png().toString('base64');
    for (const other of [
      `data:image/png;base64,${text}`,
      `${text}\n`,
      `${text.slice(0, 20)} ${text.slice(20)}`,
      '@@@',
    ]) {
      expect(readLogo(other)).toBe('A logo is written in base64.');
    }
    expect(readLogo(png().toString('base64url'))).toBeTypeOf('string');
  });
});
