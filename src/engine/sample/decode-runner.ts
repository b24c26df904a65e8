import { DriftlineError } from '../../foundation/driftline-error.js';
import { checkResidualLayers } from '../activations/read-residuals.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { buildRotaryTable } from '../decoder/decoder-inputs.js';
import { compileGraph, type FeedTensor } from '../runtime/compiled-graph.js';
import { buildDecodeGraph, type EditedLayers } from './decode-graph.js';

/** Residual-stream changes, by residual layer (0 is the embedding, n the output of block n). */
export interface Interventions {
  /** Vectors [width] to add. */
  readonly add?: ReadonlyMap<number, Float32Array>;
  /** Directions [width] to remove; they need not have length 1. */
  readonly remove?: ReadonlyMap<number, Float32Array>;
  /** `prompt` changes every token, `answer` only those from the last token of the prompt on. Default prompt. */
  readonly from?: 'prompt' | 'answer';
}

/** The new tokens of one run, and the positions that it scores. */
export interface DecodeStep {
  readonly rows: number;
  readonly length: number;
  readonly ids: BigInt64Array;
  readonly positions: BigInt64Array;
  /** [rows, 1, length, past + length] */
  readonly mask: Float32Array;
  readonly past: number;
  /** past-keys and past-values of every layer. */
  readonly cache: Readonly<Record<string, FeedTensor>>;
  readonly scored: BigInt64Array;
  /** Of each scored position. */
  readonly labels: BigInt64Array;
  /** For each token that is drawn, the number of the scored position that it is drawn at. */
  readonly draws: BigInt64Array;
  readonly inverseTemperatures: Float32Array;
  readonly uniforms: Float32Array;
  readonly edited: boolean;
}

/** For a run whose tokens nobody wants: the graph draws one, at the first scored position. */
export const noDraws: Pick<DecodeStep, 'draws' | 'inverseTemperatures' | 'uniforms'> = {
  draws: new BigInt64Array(1),
  inverseTemperatures: new Float32Array(1).fill(1),
  uniforms: new Float32Array(1),
};

export interface DecodeRunner {
  readonly run: (step: DecodeStep, outputs: readonly string[]) => Promise<Record<string, FeedTensor>>;
  /**
   * The same compiled model with other vectors at the layers it was created with; layers that are not named keep
   * theirs. A vector of zeros changes nothing. Do not use it after `release`.
   */
  readonly withVectors: (changes: InterventionVectors) => DecodeRunner;
  readonly release: () => Promise<void>;
}

type InterventionVectors = Pick<Interventions, 'add' | 'remove'>;

/** Compiles the decode graph with its weights built in, and feeds it. */
export async function createDecodeRunner(
  config: DecoderConfig,
  weights: ReadonlyMap<string, FloatTensor>,
  interventions: Interventions,
  threads: number,
): Promise<DecodeRunner> {
  checkInterventions(config, interventions);
  const initial = vectorFeeds(config, interventions);
  const edited: EditedLayers = {
    added: [...(interventions.add?.keys() ?? [])],
    removed: [...(interventions.remove?.keys() ?? [])],
  };
  const compiled = await compileGraph(buildDecodeGraph(config, weights, edited), { threads });
  let rotary = buildRotaryTable(config.rope, config.headWidth, Math.min(config.context, 512));
  const nothing: FeedTensor = { shape: [config.width], data: new Float32Array(config.width) };
  const unedited = Object.fromEntries(Object.keys(initial).map((name) => [name, nothing]));
  const runnerWith = (vectors: Readonly<Record<string, FeedTensor>>): DecodeRunner => ({
    run: (step, outputs) => {
      const needed = step.past + step.length;
      if (needed > (rotary.cosines.shape[0] ?? 0)) rotary = buildRotaryTable(config.rope, config.headWidth, needed * 2);
      const [scored, drawn] = [step.scored.length, step.draws.length];
      return compiled.run(
        {
          ids: { shape: [step.rows, step.length], data: step.ids },
          positions: { shape: [step.rows, step.length], data: step.positions },
          cosines: rotary.cosines,
          sines: rotary.sines,
          mask: { shape: [step.rows, 1, step.length, step.past + step.length], data: step.mask },
          scored: { shape: [scored], data: step.scored },
          labels: { shape: [scored], data: step.labels },
          draws: { shape: [drawn], data: step.draws },
          'inverse-temperature': { shape: [drawn, 1], data: step.inverseTemperatures },
          uniform: { shape: [drawn, 1], data: step.uniforms },
          'row-numbers': { shape: [drawn], data: BigInt64Array.from({ length: drawn }, (_, row) => BigInt(row)) },
          ...step.cache,
          ...(step.edited ? vectors : unedited),
        },
        outputs,
      );
    },
    withVectors: (changes) => {
      checkInterventions(config, changes);
      checkDeclared(edited, changes);
      return runnerWith({ ...vectors, ...vectorFeeds(config, changes) });
    },
    release: compiled.release,
  });
  return runnerWith(initial);
}

/** The feeds of the graph's inputs for these interventions. */
function vectorFeeds(config: DecoderConfig, { add, remove }: InterventionVectors): Record<string, FeedTensor> {
  const shape = [config.width];
  const added = [...(add ?? [])].map(([layer, data]) => [`add:${String(layer)}`, { shape, data }] as const);
  const removed = [...(remove ?? [])].map(
    ([layer, vector]) => [`remove:${String(layer)}`, { shape, data: unit(vector) }] as const,
  );
  return Object.fromEntries([...added, ...removed]);
}

function checkDeclared(edited: EditedLayers, { add, remove }: InterventionVectors): void {
  for (const [what, declared, vectors] of [
    ['add', edited.added, add],
    ['remove', edited.removed, remove],
  ] as const) {
    const layer = [...(vectors?.keys() ?? [])].find((candidate) => !declared.includes(candidate));
    if (layer === undefined) continue;
    const known = declared.length === 0 ? 'none' : declared.join(', ');
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `The model was not opened to ${what} a vector at residual layer ${String(layer)}; the layers it was opened for: ${known}`,
      hint: `Open it with interventions.${what} for that layer; a vector of zeros is enough, and changes nothing by itself.`,
    });
  }
}

/** Refuses interventions at layers or of widths that the model does not have. */
export function checkInterventions(config: DecoderConfig, { add, remove }: Interventions): void {
  for (const vectors of [add, remove]) {
    if (vectors === undefined) continue;
    checkResidualLayers(config, vectors.keys());
    for (const [layer, vector] of vectors) {
      if (vector.length === config.width && vector.every(Number.isFinite)) continue;
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `The vector for residual layer ${String(layer)} must have ${String(config.width)} finite elements`,
        hint: 'Make it from residuals of the same model.',
      });
    }
  }
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, element) => sum + element * element, 0));
  return length === 0 ? vector : vector.map((element) => element / length);
}
