import { readFile, stat } from 'node:fs/promises';
import { DriftlineError } from '../foundation/driftline-error.js';
import { readFailure } from '../foundation/read-failure.js';

/** The key that clients have to send, from a file or DRIFTLINE_SERVE_KEY; null where there is none. No error shows it. */
export async function readServeKey(
  environment: Readonly<Record<string, string | undefined>>,
  file: string | undefined,
): Promise<string | null> {
  const written = file === undefined ? environment['DRIFTLINE_SERVE_KEY'] : await readKeyFile(file);
  if (written === undefined || (written === '' && file === undefined)) return null;
  const key = written.trim();
  if (/^[\x21-\x7e]{8,}$/.test(key)) return key;
  throw badKey(
    file ?? 'DRIFTLINE_SERVE_KEY',
    'a key has at least 8 characters, letters, digits and signs, without spaces',
  );
}

async function readKeyFile(file: string): Promise<string> {
  try {
    // Windows has no such permissions.
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw badKey(file, `others may read it (its mode is ${(mode & 0o777).toString(8)}): chmod 600 it`);
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (DriftlineError.isInstance(cause)) throw cause;
    throw readFailure(file, cause);
  }
}

function badKey(place: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${place}: ${problem}`,
    hint: 'Put a long random word there, for example of openssl rand -hex 24.',
  });
}
