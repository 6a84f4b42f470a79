import { get } from 'node:http';
import { createServer } from 'node:net';
import { LaunchFault } from './fault.ts';

const PROBE_MS_MAX = 2_000;

/** Does this address answer with one of the given statuses? Never throws: no answer is an answer too. */
export function answers(url: string, statuses: readonly number[]): Promise<boolean> {
  return new Promise((done) => {
    const request = get(url, { agent: false, timeout: PROBE_MS_MAX }, (response) => {
      response.resume();
      done(statuses.includes(response.statusCode ?? 0));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => done(false));
  });
}

/** @throws LaunchFault when somebody listens on the port already. Said before anything else is started. */
export function assertPortFree(port: number, host: string, whatFor: string): Promise<void> {
  return new Promise((free, fail) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${error.code ?? error.message})`;
      fail(new LaunchFault(`Port ${port} of ${host}, for ${whatFor}, ${why}. Stop what listens there, or set PORT.`));
    });
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => free()));
  });
}
