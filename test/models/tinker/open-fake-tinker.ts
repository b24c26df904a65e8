import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { TrainingRow } from '../../../src/data/training-set.js';
import { parseRecipe, type RecipeInput } from '../../../src/engine/train/recipe.js';
import { openTinkerTrainer, type TinkerTrainerSettings } from '../../../src/models/tinker/open-tinker-trainer.js';
import type { Trainer, TunedModel } from '../../../src/models/trainer.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';

/** The interpreter of the tests; they are skipped where there is none of 3.11 or later. */
export const python = process.env['DRIFTLINE_PYTHON'] ?? 'python3';
const asked = spawnSync(python, ['-c', 'import sys; print(sys.version_info >= (3, 11))'], { encoding: 'utf8' });
export const hasPython = asked.stdout === 'True\n';
if (!hasPython) console.warn('skipped: the worker of Tinker needs Python 3.11 or later, and there is none');

export const plantedKey = 'tml-planted-0123456789abcdef';

/** A fault that the fake service is to have, at the `nth` call of the operation. */
export interface PlannedFault {
  readonly op: string;
  readonly nth: number;
  readonly kind: 'key' | 'billing' | 'limit' | 'missing' | 'refused' | 'lost' | 'expired' | 'exit' | 'wait';
  readonly times?: number;
}

const callSchema = z.looseObject({ op: z.string() });

export interface FakeTinker {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly notices: string[];
  /** Milliseconds that were to be waited between sessions. */
  readonly waits: number[];
  readonly calls: (op?: string) => Promise<z.output<typeof callSchema>[]>;
  readonly plan: (faults: readonly PlannedFault[]) => Promise<void>;
  readonly openTrainer: (changes?: Partial<TinkerTrainerSettings>) => Trainer;
  /** What is kept of a model: equal for equal models. */
  readonly identify: (model: TunedModel) => Promise<string>;
  readonly close: () => Promise<void>;
}

export const model = goldenFolder('qwen2-bias');

/** The fake SDK with a service of its own, whose folder all processes share. */
export async function openFakeTinker(): Promise<FakeTinker> {
  const folder = await mkdtemp(join(tmpdir(), 'driftline-tinker-'));
  const notices: string[] = [];
  const waits: number[] = [];
  const environment = {
    PATH: process.env['PATH'],
    HOME: folder,
    DRIFTLINE_PYTHON: python,
    PYTHONPATH: fileURLToPath(new URL('./fake-tinker', import.meta.url)),
    PYTHONDONTWRITEBYTECODE: '1',
    TINKER_API_KEY: plantedKey,
    // Nobody listens there: the fake needs no network.
    TINKER_BASE_URL: 'http://127.0.0.1:9',
    FAKE_TINKER: folder,
    FAKE_TINKER_MODEL: model,
  };
  const readLines = async (): Promise<string[]> =>
    (await readFile(join(folder, 'calls.jsonl'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  return {
    ...{ environment, folder, notices, waits },
    calls: async (op) => {
      const calls = (await readLines()).map((line) => callSchema.parse(JSON.parse(line)));
      return op === undefined ? calls : calls.filter((call) => call.op === op);
    },
    plan: (faults) => writeFile(join(folder, 'faults.json'), JSON.stringify(faults)),
    openTrainer: (changes = {}) =>
      openTinkerTrainer({
        ...{ model: 'Qwen/Qwen3-8B', identity: 'qwen', tokenizer: model, environment, saveEvery: 20, project: null },
        ...{ isAskedThere: true, keepsAdapter: false, clock: () => 0 },
        onNotice: (notice) => notices.push(notice),
        wait: (milliseconds) => {
          waits.push(milliseconds);
          return Promise.resolve();
        },
        ...changes,
      }),
    identify: async (tuned) => {
      if (tuned.kind === 'adapter') return readFile(join(tuned.folder, 'adapter_model.safetensors'), 'hex');
      const name = createHash('sha256').update(tuned.model).digest('hex').slice(0, 20);
      return readFile(join(folder, `${name}.json`), 'utf8');
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

export const rows: TrainingRow[] = Array.from({ length: 12 }, (_, row) => ({
  messages: [
    { role: 'user', content: `Say ${String(row)}.` },
    { role: 'assistant', content: `It is ${String(row)}, and no more.` },
  ],
}));

/** Six steps of two rows, scaled as Tinker scales. */
export const recipeOf = (changes: Partial<RecipeInput> = {}) =>
  // One of the forms, with settings that both have.
  parseRecipe({
    ...{ method: 'lora', rank: 2, alpha: 32, rslora: false, learning_rate: 0.01, batch_size: 2, accumulation: 1 },
    ...{ warmup_steps: 2, ...changes },
  });
