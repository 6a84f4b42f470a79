import { join } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';

const SECOND = 1000;

// Processes that tests start read the application once and keep what was made of it: half of their beginning.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled');

/** What takes longest, whatever the file's size says: begun last, it would be waited for alone. */
const LONGEST = [
  'payments/crash',
  'payments/interleavings',
  'live/resume',
  'launch/embedded',
  'isolation/tables',
  'isolation/fields',
  'travel/package',
  'integrations/contract',
  'integrations/expedia-faults',
  'travel/health',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return place === -1 ? LONGEST.length : place;
    };
    const usual = await Reflect.apply(super.sort, this, [files]);
    return usual.toSorted((one, other) => rank(one) - rank(other));
  }
}

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
      // Reading the application costs a core three seconds: once for each worker, not for each file. What a file starts it stops, and no
      // module keeps anything of an application (ARCHITECTURE.md, "services are made in app.ts").
      isolate: false,
      sequence: { sequencer: LongestFirst },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // Limits are for what hangs. A crowded machine is slow, and that is no fault of what is tested.
      testTimeout: isSoak ? 3600 * SECOND : 300 * SECOND,
      hookTimeout: 300 * SECOND,
      teardownTimeout: 60 * SECOND,
      expect: { poll: { timeout: 60 * SECOND, interval: 50 } },
      disableConsoleIntercept: isSoak,
    },
  };
});
