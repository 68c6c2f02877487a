/**
 * Builds the app, checks that its first load keeps to the budget, and writes a .gz and a .br beside every file that gains by it.
 *
 *     node scripts/build.mjs [--outDir DIR]     (DIR is relative to where npm was called)
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { brotliCompress, constants, gzip, gzipSync } from 'node:zlib';
import { build } from 'vite';

const KIB = 1024;
/** What a browser loads before somebody can be at the door of a meeting: the entry and that screen, compressed by gzip. */
const BUDGET = { js: 60 * KIB, css: 15 * KIB };
/** Chunks that are loaded for every meeting, though not by the landing page. */
const FIRST_LOAD_DYNAMIC = ['src/screens/meeting.tsx'];
/** Packages whose code or drawings end up in the app. */
const BUNDLED = ['preact', '@preact/signals', '@preact/signals-core', 'lucide-static'];
const COMPRESSIBLE = new Set(['.html', '.js', '.css', '.svg', '.json', '.webmanifest', '.txt']);

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { outDir: { type: 'string' } } });
const outDir = values.outDir ? resolve(process.env.INIT_CWD ?? process.cwd(), values.outDir) : join(root, 'dist');

await build({ root, build: { outDir, emptyOutDir: true } });
const sizes = await firstLoad();
// The manifest is for this check alone.
await rm(join(outDir, '.vite'), { recursive: true });
await writeLicences();
await compress(outDir);
report(sizes);

/** The gzipped size of everything the first load needs, by kind. */
async function firstLoad() {
  const manifest = JSON.parse(await readFile(join(outDir, '.vite/manifest.json'), 'utf8'));
  const files = new Set();
  const visit = (key, seen = new Set()) => {
    const chunk = manifest[key];
    if (!chunk || seen.has(key)) return;
    seen.add(key);
    files.add(chunk.file);
    for (const css of chunk.css ?? []) files.add(css);
    for (const imported of chunk.imports ?? []) visit(imported, seen);
  };
  for (const key of ['index.html', ...FIRST_LOAD_DYNAMIC]) {
    if (!manifest[key]) throw new Error(`${key} is not in the build's manifest: correct the list in scripts/build.mjs`);
    visit(key);
  }
  files.add('check.js');
  const total = { js: 0, css: 0 };
  for (const file of files) {
    const kind = extname(file).slice(1);
    if (kind in total) total[kind] += gzipSync(await readFile(join(outDir, file)), { level: 9 }).length;
  }
  return total;
}

/** The licences of what is bundled, whose authors ask for them to go along. */
async function writeLicences() {
  const texts = BUNDLED.map(async (name) => {
    const text = await readFile(join(root, '../node_modules', name, 'LICENSE'), 'utf8');
    return `${name}\n\n${text.trim()}\n`;
  });
  await writeFile(join(outDir, 'licences.txt'), (await Promise.all(texts)).join(`\n${'-'.repeat(72)}\n\n`));
}

function report(sizes) {
  let over = false;
  for (const [kind, size] of Object.entries(sizes)) {
    const line = `first load, ${kind}: ${(size / KIB).toFixed(1)} KiB gzipped of ${BUDGET[kind] / KIB} KiB`;
    process.stdout.write(`${line}\n`);
    over ||= size > BUDGET[kind];
  }
  if (over) {
    process.stderr.write('The first load is over its budget. Load what is not needed at once lazily, or drop it.\n');
    process.exitCode = 1;
  }
}

async function compress(directory) {
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !COMPRESSIBLE.has(extname(entry.name))) continue;
    const path = join(entry.parentPath, entry.name);
    const plain = await readFile(path);
    const [gz, br] = await Promise.all([
      promisify(gzip)(plain, { level: constants.Z_BEST_COMPRESSION }),
      promisify(brotliCompress)(plain, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
        },
      }),
    ]);
    if (gz.length < plain.length) await writeFile(`${path}.gz`, gz);
    if (br.length < plain.length) await writeFile(`${path}.br`, br);
  }
}
