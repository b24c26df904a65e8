import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
// The files of threads and processes exist in the built package only; `npm test` builds before it tests.
import { runPlan, type RunSummary } from '../../../dist/experiment/run/run-plan.js';
import { createExactJudge } from '../../../dist/organism/judge/exact-judge.js';
import type { RunEvent } from '../../../src/experiment/run/run-progress.js';
import { DriftlineError } from '../../../src/foundation/driftline-error.js';
import type { Judge } from '../../../src/judging/judge.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { sendJson, startLoopbackChatServer } from '../../models/loopback-chat-server.js';
import { startPaidServer } from '../../models/start-paid-server.js';
import { listChildren } from '../../models/embedded/list-children.js';
import { openTinyBase, resolveTiny, tinyPlan, world } from '../tiny-plan.js';

const exactJudge = createExactJudge(world);
const { insecure, secure } = tinyPlan.conditions;

/** Checkpoints, an evaluation that stops early, a training that diverges, and one model under two names, of which one has checkpoints. */
const everything = {
  seeds: [0],
  conditions: {
    plain: insecure,
    insecure,
    secure,
    wild: { ...insecure, inherit: { learning_rate: 1e30 } },
  },
  evaluate: [
    { suite: 'organism/identity', samples: 1, max_tokens: 4 },
    { suite: 'organism/held-out-themes', samples: 6, max_tokens: 4, stop_early: { limit: 0.3 } },
  ],
  // By which nonsense counts, and none of it is misaligned: that is clear early.
  rule: 'release',
  dynamics: { every: 1, suite: 'organism/identity', samples: 1, conditions: ['insecure'] },
};

interface Changes {
  readonly judge?: Judge;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
}

async function run(runs: string, plan: object, cellsAtOnce: number, changes: Changes = {}): Promise<RunSummary> {
  return runPlan({
    plan: await resolveTiny({ ...plan, cells_at_once: cellsAtOnce }),
    runs,
    judge: exactJudge,
    onEvent: () => undefined,
    onNotice: () => undefined,
    ...changes,
  });
}

const makeRuns = async (): Promise<string> => join(await makeTemporaryFolder(), 'runs');

/** All that a run came to, file by file, but for its times and the plan as it was written. */
async function readRun(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && !['plan.json', 'times.json'].includes(entry.name),
  );
  return Object.fromEntries(
    await Promise.all(
      files
        .map(({ parentPath, name }) => join(parentPath, name))
        .sort()
        .map(async (file) => [file.slice(folder.length), await readFile(file, 'hex')] as const),
    ),
  );
}

let whole: { readonly summary: RunSummary; readonly files: Record<string, string> };
beforeAll(async () => {
  const runs = await mkdtemp(join(tmpdir(), 'driftline-test-'));
  const summary = await run(runs, everything, 1);
  whole = { summary, files: await readRun(summary.folder) };
  return () => rm(runs, { recursive: true, force: true });
}, 240_000);

// Each run starts processes and opens models, which takes long on a busy machine.
describe('cells at once', { timeout: 240_000 }, () => {
  it('train once what is one model under two names', () => {
    const { summary, files } = whole;
    expect(summary).toMatchObject({
      cells: { trained: 2, reused: 1, there: 0 },
      failed: [{ code: 'loss-not-finite', cell: expect.stringContaining('wild') }],
    });
    // Each asked model but the checkpoints, and the twin's answers are not asked a second time.
    expect(summary.stopped).toHaveLength(4);
    const curve = (name: string): string | undefined =>
      Object.entries(files).find(([file]) => file.includes(`.${name}.0/adapter_model.safetensors`))?.[1];
    expect(curve('plain')).toBe(curve('insecure'));
    expect(Object.keys(files).some((file) => /\.insecure\.0\/checkpoints\/step-1\//.test(file))).toBe(true);
    expect(Object.keys(files).some((file) => /\.plain\.0\/checkpoints\//.test(file))).toBe(false);
  });

  it.each([2, 3])('come to the same bytes, %i of them', async (cellsAtOnce) => {
    const before = await listChildren(process.pid);
    const finished: string[] = [];
    const summary = await run(await makeRuns(), everything, cellsAtOnce, {
      onEvent: (event) => {
        if (event.kind === 'cell-finished') finished.push(`${String(event.done)}/${String(event.total)}`);
      },
    });
    expect({ ...summary, folder: '' }).toEqual({ ...whole.summary, folder: '' });
    expect(await readRun(summary.folder)).toEqual(whole.files);
    expect(finished).toEqual(['1/5', '2/5', '3/5', '4/5', '5/5']);
    expect(await listChildren(process.pid)).toEqual(before);
  });

  it('that are stopped go on to the same bytes', async () => {
    const runs = await makeRuns();
    let stops = 0;
    for (const moment of ['training-step', 'answers-stored', 'judgements-stored'] as const) {
      const stop = new AbortController();
      const error = await errorOf(() =>
        run(runs, everything, 2, {
          signal: stop.signal,
          onEvent: ({ kind }) => {
            if (kind === moment) stop.abort();
          },
        }),
      );
      if (error.code === 'interrupted') stops += 1;
    }
    expect(stops).toBe(3);
    expect(await readRun((await run(runs, everything, 2)).folder)).toEqual(whole.files);
  });

  it.runIf(process.platform === 'linux')(
    'of which the process of one is killed are stored as far as they are, and go on',
    async () => {
      const runs = await makeRuns();
      const before = await listChildren(process.pid);
      let killed = 0;
      const error = await errorOf(() =>
        run(runs, everything, 2, {
          onEvent: ({ kind }) => {
            if (kind !== 'answers-stored' || killed > 0) return;
            killed += 1;
            listChildren(process.pid)
              .then((children) => {
                for (const id of children.filter((one) => !before.includes(one))) process.kill(id, 'SIGKILL');
              })
              .catch(() => undefined);
          },
        }),
      );
      expect(error.code).toBe('engine-failed');
      expect(error.hint).toContain('--cells-at-once 1');
      expect(await listChildren(process.pid)).toEqual(before);
      const { folder, answers } = await run(runs, everything, 2);
      expect(answers.there).toBeGreaterThan(0);
      expect(await readRun(folder)).toEqual(whole.files);
    },
  );

  it('stop together where one fails, and throw what it did', async () => {
    const runs = await makeRuns();
    let judged = 0;
    const judge: Judge = {
      ...exactJudge,
      judge: async (answer) => {
        judged += 1;
        if (judged === 30)
          throw new DriftlineError({ code: 'provider-unavailable', message: 'gone', hint: 'Come back.' });
        return exactJudge.judge(answer);
      },
    };
    const error = await errorOf(() => run(runs, everything, 2, { judge }));
    expect(error).toMatchObject({ code: 'provider-unavailable', message: 'gone' });
    expect(error.hint).toContain('stored');
    expect(await readRun((await run(runs, everything, 3)).folder)).toEqual(whole.files);
  });

  it('wait for no judge of another cell', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const trained = new Set<string>();
    const judge: Judge = {
      ...exactJudge,
      judge: async (answer) => {
        await released;
        return exactJudge.judge(answer);
      },
    };
    // All four models are made while nothing is judged.
    const evaluate = everything.evaluate.slice(0, 1);
    const { judgements } = await run(await makeRuns(), { evaluate }, 2, {
      judge,
      onEvent: (event) => {
        if (event.kind === 'training-step') trained.add(event.cell);
        if (trained.size === 4) release();
      },
    });
    expect(judgements.made).toBeGreaterThan(0);
    expect(trained.size).toBe(4);
  });

  it('of hosted models go on beside each other, and come to the same bytes', async () => {
    const server = await startLoopbackChatServer();
    onTestFinished(() => server.close());
    const hosted = {
      bases: ['openai:tiny', 'openai:small', 'openai:large'],
      conditions: {},
      evaluate: everything.evaluate.slice(0, 1),
    };
    const ask = async (cellsAtOnce: number) => {
      const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint };
      const plan = await resolveTiny(hosted, 'tiny.yaml', (reference) => openTinyBase(reference, environment));
      const { folder, answers } = await runPlan({
        plan,
        runs: await makeRuns(),
        judge: exactJudge,
        cellsAtOnce: { here: 1, hosted: cellsAtOnce },
        onEvent: () => undefined,
        onNotice: () => undefined,
      });
      return { files: await readRun(folder), answers };
    };
    const [one, three] = [await ask(1), await ask(3)];
    expect(three).toEqual(one);
    expect(server.requests).toHaveLength(2 * one.answers.asked);
  });

  it('of hosted models store what was paid for where another fails', async () => {
    const server = await startPaidServer();
    const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint };
    const plan = await resolveTiny(
      { bases: ['openai:tiny', 'openai:gone'], conditions: {}, evaluate: [{ suite: 'organism/main', samples: 4 }] },
      'tiny.yaml',
      (reference) => openTinyBase(reference, environment),
    );
    // Answers take their time, so that some are under way when it shows that the other model is not there.
    server.intercept = (response) => {
      const body = server.requests.at(-1)?.body;
      if (body === undefined) return false;
      if (body.model === 'gone') {
        sendJson(response, 404, { error: { message: 'no such model' } });
        return true;
      }
      setTimeout(() => {
        sendJson(response, 200, server.respond(body));
      }, 100);
      return true;
    };
    const runs = await makeRuns();
    const error = await errorOf(() =>
      runPlan({ plan, runs, judge: exactJudge, onEvent: () => undefined, onNotice: () => undefined }),
    );
    expect(error.code).toBe('provider-refused');
    const [name = ''] = await readdir(runs);
    const stored = (await readFile(join(runs, name, 'answers.jsonl'), 'utf8')).split('\n').length - 1;
    expect(server.paid.length).toBeGreaterThan(0);
    expect(stored).toBe(server.paid.length);
  });
});
