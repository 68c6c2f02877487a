import { readFile } from 'node:fs/promises';
import { defineConfig } from 'vite';

/**
 * Imports the shapes of an icon without the `svg` element around them, which `src/ui/icon.tsx` writes itself.
 * @type {import('vite').Plugin}
 */
const iconShapes = {
  name: 'icon-shapes',
  enforce: 'pre',
  async load(id) {
    const file = /^(.*\.svg)\?shapes$/.exec(id)?.[1];
    if (!file) return undefined;
    const shapes = /<svg[^>]*>([\s\S]*)<\/svg>/.exec(await readFile(file, 'utf8'))?.[1] ?? '';
    return `export default ${JSON.stringify(shapes.replace(/\s*\n\s*/g, ''))}`;
  },
};

const moim = process.env['MOIM_URL'] ?? 'https://localhost:8443';

export default defineConfig({
  plugins: [iconShapes],
  // The workspace's library is built from its sources, so that one build makes everything.
  resolve: { conditions: ['moim-source', 'module', 'browser', 'development|production'] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // For `npm run dev`: pages from here, calls through a server that runs elsewhere.
  server: {
    proxy: {
      '/signal': { target: moim, ws: true, changeOrigin: true, secure: false, headers: { origin: moim } },
    },
  },
  build: {
    target: ['chrome120', 'firefox128', 'safari17'],
    // Inlined assets would be data: URLs, which the content security policy does not allow.
    assetsInlineLimit: 0,
    // The polyfill is an inline script, which the content security policy does not allow either.
    modulePreload: { polyfill: false },
    manifest: true,
    reportCompressedSize: false,
  },
});
