import { createHash } from 'node:crypto';
import type { SimulatorAnswer } from './types.ts';

/** The look of every simulated vendor's pages: plain, without scripts but the one a page names, and never kept. */

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 26rem; margin: 12vh auto; padding: 0 1rem; }
  h1 { font-size: 1.1rem; margin: 0 0 1rem; }
  .amount { font-size: 2.2rem; font-weight: 600; margin: 0; }
  dl { display: grid; grid-template-columns: auto 1fr; gap: .2rem 1rem; margin: 1.5rem 0; }
  dt { opacity: .65; } dd { margin: 0; }
  form { display: flex; gap: .5rem; }
  button { flex: 1; padding: .7rem; font: inherit; border: 1px solid; border-radius: .5rem; background: none; color: inherit; cursor: pointer; }
  button[value=pay] { background: #14663f; border-color: #14663f; color: #fff; }
  .note { opacity: .65; font-size: .85rem; margin-top: 2rem; }`;

/** @param script runs when the page stands; the policy lets in this one by its digest and no other */
export function page(status: number, title: string, body: string, script = ''): SimulatorAnswer {
  const allowed = script === '' ? '' : `; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`;
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=UTF-8',
      'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'${allowed}`,
      'cache-control': 'no-store',
    },
    body: `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}
</style></head><body>
${body}${script === '' ? '' : `\n<script>${script}</script>`}
</body></html>
`,
  };
}

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
