#!/usr/bin/env node
import { readPackageVersion } from '../foundation/package-version.js';

const { stdout, stderr, argv } = process;

// A reader that has seen enough, such as head, closes the pipe.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
stderr.on('error', () => undefined);

// Scripts ask for it, and it is known without loading anything.
if (argv.length === 3 && argv[2] === '--version') stdout.write(`${readPackageVersion()}\n`);
else {
  const { runProgram } = await import('./run-program.js');
  process.exitCode = await runProgram();
}
