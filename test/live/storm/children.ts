import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const RUN = ['--disable-warning=ExperimentalWarning', '--import', new URL('keep-compiled.ts', import.meta.url).href];
const COMPILED = { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '' };

/** A process that is started anew whenever it was killed, until it is stopped. It ends by itself when we do. */
export class Child {
  readonly #start: (life: number) => ChildProcess;
  #process: ChildProcess;
  #life = 0;
  #stopped = false;

  constructor(start: (life: number) => ChildProcess) {
    this.#start = start;
    this.#process = this.#begin();
  }

  /** Without any chance to say goodbye. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }

  #begin(): ChildProcess {
    this.#life += 1;
    const child = this.#start(this.#life);
    child.once('exit', () => {
      if (!this.#stopped) this.#process = this.#begin();
    });
    return child;
  }
}

export function forkApi(environment: Record<string, string>): ChildProcess {
  const path = new URL('../../../src/main.ts', import.meta.url);
  return fork(path, [], {
    execArgv: RUN,
    env: { ...COMPILED, ENVIRONMENT: 'test', ROLE: 'api', LOG_LEVEL: 'silent', ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

export function forkWorker(orders: object, onWritten: (ids: string[]) => void): ChildProcess {
  const path = new URL('./worker.ts', import.meta.url);
  const child = fork(path, [JSON.stringify(orders)], {
    execArgv: RUN,
    env: COMPILED,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.on('message', (ids) => onWritten(ids as string[]));
  return child;
}
