import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { readPrivateFile } from '../../foundation/read-private-file.js';
import { judgeVariables } from './hosted-service.js';
import { serviceNames, services } from './services.js';

/** Names the file with keys. */
export const keyFileVariable = 'DRIFTLINE_KEY_FILE';

/** The keys that driftline knows, by the variables that may have them. */
export const keyNames: readonly string[] = [
  ...serviceNames.map((name) => services[name].variables.key),
  judgeVariables.key,
  'HF_TOKEN',
  'RAY_AUTH_TOKEN',
  'DRIFTLINE_SERVE_KEY',
];

/** Names that may be shown: anything else might be a key in the wrong place. */
const showable = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/;

export function namesKeyFile(environment: Readonly<Record<string, string | undefined>>): boolean {
  return (environment[keyFileVariable]?.trim() ?? '') !== '';
}

/**
 * The environment with the keys of the file that DRIFTLINE_KEY_FILE names, as lines NAME=KEY, empty ones and # comments besides. What the
 * environment has itself counts more. No error shows a key.
 */
export async function addKeysOfFile(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Readonly<Record<string, string | undefined>>> {
  if (!namesKeyFile(environment)) return environment;
  const file = environment[keyFileVariable]?.trim() ?? '';
  const keys = parseKeys(await readPrivateFile(file), file);
  const added = [...keys].filter(([name]) => (environment[name]?.trim() ?? '') === '');
  return { ...environment, ...Object.fromEntries(added) };
}

function parseKeys(text: string, file: string): Map<string, string> {
  const keys = new Map<string, string>();
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const fail = (problem: string, hint: string): DriftlineError =>
      new DriftlineError({
        code: 'usage-invalid',
        message: `${file}, line ${String(index + 1)}: ${problem}`,
        hint,
        details: { file, line: index + 1 },
      });
    const written = line.trim();
    if (written === '' || written.startsWith('#')) continue;
    const [, name = '', key = ''] = /^([^=]*)=(.*)$/.exec(written) ?? [];
    if (!keyNames.includes(name)) throw fail(...explainName(name));
    if (keys.has(name)) throw fail(`${name} stands there twice`, 'Leave one of both.');
    if (!/^[\x21-\x7e]+$/.test(key) || /["']/.test(key))
      throw fail(
        `${name} has no key, or one with quotes, spaces or other characters that no key has`,
        `Write ${name}=KEY, without quotes and spaces.`,
      );
    keys.set(name, key);
  }
  return keys;
}

function explainName(name: string): [problem: string, hint: string] {
  if (!showable.test(name)) return ['it is not NAME=KEY', `Write NAME=KEY, such as ${keyNames[0] ?? ''}=KEY.`];
  const isAddress = /_(BASE_URL|ENDPOINT|API_VERSION)$/.test(name);
  if (isAddress) return [`${name} is no key`, 'Set it in the environment: the file is for keys alone.'];
  const nearest = nearestName(name, keyNames);
  return [
    `there is no key called ${name}${nearest === null ? '' : ` (did you mean ${nearest}?)`}`,
    `The keys are ${keyNames.join(', ')}.`,
  ];
}
