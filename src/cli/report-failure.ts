import { CommanderError } from 'commander';
import { DriftlineError } from '../foundation/driftline-error.js';
import { writeFailure } from '../foundation/file-failure.js';
import { escapeControlCharacters, formatJson } from './printable-text.js';

/** Any failure of a command as an error with a code, a hint and an exit code. */
export function explainFailure(failure: unknown, signal: AbortSignal): DriftlineError {
  if (DriftlineError.isInstance(failure)) return failure;
  if (failure instanceof CommanderError) return explainGrammar(failure);
  if (signal.aborted) {
    return new DriftlineError({
      code: 'interrupted',
      message: 'stopped on request',
      hint: 'Run the same command again to continue.',
      cause: failure,
    });
  }
  const file = findUnwritable(failure);
  if (file !== null) return writeFailure(file, failure);
  return new DriftlineError({
    code: 'internal-error',
    message: `driftline failed unexpectedly: ${failure instanceof Error ? failure.message : String(failure)}`,
    hint: 'Run the command again with --debug and report what it prints.',
    cause: failure,
  });
}

/** The file of a failure that only a full or read-only disk causes; null of any other failure. */
function findUnwritable(failure: unknown): string | null {
  if (!(failure instanceof Error && 'code' in failure && 'path' in failure)) return null;
  return ['ENOSPC', 'EDQUOT', 'EROFS'].includes(String(failure.code)) ? String(failure.path) : null;
}

/** Limits that only other commands have. */
const limitHints: Readonly<Record<string, string>> = {
  '--max-share':
    'A share by itself is a limit for driftline score, which reads files of results. A run is held against its base: --max-drift 2 for two points.',
  '--max-drift':
    'A drift is a limit for driftline run, report and compare, which know a base. A file of results is held against a share: driftline score --max-share 2 for two percent.',
};

/** Commander's first line says what is wrong, its second one what may be meant. */
function explainGrammar({ message }: CommanderError): DriftlineError {
  const [problem = '', meant] = message.replace(/^error: /, '').split('\n');
  const limit = limitHints[/^unknown option '(--[a-z-]+)/.exec(problem)?.[1] ?? ''];
  if (limit !== undefined)
    return new DriftlineError({ code: 'usage-invalid', message: problem.replace(/\.$/, ''), hint: limit });
  return new DriftlineError({
    code: 'usage-invalid',
    message: problem.replace(/\.$/, ''),
    hint: `${meant === undefined ? '' : `${meant.replace(/^\((.*)\)$/, '$1')} `}See driftline --help for the commands, and driftline COMMAND --help for their options.`,
  });
}

export interface FailureForm {
  readonly json: boolean;
  /** Whether stacks are shown. */
  readonly debug: boolean;
  readonly isTerminal: boolean;
  readonly styleCode: (text: string) => string;
}

/** The failure as text for the error stream, or as one JSON object on one line. */
export function formatFailure(failure: DriftlineError, form: FailureForm): string {
  const { code, message, hint, exitCode, details } = failure;
  const stacks = form.debug ? listStacks(failure) : [];
  if (form.json) {
    return formatJson({ error: { code, message, hint, exitCode, details, ...(form.debug ? { stacks } : {}) } }, 0);
  }
  const shown = (text: string): string => (form.isTerminal ? escapeControlCharacters(text) : text);
  return [
    `${form.styleCode(`error ${code}:`)} ${shown(message)}`,
    `  ${shown(hint)}`,
    ...stacks.map((stack) => `\n${shown(stack)}`),
  ].join('\n');
}

function listStacks(failure: unknown): string[] {
  const stacks: string[] = [];
  for (let error = failure; error instanceof Error && stacks.length < 10; error = error.cause) {
    stacks.push(error.stack ?? error.message);
  }
  return stacks;
}
