import { defineConfig, type Plugin } from 'vite';

/**
 * Nothing but Vite itself: it transforms JSX, too. `npm run example:portal` starts it with the address and key of a shop; so can you:
 *   VITE_PORTOLAN_ENDPOINT=http://localhost:4000/graphql VITE_PORTOLAN_KEY=pk_test_... npx vite examples/portal
 */
export default defineConfig({
  root: import.meta.dirname,
  cacheDir: process.env['PORTAL_CACHE'] || undefined,
  plugins: [contentSecurityPolicy()],
  // Named, so that the first page does not begin with a reload when they are found.
  optimizeDeps: { include: ['react', 'react/jsx-dev-runtime', 'react-dom/client', 'urql', 'graphql-ws'] },
});

/** In the build only: while developing, Vite puts styles into the page itself. */
function contentSecurityPolicy(): Plugin {
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: () => {
      const graph = new URL(process.env['VITE_PORTOLAN_ENDPOINT'] ?? '').origin;
      const policy = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        'img-src data:',
        `connect-src ${graph} ${graph.replace(/^http/, 'ws')}`,
        "base-uri 'none'",
        "form-action 'none'",
      ].join('; ');
      return [
        { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: policy }, injectTo: 'head-prepend' },
      ];
    },
  };
}
