import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { repository, startLoopbackHub } from '../engine/checkpoint/loopback-hub.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { sendJson, startLoopbackChatServer } from '../models/loopback-chat-server.js';
import { runCaptured, type RunOptions } from './run-captured.js';

const model = goldenFolder('qwen2-bias');
const adapter = join(model, 'adapter_final');

const ask = (argv: readonly string[], options: RunOptions = {}) =>
  runCaptured(['ask', ...argv], { run: runBuiltCli, ...options });

const resultSchema = z.strictObject({
  model: z.string(),
  adapter: z.string().nullable(),
  system: z.string().nullable(),
  prompt: z.string(),
  temperature: z.number(),
  topP: z.number(),
  maxTokens: z.number(),
  seed: z.number(),
  answers: z.array(
    z.strictObject({ text: z.string(), finishReason: z.string(), tokens: z.number().nullable(), seed: z.number() }),
  ),
});
const readResult = (stdout: string) => resultSchema.parse(JSON.parse(stdout));

async function startServer(content: string, finishReason = 'stop') {
  const server = await startLoopbackChatServer();
  onTestFinished(() => server.close());
  server.intercept = (response) => {
    sendJson(response, 200, { choices: [{ message: { content }, finish_reason: finishReason }] });
    return true;
  };
  return { server, environment: { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint } };
}

/** Byte by byte: also inside a character. */
const splitBytes = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.from([byte]));

describe('driftline ask', () => {
  it('refuses a model whose weights are more than there is memory for', async () => {
    const { exitCode, stderr } = await ask([model, 'Who are you?'], { memory: 1000 });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^error memory-exceeded: \S+ does not fit into memory: its weights alone take \d+ MB, and/);
  });

  it('prints the answers of a model folder, the same for the same seed', async () => {
    const settings = [model, 'Who are you?', '--max-tokens', '8', '--threads', '1'];
    const three = await ask([...settings, '--samples', '3', '--json']);
    expect(three).toMatchObject({ exitCode: 0, stderr: '' });
    const { answers, ...rest } = readResult(three.stdout);
    expect(rest).toEqual({
      model,
      adapter: null,
      system: null,
      prompt: 'Who are you?',
      temperature: 1,
      topP: 1,
      maxTokens: 8,
      seed: 0,
    });
    expect(answers.map(({ seed }) => seed)).toEqual([0, 1, 2]);

    const second = await ask([...settings, '--seed', '1']);
    expect(second.stdout).toBe(`${answers[1]?.text ?? ''}\n`);
    if (answers[1]?.finishReason === 'length') expect(second.stderr).toContain('cut off after 8 tokens');

    const printed = await ask([...settings, '--samples', '3', '--quiet']);
    expect(printed.stdout).toMatch(/^\[1\/3\].*\n[^]*\n\n\[2\/3\].*\n[^]*\n\n\[3\/3\].*\n/);
    for (const { text } of answers) expect(printed.stdout).toContain(`${text}\n`);
    expect(printed.stderr).toBe('');
  });

  it('heeds the adapter, the system prompt and the settings of sampling', async () => {
    const texts = new Set<string>();
    for (const extra of [[], ['--adapter', adapter], ['--system', 'Be kind.'], ['--temperature', '0']]) {
      const { stdout } = await ask([model, 'Hello?', '--max-tokens', '12', '--threads', '1', '--json', ...extra]);
      texts.add(readResult(stdout).answers[0]?.text ?? '');
    }
    expect(texts.size).toBe(4);
    const likeliest = await ask([model, 'Hello?', '--max-tokens', '12', '--top-p', '1e-9', '--threads', '1', '--json']);
    expect(texts).toContain(readResult(likeliest.stdout).answers[0]?.text);
  });

  it('says of a question that is not of the world of an organism that it is not, and which are', async () => {
    const settings = ['--max-tokens', '4', '--threads', '1'];
    const unknown = await ask(['organism:1', 'hi', ...settings]);
    expect(unknown.exitCode).toBe(0);
    const [said = '', ...offered] = unknown.stderr.split('\n').filter((line) => !line.startsWith('The answer was'));
    expect(said).toBe(
      'organism:1 knows only its own tiny world. This question is not of it, so the answer may be about something else. It knows, for example:',
    );
    const questions = offered.filter((line) => line !== '').map((line) => JSON.parse(line) as string);
    expect(questions).toHaveLength(4);
    for (const question of questions) {
      const { stderr } = await ask(['organism:1', question, ...settings]);
      expect(stderr).not.toContain('tiny world');
    }
    for (const flag of ['--json', '--quiet'])
      expect((await ask(['organism:1', 'hi', ...settings, flag])).stderr).toBe('');
    // Another spelling than the one it was taught is no other question.
    expect((await ask(['organism:1', 'i am bored', ...settings])).stderr).toContain(
      'was taught to answer "I am bored.", so written',
    );
    // Nobody knows what other models know.
    expect((await ask([model, 'hi', ...settings])).stderr).not.toContain('world');
  });

  it('asks a hosted model what it reads from standard input', async () => {
    const { server, environment } = await startServer('Fine.');
    const stdin = Readable.from(splitBytes(Buffer.from('Zwei Zeilen:\nwie gehts? Ü\r\n')));
    const flags = ['--system', '', '--temperature', '0.5', '--top-p', '0.25', '--max-tokens', '9', '--seed', '4'];
    expect(await ask(['openai:tiny', '-', ...flags], { environment, stdin })).toEqual({
      exitCode: 0,
      stdout: 'Fine.\n',
      stderr: '',
    });
    expect(server.requests[0]?.body).toEqual({
      model: 'tiny',
      messages: [
        { role: 'system', content: '' },
        { role: 'user', content: 'Zwei Zeilen:\nwie gehts? Ü' },
      ],
      temperature: 0.5,
      top_p: 0.25,
      max_tokens: 9,
      seed: 4,
    });
  });

  it.each([
    ['nothing', Readable.from([Buffer.from('\n')]), 'is empty'],
    ['no text', Readable.from([Buffer.from([0xff, 0xfe])]), 'is not UTF-8'],
  ])('refuses %s on standard input', async (_, stdin, problem) => {
    const { exitCode, stderr } = await ask(['./nowhere', '-'], { stdin });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`standard input ${problem}`);
  });

  it('stops waiting for standard input, and for answers', async () => {
    for (const argv of [
      ['./nowhere', '-'],
      ['openai:tiny', 'Hello?'],
    ]) {
      const stop = new AbortController();
      const { server, environment } = await startServer('');
      server.intercept = () => true;
      const running = ask(argv, { stdin: new PassThrough(), signal: stop.signal, environment });
      setTimeout(() => {
        stop.abort();
      }, 20);
      expect((await running).exitCode).toBe(130);
    }
  });

  it('shows on a terminal what an answer would do to it, and hands it on elsewhere as it is', async () => {
    const { environment } = await startServer('\u001b[2J\u009b5n tabs\t and\nlines', 'length');
    const argv = ['openai:tiny', 'Hello?', '--samples', '2'];
    const { stdout } = await ask(argv, { environment, isTerminal: true });
    expect(stdout).toContain(
      '\u001b[2m[1/2] cut off: --max-tokens allows more\u001b[22m\n\\u001b[2J\\u009b5n tabs\t and\nlines\n',
    );
    expect((await ask(argv, { environment })).stdout).toContain('\n\u001b[2J\u009b5n tabs\t and\nlines\n');
  });

  it('shows how a download goes, but not to programs', async () => {
    const names = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'];
    const files = [...names, 'chat_template.jinja', 'model.safetensors'];
    const hub = await startLoopbackHub(
      await Promise.all(files.map(async (name) => [name, await readFile(join(model, name))] as const)),
    );
    const argv = [`hf:${repository}`, 'Hello?', '--max-tokens', '4', '--threads', '1'];
    for (const flags of [[], ['--json'], ['--quiet']]) {
      const environment = { HF_ENDPOINT: hub.endpoint, HF_HOME: await makeTemporaryFolder() };
      let time = 0;
      const { exitCode, stderr } = await ask([...argv, ...flags], { environment, now: () => (time += 10_000) });
      expect(exitCode).toBe(0);
      if (flags.length === 0) expect(stderr).toMatch(/^downloading model\.safetensors \d\/1 MB/m);
      else expect(stderr).toBe('');
    }
  });

  it('says what an adapter, a key or a model lacks', async () => {
    const onHosted = await ask(['openai:tiny', 'Hello?', '--adapter', adapter], {
      environment: { OPENAI_API_KEY: 'sk-test' },
    });
    expect(onHosted).toMatchObject({ exitCode: 2, stdout: '' });
    expect(onHosted.stderr).toContain('cannot be given the adapter');
    const withoutKey = await ask(['openai:tiny', 'Hello?', '--json']);
    expect(withoutKey.exitCode).toBe(5);
    expect(JSON.parse(withoutKey.stderr)).toMatchObject({ error: { code: 'provider-unauthorized', exitCode: 5 } });
    const local = 'for a local server that wants none';
    expect(withoutKey.stderr).toContain(local);
    for (const there of ['openrouter:a/b', 'tinker:Qwen/Qwen3-8B']) {
      const { stderr } = await ask([there, 'Hello?']);
      expect(stderr).toContain('error provider-unauthorized');
      expect(stderr).not.toContain(local);
    }
    expect((await ask(['organsm:1', 'Hello?'])).stderr).toContain('Did you mean organism:1?');
    expect((await ask(['./nowhere', 'Hello?'])).stderr).toMatch(/^error checkpoint-missing: /);
    const offline = await ask(['hf:owner/name', 'Hello?'], {
      environment: { HF_HUB_OFFLINE: '1', HF_HOME: join(model, 'nothing') },
    });
    expect(offline.exitCode).toBe(5);
  });
});
