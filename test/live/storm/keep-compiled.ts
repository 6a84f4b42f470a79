import { flushCompileCache } from 'node:module';

// A process keeps what it compiled when it ends in order; ours are killed. The second time is for a crowded machine.
for (const readByThenMs of [3_000, 15_000]) setTimeout(flushCompileCache, readByThenMs).unref();
