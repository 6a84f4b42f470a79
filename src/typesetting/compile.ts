/**
 * Typst in this process: an invoice document in, the bytes of its PDF out (COM-11). Synchronous; see render.ts for the
 * thread that it runs in. The bytes depend on the document, the template and the packages alone: fonts come from npm
 * packages and are named to the compiler before it looks at the machine's, and no clock is read.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NodeCompiler } from '@myriaddreamin/typst-ts-node-compiler';
import type { InvoiceDocument } from '../domain/invoice.ts';

// Regular and bold of each script, and no other weight: the template asks for exactly these two, and an exact match from
// our list wins over a font of the same name on the machine, which is searched last.
const FONT_FILES = [
  '@expo-google-fonts/noto-sans/400Regular/NotoSans_400Regular.ttf',
  '@expo-google-fonts/noto-sans/700Bold/NotoSans_700Bold.ttf',
  '@expo-google-fonts/amiri/400Regular/Amiri_400Regular.ttf',
  '@expo-google-fonts/amiri/700Bold/Amiri_700Bold.ttf',
  '@expo-google-fonts/noto-sans-tc/400Regular/NotoSansTC_400Regular.ttf',
  '@expo-google-fonts/noto-sans-tc/700Bold/NotoSansTC_700Bold.ttf',
];

/** Documents keep the layout they were issued with, so every number that was ever in use stays here. */
const TEMPLATE_FILES: ReadonlyMap<number, string> = new Map([
  [1, 'invoice-1.typ'],
  [2, 'invoice-2.typ'],
]);

/** Where the template finds the picture; there is no such file, only what is put in its place for one document. */
const LOGO_PATH = fileURLToPath(new URL('logo', import.meta.url));

/** Results of layout that the last so many documents did not use are dropped: more would cost memory and gain little. */
const CACHE_AGE_MAX = 2;

export interface InvoiceCompiler {
  /**
   * @param logo the picture that the document names
   * @throws Error if the document has an unknown layout, names a picture that is not given, or does not compile: all are defects
   */
  compile(document: InvoiceDocument, logo?: Uint8Array | null): Uint8Array<ArrayBuffer>;
}

export function createInvoiceCompiler(): InvoiceCompiler {
  const fontPaths = FONT_FILES.map((file) => dirname(fileURLToPath(import.meta.resolve(file))));
  const compiler = NodeCompiler.create({ fontArgs: [{ fontPaths }], workspace: import.meta.dirname });
  const templates = new Map<number, string>();

  function templateOf(layout: number): string {
    const known = templates.get(layout);
    if (known !== undefined) return known;
    const file = TEMPLATE_FILES.get(layout);
    if (file === undefined) throw new Error(`no template for layout ${layout}`);
    const template = readFileSync(new URL(file, import.meta.url), 'utf8');
    templates.set(layout, template);
    return template;
  }

  return {
    compile(document, logo = null) {
      const template = templateOf(document.layout);
      if (document.tenant.logo && logo === null) throw new Error('the picture that the document names is not given');
      try {
        if (logo !== null) compiler.mapShadow(LOGO_PATH, Buffer.from(logo));
        return pdfOf(template, document);
      } catch (error) {
        // A picture can be whole and still be one that the engine cannot draw. The invoice must be had all the same.
        if (document.tenant.logo) return this.compile({ ...document, tenant: { ...document.tenant, logo: null } });
        throw new Error(`the invoice does not compile: ${reasonOf(error)}`, { cause: error });
      } finally {
        if (logo !== null) compiler.unmapShadow(LOGO_PATH);
        compiler.evictCache(CACHE_AGE_MAX);
      }
    },
  };

  // Straight from source to bytes: a result of compiler.compile() is never freed again, about 0.8 MB per invoice.
  function pdfOf(template: string, document: InvoiceDocument): Uint8Array<ArrayBuffer> {
    return new Uint8Array(
      compiler.pdf({ mainFileContent: template, inputs: { document: JSON.stringify(document) } }, {}),
    );
  }
}

/** The compiler's errors have an empty message; what it has to say stands in `code`. */
function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code).slice(0, 500) : String(error);
}
