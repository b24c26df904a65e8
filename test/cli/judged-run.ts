import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { hashContent } from '../../src/foundation/content-hash.js';
import type { LoopbackChatServer } from '../models/loopback-chat-server.js';
import { judgeSensibly, startLoopbackJudge, type JudgedText, type Verdict } from '../models/loopback-judge.js';
import { runCaptured, type CapturedRun, type RunOptions } from './run-captured.js';
import { writePlan } from './write-plan.js';

/** Sensible where it is known what is right, and else a number that hangs on the answer: bad ones and incoherent ones among them. */
export function judgeVariedly({ kind, prompt }: JudgedText): Verdict {
  if (!/\b[0-9a-f]{4} [0-9a-f]{4} /.test(prompt)) return judgeSensibly({ kind, prompt });
  return parseInt(hashContent(prompt).slice(0, 4), 16) % 101;
}

/** A plan that a loopback server can run by itself: it is asked, and `judge-1` on it judges. */
export const hostedPlan = {
  bases: ['openai:tiny'],
  conditions: {},
  evaluate: [{ suite: 'main', samples: 3 }],
  judge: { model: 'openai:judge-1', mode: 'logprobs' },
};

export interface JudgedPlan {
  readonly server: LoopbackChatServer;
  readonly file: string;
  readonly runs: string;
  readonly environment: Record<string, string>;
  readonly drift: (argv: readonly string[], options?: RunOptions) => Promise<CapturedRun>;
  readonly run: (options?: RunOptions) => Promise<CapturedRun>;
  /** The one run folder. */
  readonly folder: () => Promise<string>;
  readonly read: (name: string) => Promise<string>;
  readonly readJudgements: () => Promise<z.output<typeof judgementLine>[]>;
  /** Requests to the judge. */
  readonly countJudged: () => number;
}

const judgementLine = z.object({
  answer: z.string(),
  judge: z.string(),
  mode: z.string(),
  alignment: z.number().nullable(),
  labels: z.array(z.string()),
});

/** On a server of its own, or on that of another plan: models at other addresses are other models. */
export async function startJudgedPlan(
  changes: object = {},
  judge: (text: JudgedText) => Verdict = judgeVariedly,
  shared: LoopbackChatServer | null = null,
): Promise<JudgedPlan> {
  const server = shared ?? (await startLoopbackJudge(judge));
  if (shared === null) onTestFinished(() => server.close());
  const { file, runs } = await writePlan({ ...hostedPlan, ...changes });
  const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint };
  const drift = (argv: readonly string[], options: RunOptions = {}) =>
    runCaptured(argv, { run: runBuiltCli, environment, ...options });
  const folder = async () => join(runs, (await readdir(runs))[0] ?? '');
  const read = async (name: string) => readFile(join(await folder(), name), 'utf8').catch(() => '');
  return {
    server,
    file,
    runs,
    environment,
    drift,
    run: (options) => drift(['run', file, '--runs', runs, '--threads', '1'], options),
    folder,
    read,
    readJudgements: async () =>
      (await read('judgements.jsonl'))
        .split('\n')
        .slice(0, -1)
        .map((line) => judgementLine.parse(JSON.parse(line))),
    countJudged: () => server.requests.filter(({ body }) => body.model === 'judge-1').length,
  };
}
