import { defineConfig } from 'vitest/config';

const SECOND = 1000;

// `--mode soak` is the long run (npm run test:soak); otherwise everything but it.
export default defineConfig(({ mode }) => {
  const isSoak = mode === 'soak';
  return {
    // As Node itself resolves: vite's own "development" would load a second graphql beside the one of the packages.
    ssr: { resolve: { conditions: ['module-sync', 'module', 'node'] } },
    test: {
      include: isSoak ? ['test/soak/**/*.test.ts'] : ['test/**/*.test.ts'],
      exclude: isSoak ? [] : ['test/soak/**'],
      globalSetup: ['test/helpers/globalSetup.ts'],
      pool: 'forks',
      maxWorkers: isSoak ? 1 : 3,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      testTimeout: isSoak ? 3600 * SECOND : 120 * SECOND,
      hookTimeout: 120 * SECOND,
      teardownTimeout: 60 * SECOND,
      disableConsoleIntercept: isSoak,
    },
  };
});
