import http from 'node:http';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { OutboundFailure, createOutbound, setOutboundGuard } from '../../src/integrations/http.ts';

const outbound = createOutbound();
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  setOutboundGuard(null);
  for (const close of closers.splice(0)) await close();
});
afterAll(() => outbound.close());

async function serve(handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

async function failure(
  url: string,
  call: { timeoutMs: number; maxBytes?: number; signal?: AbortSignal },
): Promise<OutboundFailure> {
  const error: unknown = await outbound
    .send({ method: 'POST', url, body: '{}' }, call)
    .catch((reason: unknown) => reason);
  if (!(error instanceof OutboundFailure)) throw new Error('expected an OutboundFailure');
  return error;
}

describe('an outside call', () => {
  test('brings back status, headers and body, and sends the body whole', async () => {
    const url = await serve((incoming, response) => {
      incoming
        .setEncoding('utf8')
        .on('data', (text: string) => response.writeHead(201, { 'X-Seen': text }).end('فوري'));
    });
    const answer = await outbound.send(
      { method: 'POST', url, headers: { 'x-a': 'b' }, body: 'ü' },
      { timeoutMs: 1_000 },
    );
    expect(answer).toMatchObject({ status: 201, body: 'فوري' });
  });

  test('does not follow a redirect, so that no credential travels to a host nobody configured', async () => {
    const url = await serve((_incoming, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    );
    expect(await outbound.send({ method: 'GET', url }, { timeoutMs: 1_000 })).toMatchObject({ status: 302 });
  });

  test('that finds nobody listening certainly did not arrive', async () => {
    const url = await serve(() => undefined);
    await closers.pop()?.();
    expect(await failure(url, { timeoutMs: 1_000 })).toMatchObject({ code: 'CONNECT_FAILED', reached: 'no' });
  });

  test('to a TLS port that speaks no TLS certainly did not arrive', async () => {
    const url = await serve((_incoming, response) => response.end());
    expect(await failure(url.replace('http:', 'https:'), { timeoutMs: 1_000 })).toMatchObject({ reached: 'no' });
  });

  test('that is never answered ends at its time-out and may have arrived', async () => {
    const url = await serve(() => undefined);
    expect(await failure(url, { timeoutMs: 50 })).toMatchObject({ code: 'TIMED_OUT', reached: 'maybe' });
  });

  test('whose answer drips ends at its time-out all the same', async () => {
    const url = await serve((_incoming, response) => {
      const drip = setInterval(() => response.write('x'), 5);
      response.on('close', () => clearInterval(drip));
    });
    expect(await failure(url, { timeoutMs: 100 })).toMatchObject({ code: 'TIMED_OUT', reached: 'maybe' });
  });

  test('that is reset or cut short may have arrived', async () => {
    const reset = await serve((incoming) => incoming.socket.resetAndDestroy());
    expect(await failure(reset, { timeoutMs: 1_000 })).toMatchObject({ code: 'CONNECTION_LOST', reached: 'maybe' });
    const cut = await serve((_incoming, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.socket?.destroy());
    });
    expect(await failure(cut, { timeoutMs: 1_000 })).toMatchObject({ code: 'CONNECTION_LOST', reached: 'maybe' });
  });

  test('is not read past its bound', async () => {
    const url = await serve((_incoming, response) => response.end('x'.repeat(5_000)));
    expect(await failure(url, { timeoutMs: 1_000, maxBytes: 4_999 })).toMatchObject({
      code: 'ANSWER_TOO_LARGE',
      reached: 'maybe',
    });
    expect((await outbound.send({ method: 'GET', url }, { timeoutMs: 1_000, maxBytes: 5_000 })).body).toHaveLength(
      5_000,
    );
  });

  describe('whose answer is packed with gzip', () => {
    const packed = (bytes: Buffer, encoding = 'gzip', status = 200) =>
      serve((_incoming, response) => response.writeHead(status, { 'content-encoding': encoding }).end(bytes));

    test.each(['gzip', 'x-gzip', 'GZIP'])('is unpacked (%s)', async (encoding) => {
      const url = await packed(gzipSync('فوري'), encoding);
      expect(await outbound.send({ method: 'GET', url }, { timeoutMs: 1_000 })).toMatchObject({
        status: 200,
        body: 'فوري',
      });
    });

    test('is held to its bound after unpacking, however little came', async () => {
      const url = await packed(gzipSync('x'.repeat(5_000)));
      expect(await failure(url, { timeoutMs: 1_000, maxBytes: 4_999 })).toMatchObject({
        code: 'ANSWER_TOO_LARGE',
        reached: 'maybe',
      });
      const answer = await outbound.send({ method: 'GET', url }, { timeoutMs: 1_000, maxBytes: 5_000 });
      expect(answer.body).toHaveLength(5_000);
    });

    test('does not fill the memory with a bomb of a gigabyte, nor with one in many members', async () => {
      const member = gzipSync(Buffer.alloc(64 * 1_048_576));
      const url = await packed(Buffer.concat(Array.from({ length: 16 }, () => member)));
      const before = process.memoryUsage().rss;
      expect(await failure(url, { timeoutMs: 10_000, maxBytes: 2_000_000 })).toMatchObject({
        code: 'ANSWER_TOO_LARGE',
      });
      expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1_048_576);
    });

    test.each([
      ['is no gzip at all', Buffer.from('{"plain":true}')],
      ['breaks off', gzipSync('x'.repeat(5_000)).subarray(0, 30)],
    ])('and %s says nothing: the request may have been acted on', async (_name, bytes) => {
      expect(await failure(await packed(bytes), { timeoutMs: 1_000 })).toMatchObject({
        code: 'CONNECTION_LOST',
        reached: 'maybe',
      });
    });

    test('may have no body', async () => {
      const url = await packed(Buffer.alloc(0), 'gzip', 202);
      expect(await outbound.send({ method: 'GET', url }, { timeoutMs: 1_000 })).toMatchObject({
        status: 202,
        body: '',
      });
    });

    test('is asked for only by those who say so', async () => {
      const url = await serve((incoming, response) => response.end(incoming.headers['accept-encoding']));
      const asked = async (headers?: Record<string, string>) =>
        (await outbound.send({ method: 'GET', url, ...(headers && { headers }) }, { timeoutMs: 1_000 })).body;
      expect(await asked()).toBe('identity');
      expect(await asked({ 'accept-encoding': 'gzip' })).toBe('gzip');
    });
  });

  test('that is cancelled ends at once: before sending it did not arrive, after it may have', async () => {
    const controller = new AbortController();
    const url = await serve(() => controller.abort());
    expect(await failure(url, { timeoutMs: 5_000, signal: controller.signal })).toMatchObject({
      code: 'ABORTED',
      reached: 'maybe',
    });
    expect(await failure(url, { timeoutMs: 5_000, signal: AbortSignal.abort() })).toMatchObject({
      code: 'ABORTED',
      reached: 'no',
    });
  });

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'nowhere', ''])('to "%s" is refused', async (url) => {
    expect(await failure(url, { timeoutMs: 100 })).toMatchObject({ code: 'INVALID_REQUEST', reached: 'no' });
  });

  test('is never sent while the guard objects', async () => {
    let seen = 0;
    const url = await serve((_incoming, response) => {
      seen++;
      response.end();
    });
    setOutboundGuard(() => {
      throw new Error('a transaction is open');
    });
    await expect(outbound.send({ method: 'GET', url }, { timeoutMs: 1_000 })).rejects.toThrow('a transaction is open');
    expect(seen).toBe(0);
  });

  test('names no address, header or body in its failure', async () => {
    const url = `${await serve((incoming) => incoming.socket.resetAndDestroy())}/key-4711?token=secret`;
    const error: unknown = await outbound
      .send({ method: 'POST', url, headers: { authorization: 'Bearer secret' }, body: 'secret' }, { timeoutMs: 1_000 })
      .catch((reason: unknown) => reason);
    expect(String(error)).not.toMatch(/secret|4711|127\.0/);
  });
});
