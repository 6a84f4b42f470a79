import process from 'node:process';

import { runCli } from '../../src/cli/run.ts';
import { vendorOfCli } from './cli-vendor.ts';

// src/cli/main.ts with other integrations.
await runCli(process.argv.slice(2), vendorOfCli(process.env['VENDOR_SAYS']).descriptions);
