import { defineConfig } from 'vitest/config';

const SECOND = 1000;

// `--mode soak` is the long run (npm run test:soak); otherwise everything but it.
export default defineConfig(({ mode }) => {
  const isSoak = mode === 'soak';
  return {
    test: {
      include: isSoak ? ['test/soak/**/*.test.ts'] : ['test/**/*.test.ts'],
      exclude: isSoak ? [] : ['test/soak/**'],
      globalSetup: ['test/helpers/globalSetup.ts'],
      pool: 'forks',
      maxWorkers: isSoak ? 1 : 2,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      testTimeout: isSoak ? 3600 * SECOND : 30 * SECOND,
      hookTimeout: 120 * SECOND,
      teardownTimeout: 60 * SECOND,
      disableConsoleIntercept: isSoak,
    },
  };
});
