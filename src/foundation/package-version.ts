import { readFileSync } from 'node:fs';

/** The version of this package. */
export function readPackageVersion(): string {
  // src/foundation and dist/foundation lie equally deep in the package.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  // Our own package.json. Nothing is parsed with zod here, since the command line starts with this file.
  return (JSON.parse(text) as { readonly version: string }).version;
}
