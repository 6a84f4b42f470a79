import { join } from 'node:path';
import type { DemoFile } from './demo.ts';
import type { LaunchSettings } from './settings.ts';

/** What a newcomer needs: where it is, who one can be, and something to paste. */
export function banner(settings: LaunchSettings, database: string, demo: DemoFile | null): string {
  const { baseUrl, dataDir, simulatorsPort } = settings;
  const lines = [
    '',
    'Portolan is ready.',
    '',
    `  GraphiQL          ${baseUrl}/graphql`,
    `  Subscriptions     ${baseUrl.replace(/^http/, 'ws')}/graphql  (and server-sent events on the address above)`,
    `  Database          ${database}`,
  ];
  if (demo === null) return [...lines, ''].join('\n');
  const login = (name: string, { email, password }: { email: string; password: string }): string =>
    `  ${name.padEnd(18)}${email.padEnd(24)}${password}`;
  return [
    ...lines,
    `  Simulators        http://localhost:${simulatorsPort}`,
    '',
    `  Portal key        ${demo.portalKey}    (header X-API-Key)`,
    login('Customer', demo.customer),
    login('Operator', demo.operator),
    login('Tenant admin', demo.tenantAdmin),
    login('Platform admin', demo.platformAdmin),
    `  All of it         ${join(dataDir, 'demo.json')}`,
    '',
    'Log in (send the portal key along), then put the token into the header "Authorization: Bearer ...":',
    '',
    `  mutation { login(input: { email: "${demo.customer.email}", password: "${demo.customer.password}" }) { session { accessToken } userErrors { code message } } }`,
    '',
    'and ask:',
    '',
    '  { viewer { kind user { email } } orders(first: 5) { nodes { number status paymentStatus total { amount currencyCode } } } }',
    '',
    '`npm run demo` walks from an order to its paid invoice. Ctrl-C stops everything; the data is kept.',
    '',
  ].join('\n');
}
