import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';

/** A base whose fine-tunes these folders have. */
export const watchedBase = goldenFolder('qwen2-bias');

/** What a trainer writes of a checkpoint, in the order in which it writes it. */
export interface TrainerLayout {
  readonly trainer: string;
  /** The folder of a checkpoint. */
  readonly name: (step: number) => string;
  readonly kind: 'adapter' | 'model';
  /** Files by their names; of weights, those of the golden model. */
  readonly files: (step: number) => readonly (readonly [file: string, content: string | { readonly copy: string }])[];
}

const adapter = (step: number): string => join(watchedBase, step === 1 ? 'adapter_init' : 'adapter_final');
const copyOf = (folder: string, file: string) => [file, { copy: join(folder, file) }] as const;

/** What transformers' trainer writes last. */
const stateOf = (step: number, steps = 1000): readonly [string, string] => [
  'trainer_state.json',
  JSON.stringify({ global_step: step, max_steps: steps, epoch: 0.1, log_history: [] }),
];

const adapterByTransformers = (step: number, extra: readonly (readonly [string, string])[] = []) => [
  ['README.md', 'An adapter.'] as const,
  copyOf(adapter(step), 'adapter_model.safetensors'),
  copyOf(adapter(step), 'adapter_config.json'),
  ...extra,
  ['optimizer.pt', 'pickled'] as const,
  ['scheduler.pt', 'pickled'] as const,
  ['rng_state.pth', 'pickled'] as const,
  stateOf(step),
  ['training_args.bin', 'pickled'] as const,
];

const modelFiles = [
  ...['config.json', 'generation_config.json', 'model.safetensors'],
  ...['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'],
];

export const layouts: readonly TrainerLayout[] = [
  {
    trainer: 'TRL, an adapter',
    ...{ name: (step) => `checkpoint-${String(step)}`, kind: 'adapter', files: (step) => adapterByTransformers(step) },
  },
  {
    trainer: 'TRL, a whole model',
    ...{ name: (step) => `checkpoint-${String(step)}`, kind: 'model' },
    files: (step) => [
      ...modelFiles.map((file) => copyOf(watchedBase, file)),
      ['optimizer.pt', 'pickled'],
      stateOf(step),
    ],
  },
  {
    trainer: 'Axolotl',
    ...{ name: (step) => `checkpoint-${String(step)}`, kind: 'adapter' },
    files: (step) => adapterByTransformers(step, [['tokens_state.json', '{}']]),
  },
  {
    trainer: 'Unsloth',
    ...{ name: (step) => `checkpoint-${String(step)}`, kind: 'adapter' },
    files: (step) => adapterByTransformers(step, [['special_tokens_map.json', '{}']]),
  },
  {
    trainer: 'torchtune, LoRA',
    ...{ name: (step) => `epoch_${String(step)}`, kind: 'adapter' },
    // The merged model first, then the adapter in two forms.
    files: (step) => [
      ['model-00001-of-00001.safetensors', { copy: join(watchedBase, 'model.safetensors') }],
      ['adapter_model.pt', 'pickled'],
      copyOf(adapter(step), 'adapter_model.safetensors'),
      copyOf(adapter(step), 'adapter_config.json'),
    ],
  },
  {
    trainer: 'driftline',
    ...{ name: (step) => `checkpoints/step-${String(step)}`, kind: 'adapter' },
    files: (step) => [
      copyOf(adapter(step), 'adapter_model.safetensors'),
      copyOf(adapter(step), 'adapter_config.json'),
      ['optimizer.safetensors', { copy: join(adapter(step), 'adapter_model.safetensors') }],
      ['state.json', JSON.stringify({ version: 1, fingerprint: 'mine', step })],
    ],
  },
];

/** Writes the first `files` files of a checkpoint, all if not given; the last of these only up to some bytes. */
export async function writeCheckpointFiles(
  folder: string,
  { name, files }: TrainerLayout,
  step: number,
  { upTo, bytes }: { readonly upTo?: number; readonly bytes?: number } = {},
): Promise<string> {
  const place = join(folder, name(step));
  await mkdir(place, { recursive: true });
  const written = files(step).slice(0, upTo);
  for (const [file, content] of written) {
    const path = join(place, file);
    await mkdir(dirname(path), { recursive: true });
    if (typeof content === 'string') await writeFile(path, content);
    else await cp(content.copy, path);
  }
  const last = written.at(-1);
  if (bytes !== undefined && last !== undefined) await truncate(join(place, last[0]), bytes);
  return place;
}

/** Says that the training is over, as transformers' trainer does in its last checkpoint. */
export async function finishTraining(checkpoint: string, step: number): Promise<void> {
  await writeFile(join(checkpoint, 'trainer_state.json'), stateOf(step, step)[1]);
}

/** The weights in files of their own, with an index that names them: as large models are written. */
export async function divideModel(folder: string): Promise<void> {
  const file = join(folder, 'model.safetensors');
  const bytes = await readFile(file);
  const length = Number(bytes.readBigUInt64LE(0));
  // The cast says what a header of safetensors is.
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<string, unknown>;
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  await writeFile(join(folder, 'model-00001-of-00001.safetensors'), bytes);
  await rm(file);
  const map = Object.fromEntries(names.map((name) => [name, 'model-00001-of-00001.safetensors']));
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
}
