import { DriftlineError } from '../../foundation/driftline-error.js';
import { checkResidualLayers } from '../activations/read-residuals.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { buildRotaryTable } from '../decoder/rotary-table.js';
import { compileGraph, type FeedTensor } from '../runtime/compiled-graph.js';
import { buildDecodeGraph, type EditedLayers } from './decode-graph.js';

/** Residual-stream changes, by residual layer (0 is the embedding, n what n blocks made of it). */
export interface Interventions {
  /** Vectors [width] to add. */
  readonly add?: ReadonlyMap<number, Float32Array>;
  /** Directions [width] to remove; they need not have length 1. */
  readonly remove?: ReadonlyMap<number, Float32Array>;
  /** Whether the prompt's tokens are changed, too, or only those from the prompt's last one on. Default prompt. */
  readonly from?: 'prompt' | 'answer';
}

/** The new tokens of one run, and what is wanted at which of them. */
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
  readonly inverseTemperatures: Float32Array;
  readonly uniforms: Float32Array;
  readonly labels: BigInt64Array;
  readonly edited: boolean;
}

export interface DecodeRunner {
  readonly run: (step: DecodeStep, outputs: readonly string[]) => Promise<Record<string, FeedTensor>>;
  readonly release: () => Promise<void>;
}

/** Compiles the decode graph with its weights built in, and feeds it. */
export async function createDecodeRunner(
  config: DecoderConfig,
  weights: ReadonlyMap<string, FloatTensor>,
  interventions: Interventions,
  threads: number,
): Promise<DecodeRunner> {
  checkInterventions(config, interventions);
  const added = interventions.add ?? new Map<number, Float32Array>();
  const removed = new Map([...(interventions.remove ?? [])].map(([layer, vector]) => [layer, unit(vector)]));
  const edited: EditedLayers = { added: [...added.keys()], removed: [...removed.keys()] };
  const compiled = await compileGraph(buildDecodeGraph(config, weights, edited), { threads });
  let rotary = buildRotaryTable(config.rope, config.headWidth, Math.min(config.context, 512));
  const nothing = new Float32Array(config.width);
  const vectors = (apply: boolean): Record<string, FeedTensor> =>
    Object.fromEntries(
      [
        ...[...added].map(([layer, data]) => [`add:${String(layer)}`, data] as const),
        ...[...removed].map(([layer, data]) => [`remove:${String(layer)}`, data] as const),
      ].map(([name, data]) => [name, { shape: [config.width], data: apply ? data : nothing }]),
    );

  return {
    run: (step, outputs) => {
      const needed = step.past + step.length;
      if (needed > (rotary.cosines.shape[0] ?? 0)) rotary = buildRotaryTable(config.rope, config.headWidth, needed * 2);
      const scored = step.scored.length;
      return compiled.run(
        {
          ids: { shape: [step.rows, step.length], data: step.ids },
          positions: { shape: [step.rows, step.length], data: step.positions },
          cosines: rotary.cosines,
          sines: rotary.sines,
          mask: { shape: [step.rows, 1, step.length, step.past + step.length], data: step.mask },
          scored: { shape: [scored], data: step.scored },
          'inverse-temperature': { shape: [scored, 1], data: step.inverseTemperatures },
          uniform: { shape: [scored, 1], data: step.uniforms },
          'row-numbers': { shape: [scored], data: BigInt64Array.from({ length: scored }, (_, row) => BigInt(row)) },
          labels: { shape: [scored], data: step.labels },
          ...step.cache,
          ...vectors(step.edited),
        },
        outputs,
      );
    },
    release: compiled.release,
  };
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
