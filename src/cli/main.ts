import process from 'node:process';

import { TRAVEL_PROVIDERS } from '../integrations/providers.ts';
import { runCli } from './run.ts';

await runCli(process.argv.slice(2), TRAVEL_PROVIDERS);
