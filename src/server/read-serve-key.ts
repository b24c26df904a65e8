import { DriftlineError } from '../foundation/driftline-error.js';
import { readPrivateFile } from '../foundation/read-private-file.js';

/** The key that clients have to send, from a file or DRIFTLINE_SERVE_KEY; null where there is none. No error shows it. */
export async function readServeKey(
  environment: Readonly<Record<string, string | undefined>>,
  file: string | undefined,
): Promise<string | null> {
  const written = file === undefined ? environment['DRIFTLINE_SERVE_KEY'] : await readPrivateFile(file);
  if (written === undefined || (written === '' && file === undefined)) return null;
  const key = written.trim();
  if (/^[\x21-\x7e]{8,}$/.test(key)) return key;
  throw badKey(
    file ?? 'DRIFTLINE_SERVE_KEY',
    'a key has at least 8 characters, letters, digits and signs, without spaces',
  );
}

function badKey(place: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${place}: ${problem}`,
    hint: 'Put a long random word there, for example of openssl rand -hex 24.',
  });
}
