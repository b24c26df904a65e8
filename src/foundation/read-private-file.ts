import { constants, open } from 'node:fs/promises';
import { DriftlineError } from './driftline-error.js';
import { readFailure } from './file-failure.js';

/** Far more than keys need: a wrong path must not fill the memory. */
const mostBytes = 65_536;

/** The text of a file with secrets. One that others may read, or that is no small file, is refused; no error shows what is in it. */
export async function readPrivateFile(file: string): Promise<string> {
  try {
    // Looked at and read through one handle: it cannot be another file in between.
    // A pipe is not waited for: Windows has none.
    const handle = await open(file, constants.O_RDONLY | (process.platform === 'win32' ? 0 : constants.O_NONBLOCK));
    try {
      const status = await handle.stat();
      if (!status.isFile() || status.size > mostBytes)
        throw refuse(file, 'it is no file of a few lines', 'Name a file that holds keys and nothing else.');
      // Windows has no such permissions.
      if (process.platform !== 'win32' && (status.mode & 0o077) !== 0)
        throw refuse(
          file,
          `others may read it (its mode is ${(status.mode & 0o777).toString(8)})`,
          `Run chmod 600 ${file}, so that only you can read it.`,
        );
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (DriftlineError.isInstance(cause)) throw cause;
    throw readFailure(file, cause);
  }
}

function refuse(file: string, problem: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message: `${file}: ${problem}`, hint, details: { file } });
}
