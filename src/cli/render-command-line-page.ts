import { isOptional, type Command, type OptionDefinition } from './command.js';
import { globalOptions, helpDescription, versionDescription } from './shared-options.js';

const exitCodes = [
  ['0', 'all went well'],
  ['1', 'driftline, the numerical runtime or a disk is at fault'],
  ['2', 'the command, a setting or data make no sense as they are'],
  ['3', 'the measurement finished, and a threshold was not met'],
  ['4', 'only part of the work could be done'],
  ['5', 'a hub or a hosted model refused or could not be reached'],
  ['130', 'stopped on request, with everything saved'],
] as const;

/** docs/command-line.md, from the table of commands. */
export async function renderCommandLinePage(commands: readonly Command[]): Promise<string> {
  const sections = await Promise.all(commands.map(renderCommand));
  return `${[
    '# The command line',
    '',
    'Written by `npm run docs:cli` from the definitions in `src/cli/definitions/`; change it there.',
    '',
    ...commands.map(
      ({ name, summary }) => `- [driftline ${name}](#driftline-${name.replaceAll(' ', '-')}): ${summary}`,
    ),
    '',
    'Results go to standard output, progress and errors to standard error. An error names its code and a next step; with `--json` it is one JSON',
    'object, `{"error": {"code", "message", "hint", "exitCode", "details"}}`. Ctrl-C stops in good order, a second one at once.',
    '',
    '## Options of every command',
    '',
    ...renderOptions({
      ...globalOptions,
      help: { description: helpDescription, type: globalOptions.json.type },
      version: { description: `${versionDescription} (without a command)`, type: globalOptions.json.type },
    }),
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '| --- | --- |',
    ...exitCodes.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    ...sections.flat(),
  ].join('\n')}\n`;
}

async function renderCommand({ name, summary, loadDefinition }: Command): Promise<string[]> {
  const { description, arguments: parameters, options, examples } = await loadDefinition();
  const spelled = Object.entries(parameters).map(([argument, definition]) => {
    const text = `${argument.toUpperCase()}${definition.isRepeated === true ? '...' : ''}`;
    return { text: isOptional(definition) ? `[${text}]` : text, description: definition.description };
  });
  const hasOptions = Object.keys(options).length > 0;
  const usage = ['driftline', name, ...spelled.map(({ text }) => text), ...(hasOptions ? ['[options]'] : [])];
  return [
    '',
    `## driftline ${name}`,
    '',
    `${summary}.${description === undefined ? '' : ` ${description}`}`,
    '',
    `    ${usage.join(' ')}`,
    '',
    ...(spelled.length === 0
      ? []
      : [
          '| argument | meaning |',
          '| --- | --- |',
          ...spelled.map(({ text, description: meaning }) => `| \`${text}\` | ${escapeCell(meaning)} |`),
          '',
        ]),
    ...(hasOptions ? [...renderOptions(options), ''] : []),
    ...examples.flatMap(({ description: purpose, line }) => [`${purpose}:`, '', `    ${line}`, '']),
  ].slice(0, -1);
}

function renderOptions(options: Readonly<Record<string, OptionDefinition>>): string[] {
  return [
    '| option | default | meaning |',
    '| --- | --- | --- |',
    ...Object.entries(options).map(([name, definition]) => {
      const { value, description, example, default: preset } = definition;
      const spelled = value === undefined ? `--${name}` : `--${name} ${value}`;
      const fallback = preset ?? (value !== undefined && !isOptional(definition) ? 'required' : '');
      const instance = example === undefined ? '' : `, for example \`${example}\``;
      return `| \`${spelled}\` | ${escapeCell(fallback)} | ${escapeCell(description)}${escapeCell(instance)} |`;
    }),
  ];
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
