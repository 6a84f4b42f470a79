import type { IncomingMessage } from 'node:http';

/** Thrown for a body beyond its limit; the rest of it is not read. */
export class BodyTooLarge extends Error {}

/** Reads a body of at most `bytesMax`. @throws BodyTooLarge; rejects when the caller goes away in the middle. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const announced = request.headers['content-length'];
  if (announced !== undefined && Number(announced) > bytesMax) return Promise.reject(new BodyTooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > bytesMax) {
        request.removeAllListeners('data');
        request.pause();
        reject(new BodyTooLarge());
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)));
    request.on('error', reject);
    // Every request closes in the end; an error is made only for one that was not whole.
    request.on('close', () => void (request.complete || reject(new Error('The request was broken off.'))));
  });
}
