import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { defineCommand, type Command, type CommandAction, type CommandDefinition } from '../../src/cli/command.js';
import { anyText, flag, nonEmptyText, oneOf, repeated, wholeNumber } from '../../src/cli/value-type.js';
import { DriftlineError } from '../../src/foundation/driftline-error.js';
import { runCaptured } from './run-captured.js';

const examples = [{ description: 'Count', line: 'driftline count a' }] as const;

/** What the commands below have loaded in a test. */
const loaded: string[] = [];
beforeEach(() => loaded.splice(0));

function define<Definition extends CommandDefinition>(
  name: string,
  summary: string,
  definition: Definition,
  action: CommandAction<Definition>,
): Command {
  const load = <Part>(part: Part, what: string): Promise<Part> => {
    loaded.push(`${what} of ${name}`);
    return Promise.resolve(part);
  };
  return defineCommand({
    name,
    summary,
    loadDefinition: () => load(definition, 'definition'),
    loadAction: () => load(action, 'action'),
  });
}

const countDefinition = {
  arguments: { words: { description: 'What to count', type: repeated(anyText), isRepeated: true } },
  options: {
    'at-least': { value: 'N', description: 'Fewest', type: wholeNumber(), default: '1', example: '3' },
    by: { value: 'NAME', description: 'Who counts', type: nonEmptyText },
    loudly: { description: 'Shout', type: flag },
  },
  examples,
} as const satisfies CommandDefinition;

const count = define('count', 'Count words', countDefinition, {
  run: (context, { arguments: { words }, options: { 'at-least': least, by, loudly } }) => {
    if (context.json) context.printJson({ words, least, by, loudly });
    else context.print(`${words.join(' ')} ${least + 1} ${by} ${String(loudly)}`);
    context.notify('counted');
    context.progress.write('counting\n');
    return Promise.resolve();
  },
});

const endings: Readonly<Record<string, () => unknown>> = {
  expected: () => {
    throw new DriftlineError({
      code: 'gate-not-met',
      message: 'too \u001b[31mmany',
      hint: 'Try fewer.',
      details: { most: 3n },
      cause: new Error('the cause'),
    });
  },
  unexpected: () => {
    throw new TypeError('x is not a function');
  },
  'read-only': () => {
    throw Object.assign(new Error('EROFS: read-only file system, mkdir'), { code: 'EROFS', path: '/mnt/served' });
  },
  nothing: () => {
    // Programs throw anything.
    throw undefined as unknown as Error;
  },
};

const failDefinition = {
  arguments: {
    how: { description: 'The way to fail', type: oneOf(['expected', 'unexpected', 'read-only', 'nothing']) },
  },
  options: {},
  examples,
} as const satisfies CommandDefinition;

const fail = define('fail now', 'Fail', failDefinition, {
  run: (_, { arguments: { how } }) => Promise.resolve(endings[how]?.()).then(() => undefined),
});

const waitDefinition = { arguments: {}, options: {}, examples } as const satisfies CommandDefinition;

const wait = define('fail later', 'Wait to be stopped', waitDefinition, {
  run: ({ signal }) =>
    new Promise((_, reject) => {
      const stop = (): void => reject(new Error('aborted'));
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop);
    }),
});

const commands = [count, fail, wait];
const run = (line: string, options: Parameters<typeof runCaptured>[1] = {}) =>
  runCaptured(line === '' ? [] : line.split(' '), { commands, ...options });

describe('the command line', () => {
  it.each(['', '--quiet', '--json'])('says what to do first when nothing is asked of it (%j)', async (line) => {
    const { exitCode, stdout, stderr } = await run(line);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Start here:\n  driftline count a\n');
    expect(stdout).toContain('driftline fail now ');
  });

  it('has the version of the package', async () => {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(text));
    expect(await run('--version')).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each(['--help', '-h', 'help'])('lists its commands with %s', async (line) => {
    const { exitCode, stdout } = await run(line);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ {2}count \[options\] <WORDS\.\.\.> +Count words$/m);
    expect(stdout).toMatch(/^ {2}fail +/m);
    expect(stdout).toContain('Examples:');
  });

  it('explains a command with its options, what they are without, and examples', async () => {
    const { exitCode, stdout } = await run('count --help');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/--at-least <N> +Fewest \(default: 1\)/);
    expect(stdout).toMatch(/--by <NAME> +Who counts \(required\)/);
    expect(stdout).toMatch(/--loudly +Shout$/m);
    expect(stdout).toMatch(/Global options:\n +--json/);
    expect(stdout).toContain('Examples:\n  Count:\n    driftline count a\n');
  });

  it.each([
    ['--version', ['count', 'fail now', 'fail later']],
    ['--json count --help', ['count']],
    ['help count', ['count']],
    ['count', ['count']],
    ['fail --help', ['fail now', 'fail later']],
    ['fail now --help', ['fail now', 'fail later']],
    ['--help count', ['count', 'fail now', 'fail later']],
  ])('loads for %j no definition of other commands, and does nothing', async (line, names) => {
    await run(line);
    expect(loaded).toEqual(names.map((name) => `definition of ${name}`));
  });

  it('loads what a command does when it is done, and its values are right', async () => {
    await run('count a --by me --at-least x');
    expect(new Set(loaded)).toEqual(new Set(['definition of count']));
    await run('count a --by me');
    expect(new Set(loaded)).toEqual(new Set(['definition of count', 'action of count']));
  });

  it('hands a command its values, parsed', async () => {
    const { exitCode, stdout, stderr } = await run('count a b --by me --at-least 41 --loudly');
    expect([exitCode, stdout, stderr]).toEqual([0, 'a b 42 me true\n', 'counted\ncounting\n']);
    expect((await run('count --by me -- --json')).stdout).toBe('--json 2 me false\n');
  });

  it.each(['--json count a --by me', 'count --json a --by me', 'count a --by me --json'])(
    'prints JSON, and nothing else, for %s',
    async (line) => {
      const { stdout, stderr } = await run(line);
      expect(JSON.parse(stdout)).toEqual({ words: ['a'], least: 1, by: 'me', loudly: false });
      expect(stderr).toBe('');
    },
  );

  it('shows progress beside JSON where that is wanted', async () => {
    const { stdout, stderr } = await run('count a --by me --json --progress');
    expect(JSON.parse(stdout)).toMatchObject({ words: ['a'] });
    expect(stderr).toBe('counting\n');
    expect((await run('count a --by me --quiet --progress')).stderr).toBe('counting\n');
  });

  it('is quiet when it should be', async () => {
    expect(await run('count a --by me --quiet')).toMatchObject({ stdout: 'a 2 me false\n', stderr: '' });
  });

  it.each([['help count'], ['help fail'], ['help fail now'], ['help']])('explains what there is: %s', async (line) => {
    const { exitCode, stdout, stderr } = await run(line);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Usage: driftline');
  });

  it('explains a command of two words as its own --help does', async () => {
    expect((await run('help fail now')).stdout).toBe((await run('fail now --help')).stdout);
    expect((await run('help count')).stdout).toBe((await run('count --help')).stdout);
  });

  it.each([
    ['help cont', 'there is no command "cont"', 'Did you mean count? See driftline --help'],
    ['help fail nw', 'there is no command "fail nw"', 'Did you mean fail now?'],
    ['cont a', "unknown command 'cont'", 'Did you mean count?'],
    ['count a --by me --at-leest 3', "unknown option '--at-leest'", 'Did you mean --at-least?'],
    ['--jsn', "unknown option '--jsn'", 'Did you mean --json?'],
    ['fail nw', "unknown command 'nw'", 'Did you mean now?'],
    ['fail', 'driftline fail is not a complete command', 'Write driftline fail now, or driftline fail later.'],
    ['count', "missing required argument 'WORDS'", 'driftline COMMAND --help'],
    ['count a', '--by is missing', 'See driftline count --help.'],
    ['count a --by', "option '--by <NAME>' argument missing", 'See driftline'],
    ['count a --by me --at-least x', '--at-least "x": not a whole number of at least 0', 'for example --at-least 3.'],
    ['fail now soon', 'HOW "soon": ', 'See driftline fail now --help.'],
    ['fail now expected twice', "too many arguments for 'now'. Expected 1 argument but got 2", 'See driftline'],
  ])('refuses %j with a next step', async (line, message, hint) => {
    const { exitCode, stdout, stderr } = await run(line);
    expect([exitCode, stdout]).toEqual([2, '']);
    const [first, second, ...more] = stderr.split('\n');
    expect(first?.startsWith(`error usage-invalid: ${message}`)).toBe(true);
    expect(second).toContain(hint);
    expect(more).toEqual(['']);
  });

  it('ends a failure with its code, hint and exit code, as text and as JSON', async () => {
    expect(await run('fail now expected')).toEqual({
      exitCode: 3,
      stdout: '',
      stderr: 'error gate-not-met: too \u001b[31mmany\n  Try fewer.\n',
    });
    for (const line of ['fail now expected --json', '--json fail now expected']) {
      const { exitCode, stderr } = await run(line);
      expect(exitCode).toBe(3);
      expect(stderr.split('\n')).toHaveLength(2);
      expect(JSON.parse(stderr)).toEqual({
        error: {
          code: 'gate-not-met',
          message: 'too \u001b[31mmany',
          hint: 'Try fewer.',
          exitCode: 3,
          details: { most: '3' },
        },
      });
    }
    expect(JSON.parse((await run('cont --json')).stderr)).toMatchObject({ error: { code: 'usage-invalid' } });
  });

  it('does not take a read-only disk for a fault of its own', async () => {
    expect(await run('fail now read-only')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('error write-failed: /mnt/served could not be written: the disk is read-only\n'),
    });
  });

  it('shows stacks only to who debugs', async () => {
    expect((await run('fail now unexpected')).stderr).toBe(
      'error internal-error: driftline failed unexpectedly: x is not a function\n' +
        '  Run the command again with --debug and report what it prints.\n',
    );
    for (const debugged of [
      await run('fail now unexpected --debug'),
      await run('fail now unexpected', { environment: { DRIFTLINE_DEBUG: '1' } }),
    ]) {
      expect(debugged.exitCode).toBe(1);
      expect(debugged.stderr).toMatch(/TypeError: x is not a function\n +at .*run-cli\.test\.ts/);
    }
    expect((await run('fail now expected --debug')).stderr).toContain('Error: the cause\n');
    expect((await run('fail now nothing')).exitCode).toBe(1);
  });

  it('escapes on terminals what would move them, and colours unless NO_COLOR says otherwise', async () => {
    const onTerminal = (line: string, environment = {}) => run(line, { isTerminal: true, environment });
    expect((await onTerminal('fail now expected')).stderr).toBe(
      '\u001b[31merror gate-not-met:\u001b[39m too \\u001b[31mmany\n  Try fewer.\n',
    );
    for (const environment of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      const { stderr } = await onTerminal('fail now expected', environment);
      expect(stderr).toBe('error gate-not-met: too \\u001b[31mmany\n  Try fewer.\n');
      expect((await onTerminal('count --help', environment)).stdout).not.toContain('\u001b');
    }
    expect((await onTerminal('count --help')).stdout).toContain('\u001b[1mUsage:');
    expect((await onTerminal('count \u001b]0;x\u0007\r\u009b\u202e --by me')).stdout).toBe(
      '\\u001b]0;x\\u0007\\u000d\\u009b\\u202e 2 me false\n',
    );
    expect((await onTerminal('count \u009bx --by me --json')).stdout).toContain('"\\u009bx"');
  });

  it.each(['at once', 'while it runs'])('ends with 130 when it is stopped %s', async (when) => {
    const stop = new AbortController();
    const running = run('fail later', { signal: stop.signal });
    if (when === 'while it runs') await vi.waitUntil(() => loaded.includes('action of fail later'));
    stop.abort();
    const { exitCode, stderr } = await running;
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/^error interrupted: stopped on request\n/);
  });
});
