import { requireObject, requireText } from '../../foundation/require-arguments.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatMemory } from '../../foundation/format-quantities.js';
import { parseAdapterConfig, type AdapterConfig } from './adapter-config.js';
import { adapterConfigFileName, adapterWeightsFileName, findAdapterFiles, refuseAdapter } from './adapter-files.js';
import {
  loraScale,
  loraTensorName,
  parseLoraTensorName,
  type Adapter,
  type LoraPair,
  type LoraSettings,
} from './adapter.js';
import { projectionModule } from './decoder-tensors.js';
import { requireDecoderConfig, type DecoderConfig } from './decoder-config.js';
import { countElements } from './float-tensor.js';
import { createModuleSelector, listDecoderModules } from './module-selection.js';
import { requireEffect } from './require-effect.js';
import { projections, projectionShape, type Projection } from './projection.js';
import { readJsonObject } from './read-json-object.js';
import { openSafetensors, requireFloats, type SafetensorsFile } from './read-safetensors.js';

interface ReadAdapterOptions {
  readonly signal?: AbortSignal;
}

/** Reads an adapter folder in PEFT's layout and checks it against the base model that it is to be attached to. */
export async function readAdapter(
  folder: string,
  base: DecoderConfig,
  options: ReadAdapterOptions = {},
): Promise<Adapter> {
  requireText(folder, 'folder');
  requireDecoderConfig(base, 'base (checkpoint.config of the model that the adapter is for)');
  requireObject(options, 'options');
  const { settings, file } = await openAdapter(folder, base);
  try {
    const pairs: LoraPair[] = [];
    for (const layer of settings.layers)
      for (const projection of settings.targets) {
        const a = await file.readTensor(loraTensorName(layer, projection, 'A'), options);
        pairs.push({ layer, projection, a, b: await file.readTensor(loraTensorName(layer, projection, 'B'), options) });
      }
    return { settings, pairs };
  } finally {
    await file.close();
  }
}

/** What an adapter's folder says of itself. */
export interface AdapterSummary {
  /** What it was trained on, as whoever made it called that; null where it does not say. */
  readonly madeFor: string | null;
  readonly settings: LoraSettings;
  /** Of its matrices in memory. */
  readonly bytes: number;
}

/**
 * All checks of `readAdapter`, and that the adapter is one that somebody trained: its numbers are finite, and it changes something. Weights
 * are read one matrix at a time, after all other checks.
 */
export async function inspectAdapter(
  folder: string,
  base: DecoderConfig,
  options: ReadAdapterOptions = {},
): Promise<AdapterSummary> {
  const { madeFor, settings, bytes, file } = await openAdapter(folder, base);
  try {
    await requireEffect(folder, file, { scale: loraScale(settings), ...options });
  } finally {
    await file.close();
  }
  return { madeFor, settings, bytes };
}

interface OpenedAdapter extends AdapterSummary {
  readonly file: SafetensorsFile;
}

async function openAdapter(folder: string, base: DecoderConfig): Promise<OpenedAdapter> {
  const files = await findAdapterFiles(folder);
  const config = parseAdapterConfig(await readJsonObject(files.config, 'adapter-invalid'), files.config);
  checkRank(folder, config, base);
  const file = await openSafetensors(files.weights, 'adapter-invalid').catch((cause: unknown) => {
    throw explainSize(folder, files.size, config, base) ?? cause;
  });
  try {
    const halves = collectHalves(folder, file);
    const { targets, layers } = coveredMatrices(folder, halves);
    checkAgainstConfig(folder, config, base, targets, layers);
    for (const layer of layers)
      for (const projection of targets) checkPair(folder, config, base, { layer, projection }, halves);
    const { rank, alpha, rslora } = config;
    const bytes = [...file.header.entries.values()].reduce(
      (sum, { shape }) => sum + floatBytes * countElements(shape),
      0,
    );
    return { madeFor: config.baseModel, settings: { rank, alpha, rslora, targets, layers }, bytes, file };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A low-rank update whose rank is above all widths of its matrices takes more numbers than the matrices themselves. */
function checkRank(folder: string, { rank }: AdapterConfig, base: DecoderConfig): void {
  const widest = Math.max(...projections.flatMap((projection) => projectionShape(base, projection)));
  if (rank <= widest) return;
  throw invalid(
    folder,
    `its rank is ${rank}, and no matrix of this base is wider than ${widest}`,
    'Check r in adapter_config.json, and which model the adapter was trained on.',
    { rank },
  );
}

const floatBytes = 4;

/** Why weights with a header that makes no sense are none: where they are larger than any of this rank can be; else null. */
function explainSize(
  folder: string,
  size: number,
  { rank }: AdapterConfig,
  base: DecoderConfig,
): DriftlineError | null {
  const widths = projections.flatMap((projection) => projectionShape(base, projection));
  const most = floatBytes * base.layers * rank * widths.reduce((sum, width) => sum + width, 0);
  if (size <= most + largestHeader) return null;
  return invalid(
    folder,
    `${adapterWeightsFileName} has ${formatMemory(size)}, and an adapter of rank ${rank} for this base has at most ${formatMemory(most)}: it is not read`,
    'Download or copy the adapter again, and compare its size with the source.',
    { size },
  );
}

/** Bytes of names and notes before the weights. */
const largestHeader = 2 ** 20;

interface Half {
  readonly layer: number;
  readonly projection: Projection;
  readonly shape: readonly number[];
}

function collectHalves(folder: string, { path, header }: SafetensorsFile): ReadonlyMap<string, Half> {
  const halves = new Map<string, Half>();
  for (const [name, { shape, type }] of header.entries) {
    const place = parseLoraTensorName(name);
    if (!place) {
      throw invalid(
        folder,
        `it adapts ${name}, and the engine adapts only ${projections.join(', ')} of decoder blocks`,
        'Use an adapter of these matrices, or merge this one into its base with PEFT.',
        { tensor: name },
      );
    }
    requireFloats({ path, damage: 'adapter-invalid' }, name, type);
    halves.set(name, { ...place, shape });
  }
  if (halves.size === 0) throw invalid(folder, 'it has no tensors', 'Download or copy the adapter again.');
  return halves;
}

/**
 * The projections and blocks that the adapter covers. Refuses an adapter that does not cover the same projections in
 * every block; the caller checks that both halves of each matrix are present.
 */
function coveredMatrices(
  folder: string,
  halves: ReadonlyMap<string, Half>,
): { readonly targets: readonly Projection[]; readonly layers: readonly number[] } {
  const found = [...halves.values()];
  const targets = projections.filter((projection) => found.some((half) => half.projection === projection));
  const layers = [...new Set(found.map((half) => half.layer))].sort((left, right) => left - right);
  for (const layer of layers) {
    const here = new Set(found.filter((half) => half.layer === layer).map((half) => half.projection));
    const absent = targets.find((projection) => !here.has(projection));
    if (absent !== undefined) {
      throw invalid(
        folder,
        `it adapts ${absent} in some blocks and not in block ${layer}`,
        'The engine needs the same matrices in every adapted block: download the adapter again, or merge it with PEFT.',
      );
    }
  }
  return { targets, layers };
}

/** What is applied must be what PEFT applies: the tensors are those of the modules that the configuration selects, no more and no fewer. */
function checkAgainstConfig(
  folder: string,
  config: AdapterConfig,
  base: DecoderConfig,
  targets: readonly Projection[],
  layers: readonly number[],
): void {
  const beyond = [...layers, ...(config.layers ?? [])].find((layer) => layer >= base.layers);
  if (beyond !== undefined) {
    throw mismatch(folder, config, `it adapts block ${beyond}, and this base has blocks 0 to ${base.layers - 1}`);
  }
  const keyAgainst = createModuleSelector(config);
  if (typeof keyAgainst !== 'function') {
    throw invalid(
      folder,
      `its ${keyAgainst.key} is a pattern that is not read: ${keyAgainst.problem}`,
      `List the matrices by name in ${keyAgainst.key} of ${adapterConfigFileName}: ["q_proj", "v_proj"].`,
    );
  }
  const adapted = new Set(layers.flatMap((layer) => targets.map((projection) => projectionModule(layer, projection))));
  for (const module of adapted) {
    const key = keyAgainst(module);
    if (key === null) continue;
    throw invalid(
      folder,
      `it has tensors for ${module}, which its ${key} leaves out: PEFT would not apply them`,
      `Correct ${key} in ${adapterConfigFileName}, or download or copy the adapter again.`,
      { module, key },
    );
  }
  const absent = listDecoderModules(base).filter((module) => keyAgainst(module) === null && !adapted.has(module));
  const [first] = absent;
  if (first === undefined) return;
  const isPart = layers.every((layer, index) => layer === index) && !absent.some((module) => isBelow(module, layers));
  if (isPart) throw mismatch(folder, config, `it adapts ${layers.length} blocks, and this base has ${base.layers}`);
  throw invalid(
    folder,
    `target_modules has ${first}, and there are no tensors for it`,
    'Download or copy the adapter again.',
    { module: first },
  );
}

/** Whether a module is of one of the blocks, or of none. */
function isBelow(module: string, layers: readonly number[]): boolean {
  const [, layer] = /^model\.layers\.(\d+)\./.exec(module) ?? [];
  return layer === undefined || layers.includes(Number(layer));
}

/** Both halves of a matrix are there, and of the shapes that rank and base ask for. */
function checkPair(
  folder: string,
  config: AdapterConfig,
  base: DecoderConfig,
  { layer, projection }: Pick<Half, 'layer' | 'projection'>,
  halves: ReadonlyMap<string, Half>,
): void {
  const [outWidth, inWidth] = projectionShape(base, projection);
  for (const half of ['A', 'B'] as const) {
    const name = loraTensorName(layer, projection, half);
    const found = halves.get(name)?.shape;
    if (found === undefined)
      throw invalid(folder, `tensor ${name} is missing`, 'Download or copy the adapter again.', { tensor: name });
    const expected = half === 'A' ? [config.rank, inWidth] : [outWidth, config.rank];
    if (found.join() === expected.join()) continue;
    const difference = `${name} has the shape [${found.join(', ')}], and [${expected.join(', ')}] is needed`;
    if (found.length !== 2 || found[half === 'A' ? 0 : 1] !== config.rank) {
      throw invalid(folder, `${difference}: ${adapterConfigFileName} says r ${config.rank}`, 'Copy it again.', {
        tensor: name,
      });
    }
    throw mismatch(folder, config, difference);
  }
}

function mismatch(folder: string, config: AdapterConfig, difference: string): DriftlineError {
  const madeFor = config.baseModel === null ? 'an unnamed base' : config.baseModel;
  return new DriftlineError({
    code: 'adapter-mismatch',
    message: `${folder} was made for another base model (${madeFor}): ${difference}`,
    hint: 'Load the adapter together with the model that it was trained on.',
    details: { folder, baseModel: config.baseModel },
  });
}

function invalid(
  folder: string,
  problem: string,
  hint: string,
  details: Readonly<Record<string, unknown>> = {},
): DriftlineError {
  return refuseAdapter(folder, `cannot be used: ${problem}`, hint, details);
}
