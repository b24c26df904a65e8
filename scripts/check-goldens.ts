import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { createResidualReader } from '../src/engine/activations/read-residuals.js';
import { readAdapter } from '../src/engine/checkpoint/read-adapter.js';
import { readCheckpoint, type Checkpoint } from '../src/engine/checkpoint/read-checkpoint.js';
import { createDecodeRunner } from '../src/engine/sample/decode-runner.js';
import { readLogits } from '../src/engine/sample/read-logits.js';
import { sampleAnswers } from '../src/engine/sample/sample-answers.js';
import { fineTune } from '../src/engine/train/fine-tune.js';
import { parseRecipe } from '../src/engine/train/recipe.js';
import { parametersFromAdapter } from '../src/engine/train/trained-parameters.js';
import type { TrainingLogEntry } from '../src/engine/train/training-log.js';
import { DriftlineError } from '../src/foundation/driftline-error.js';

/**
 * Compares the engine with reference values of transformers, PEFT and PyTorch: `npm run --silent check:goldens -- DIR...`.
 * Each folder is a checkpoint with reference.json, adapter_init/ and adapter_final/; one JSON line a folder comes out.
 */

const threads = availableParallelism();

const array = z.object({ shape: z.array(z.int()), dtype: z.literal('float32'), data: z.base64() });
const step = z.object({ loss: z.number(), grad_norm: z.number(), lr: z.number() });
const training = z.object({ lr: z.number(), weight_decay: z.number(), clip: z.number(), steps: z.array(step) });
const referenceSchema = z.object({
  input_ids: z.array(z.array(z.int())),
  attention_mask: z.array(z.array(z.int())),
  loss_mask: z.array(z.array(z.int())),
  logits: array,
  hidden: array,
  greedy_prompt: z.array(z.int()),
  greedy: z.array(z.int()),
  lora: training,
  full: training,
});
type Reference = z.output<typeof referenceSchema>;

/**
 * Largest errors allowed. Outputs are measured against the largest absolute value of the reference, losses and norms
 * against themselves.
 */
const limits = { outputs: 1e-5, loss: 2e-5, gradientNorm: 5e-4, adapter: 5e-4 };

async function checkFolder(folder: string): Promise<{ ok: boolean } & Record<string, unknown>> {
  const base = await readCheckpoint(folder);
  const reference = await readReference(folder);
  const logits = await compareLogits(base, reference);
  const hidden = await compareHidden(base, reference);
  const greedy = await continueGreedily(base, reference);
  const lora = await trainAdapter(base, reference);
  const full = await trainEverything(base, reference);
  const greedyEqual = greedy.join() === reference.greedy.join();
  const loss = Math.max(lora.loss, full.loss);
  const gradientNorm = Math.max(lora.gradientNorm, full.gradientNorm);
  const ok =
    logits.error <= limits.outputs * logits.scale &&
    hidden.error <= limits.outputs * hidden.scale &&
    greedyEqual &&
    loss <= limits.loss &&
    gradientNorm <= limits.gradientNorm &&
    lora.adapter <= limits.adapter;
  return {
    folder,
    ok,
    logits_max_abs_error: logits.error,
    logits_scale: logits.scale,
    hidden_max_abs_error: hidden.error,
    hidden_scale: hidden.scale,
    greedy_equal: greedyEqual,
    lora_loss_max_rel_error: lora.loss,
    lora_grad_norm_max_rel_error: lora.gradientNorm,
    full_loss_max_rel_error: full.loss,
    full_grad_norm_max_rel_error: full.gradientNorm,
    adapter_max_abs_error: lora.adapter,
  };
}

async function readReference(folder: string): Promise<Reference> {
  const path = join(folder, 'reference.json');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new DriftlineError({
      code: 'checkpoint-missing',
      message: `${path} cannot be read`,
      hint: 'Name a folder that holds reference values.',
      cause,
    });
  });
  return referenceSchema.parse(JSON.parse(text));
}

/** The reference's rows without their padding. */
function rowsOf(reference: Reference): { ids: number[]; weights: number[] }[] {
  return reference.input_ids.map((ids, row) => {
    const length = (reference.attention_mask[row] ?? []).reduce((sum, bit) => sum + bit, 0);
    return { ids: ids.slice(0, length), weights: (reference.loss_mask[row] ?? []).slice(0, length) };
  });
}

async function compareLogits(base: Checkpoint, reference: Reference): Promise<Difference> {
  const expected = decode(reference.logits);
  const length = reference.logits.shape[1] ?? 0;
  const difference = new Difference();
  const runner = await createDecodeRunner(base.config, base.weights, {}, threads);
  for (const [row, { ids }] of rowsOf(reference).entries()) {
    const { data } = await readLogits(base.config, runner, ids);
    difference.add(data, expected.subarray(row * length * base.config.vocabulary));
  }
  await runner.release();
  return difference;
}

async function compareHidden(base: Checkpoint, reference: Reference): Promise<Difference> {
  const expected = decode(reference.hidden);
  const [, batch = 0, length = 0, width = 0] = reference.hidden.shape;
  const layers = Array.from({ length: base.config.layers + 1 }, (_, layer) => layer);
  const reader = await createResidualReader({ config: base.config, weights: base.weights, layers, threads });
  const difference = new Difference();
  for (const [row, { ids }] of rowsOf(reference).entries()) {
    const residuals = await reader.read({ ids, promptLength: ids.length }, 'every');
    residuals.forEach(({ data }, layer) => {
      // transformers' last entry has the final norm applied; ours has not.
      const found = layer === base.config.layers ? applyFinalNorm(base, data) : data;
      difference.add(found, expected.subarray((layer * batch + row) * length * width));
    });
  }
  await reader.release();
  return difference;
}

function applyFinalNorm({ config, weights }: Checkpoint, residual: Float32Array): Float32Array {
  const weight = weights.get('model.norm.weight')?.data ?? new Float32Array();
  const result = new Float32Array(residual.length);
  for (let start = 0; start < residual.length; start += config.width) {
    const row = residual.subarray(start, start + config.width);
    const squares = row.reduce((sum, element) => sum + element * element, 0);
    const inverse = 1 / Math.sqrt(squares / config.width + config.normEpsilon);
    row.forEach((element, channel) => {
      result[start + channel] = element * inverse * (weight[channel] ?? 0);
    });
  }
  return result;
}

async function continueGreedily(base: Checkpoint, reference: Reference): Promise<number[]> {
  const runner = await createDecodeRunner(base.config, base.weights, {}, threads);
  const request = {
    prompt: reference.greedy_prompt,
    seed: 0,
    temperature: 0,
    maximumTokens: reference.greedy.length,
    stopTokens: [],
  };
  const ids: number[] = [];
  for await (const answer of sampleAnswers(base.config, runner, [request], { editedPrompts: true }))
    ids.push(...answer.ids);
  await runner.release();
  return ids;
}

interface TrainingErrors {
  readonly loss: number;
  readonly gradientNorm: number;
}

async function trainAdapter(base: Checkpoint, reference: Reference): Promise<TrainingErrors & { adapter: number }> {
  const initial = await readAdapter(join(base.folder, 'adapter_init'), base.config);
  const final = parametersFromAdapter(await readAdapter(join(base.folder, 'adapter_final'), base.config));
  const { rank, alpha, rslora, targets, layers } = initial.settings;
  const recipe = { method: 'lora', rank, alpha, rslora, targets, layers };
  const { errors, parameters } = await train(base, reference, reference.lora, recipe, { startFrom: initial });
  const difference = new Difference();
  for (const [name, { data }] of final) difference.add(parameters.get(name)?.data ?? new Float32Array([NaN]), data);
  return { ...errors, adapter: difference.error };
}

async function trainEverything(base: Checkpoint, reference: Reference): Promise<TrainingErrors> {
  return (await train(base, reference, reference.full, { method: 'full' }, {})).errors;
}

async function train(
  base: Checkpoint,
  reference: Reference,
  expected: z.output<typeof training>,
  method: Record<string, unknown>,
  start: Pick<Parameters<typeof fineTune>[0], 'startFrom'>,
): Promise<{ errors: TrainingErrors; parameters: Awaited<ReturnType<typeof fineTune>>['parameters'] }> {
  const rows = rowsOf(reference);
  const recipe = parseRecipe({
    ...method,
    learning_rate: expected.lr,
    weight_decay: expected.weight_decay,
    max_grad_norm: expected.clip,
    warmup_steps: 5,
    batch_size: rows.length,
    accumulation: 1,
    epochs: expected.steps.length,
    shuffle: false,
  });
  const folder = await mkdtemp(join(tmpdir(), 'driftline-goldens-'));
  try {
    const log: TrainingLogEntry[] = [];
    const { parameters } = await fineTune({
      base,
      recipe,
      rows,
      folder,
      threads,
      ...start,
      onStep: (entry) => log.push(entry),
    });
    const relative = (found: number | undefined, wanted: number): number => Math.abs((found ?? NaN) - wanted) / wanted;
    const errors = {
      loss: Math.max(...expected.steps.map(({ loss }, index) => relative(log[index]?.loss, loss))),
      gradientNorm: Math.max(
        ...expected.steps.map(({ grad_norm }, index) => relative(log[index]?.grad_norm, grad_norm)),
      ),
    };
    return { errors, parameters };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function decode({ data }: z.output<typeof array>): Float32Array {
  const bytes = Buffer.from(data, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Largest absolute difference, and largest absolute value of the reference, over all that was added. NaN stays NaN. */
class Difference {
  error = 0;
  scale = 0;

  add(found: Float32Array, expected: Float32Array): void {
    found.forEach((value, position) => {
      const wanted = expected[position] ?? NaN;
      this.error = Math.max(this.error, Math.abs(value - wanted));
      this.scale = Math.max(this.scale, Math.abs(wanted));
    });
  }
}

if (process.argv.length < 3) {
  console.error('Name the folders to check: npm run --silent check:goldens -- DIR...');
  process.exit(2);
}
let exitCode = 0;
for (const folder of process.argv.slice(2)) {
  try {
    const result = await checkFolder(folder);
    if (!result.ok) exitCode = Math.max(exitCode, 1);
    console.log(JSON.stringify(result));
  } catch (error) {
    if (!DriftlineError.isInstance(error)) throw error;
    exitCode = Math.max(exitCode, error.exitCode);
    console.log(JSON.stringify({ folder, ok: false, code: error.code, message: error.message, hint: error.hint }));
  }
}
process.exit(exitCode);
