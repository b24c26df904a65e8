import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The version of this package. */
export function readPackageVersion(): string {
  // src/cli and dist/cli lie equally deep in the package.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return z.looseObject({ version: z.string() }).parse(JSON.parse(text)).version;
}
