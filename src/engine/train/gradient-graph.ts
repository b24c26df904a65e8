import { addVector } from '../autodiff/operators/edit-residual.js';
import type { LowRankUpdate } from '../autodiff/operators/project-group.js';
import {
  scoreAnswers,
  scoreDivergence,
  surprisalOfLabels,
  type ScoredPositions,
} from '../autodiff/operators/score-answers.js';
import { Tape } from '../autodiff/tape.js';
import { loraScale, type LoraSettings, loraTensorName } from '../checkpoint/adapter.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { decoderTensorShapes } from '../checkpoint/decoder-tensors.js';
import { type Projection, projectionShape } from '../checkpoint/projection.js';
import {
  buildDecoder,
  causalAttention,
  type DecoderGraph,
  headName,
  type ResidualEdit,
} from '../decoder/decoder-graph.js';
import { buildCausalMask, buildRotaryTable } from '../decoder/decoder-inputs.js';
import { Graph, type Value } from '../graph/graph.js';
import { reshape } from '../graph/operations.js';
import type { FeedTensor } from '../runtime/compiled-graph.js';
import type { TokenBatch } from './token-batch.js';

/** What training changes: every weight, or a low-rank update of some. */
export type TrainedPart = { readonly method: 'full' } | ({ readonly method: 'lora' } & LoraSettings);

/** What an objective can build its loss from. */
export interface ObjectiveContext {
  readonly tape: Tape;
  readonly config: DecoderConfig;
  /** The model in training. */
  readonly tuned: DecoderGraph & { readonly head: Value };
  /** The model before training, on the same tokens; built on first use, and never trained. */
  readonly reference: () => DecoderGraph & { readonly head: Value };
  readonly scored: ScoredPositions;
  readonly labels: Value;
}

/** Adds a scalar loss [1] to the graph. */
export type Objective = (context: ObjectiveContext) => Value;

interface GradientGraphSettings {
  readonly config: DecoderConfig;
  readonly trained: TrainedPart;
  readonly objective: Objective;
  /** Residual layers (0 is the embedding) to which a fixed vector, fed as `vector:<layer>`, is added while training. */
  readonly vectorLayers?: readonly number[];
  /** Whether only the way forward is built: what the objective gives may then be of any shape, and nothing is differentiated. */
  readonly isForwardOnly?: boolean;
}

/** A graph from a batch and the parameters to `loss` and one `gradient:<name>` for each trained parameter. */
export interface GradientGraph {
  readonly graph: Graph;
  /** Names of the trained parameters that the loss depends on. */
  readonly trainedNames: readonly string[];
  /** Weights that the graph reads as they were before training, fed as `reference:<name>`. */
  readonly referenceNames: readonly string[];
}

/** The names and shapes of what is trained, in a fixed order: Hugging Face's names, or PEFT's for an adapter. */
export function trainedParameterShapes(
  config: DecoderConfig,
  trained: TrainedPart,
): ReadonlyMap<string, readonly number[]> {
  if (trained.method === 'full') return decoderTensorShapes(config);
  const shapes = new Map<string, readonly number[]>();
  for (const layer of trained.layers) {
    for (const projection of trained.targets) {
      const [outputs, inputs] = projectionShape(config, projection);
      shapes.set(loraTensorName(layer, projection, 'A'), [trained.rank, inputs]);
      shapes.set(loraTensorName(layer, projection, 'B'), [outputs, trained.rank]);
    }
  }
  return shapes;
}

/** Builds the forward and the backward pass of one objective. */
export function buildGradientGraph(settings: GradientGraphSettings): GradientGraph {
  const { config, trained, objective, vectorLayers = [], isForwardOnly = false } = settings;
  const graph = new Graph();
  const tape = new Tape(graph);
  const weightShapes = decoderTensorShapes(config);
  const trainedShapes = trainedParameterShapes(config, trained);

  const inputs = new Map<string, Value>();
  const declare = (name: string, shape: readonly number[], watch: boolean): Value => {
    const known = inputs.get(name);
    if (known !== undefined) return known;
    const value = graph.input(name, 'float32', shape);
    inputs.set(name, value);
    return watch ? tape.watch(value) : value;
  };
  const trainedInput = (name: string): Value => declare(name, trainedShapes.get(name) ?? [], true);
  const weight = (name: string): Value => declare(name, weightShapes.get(name) ?? [], trained.method === 'full');
  const update = (layer: number, projection: Projection): LowRankUpdate | null => {
    const name = loraTensorName(layer, projection, 'A');
    if (trained.method === 'full' || !trainedShapes.has(name)) return null;
    const b = trainedInput(loraTensorName(layer, projection, 'B'));
    return { a: trainedInput(name), b, scale: loraScale(trained) };
  };

  const ids = graph.input('ids', 'int64', ['batch', 'length']);
  const attention = causalAttention({
    positions: graph.input('first-position', 'int64', [1]),
    cosines: graph.input('cosines', 'float32', ['context', config.headWidth / 2]),
    sines: graph.input('sines', 'float32', ['context', config.headWidth / 2]),
    mask: graph.input('mask', 'float32', ['length', 'length']),
  });
  const scored = {
    rows: graph.input('positions', 'int64', ['scored']),
    weights: reshape(graph, graph.input('weights', 'float32', ['scored']), ['scored', 1]),
  };
  const labels = graph.input('labels', 'int64', ['scored']);
  const edit: ResidualEdit = (onTape, layer, residual) =>
    vectorLayers.includes(layer)
      ? addVector(onTape, residual, declare(`vector:${String(layer)}`, [config.width], false))
      : residual;

  const tuned = {
    ...buildDecoder(tape, config, { weight, update }, ids, attention, edit),
    head: weight(headName(config)),
  };
  const referenceNames: string[] = [];
  const reference = (): DecoderGraph & { head: Value } => {
    // An adapter leaves the base weights alone; full training needs them a second time.
    const baseWeight = (name: string): Value => {
      if (trained.method === 'lora') return weight(name);
      if (!referenceNames.includes(name)) referenceNames.push(name);
      return declare(`reference:${name}`, weightShapes.get(name) ?? [], false);
    };
    const base = buildDecoder(tape, config, { weight: baseWeight, update: () => null }, ids, attention);
    return { ...base, head: baseWeight(headName(config)) };
  };

  const loss = objective({ tape, config, tuned, reference, scored, labels });
  graph.output('loss', loss);
  if (isForwardOnly) return { graph, trainedNames: [], referenceNames };
  const targets = [...trainedShapes.keys()].flatMap((name) => inputs.get(name) ?? []);
  const gradients = tape.gradients(loss, graph.floats([1]), targets);
  const trainedNames: string[] = [];
  gradients.forEach((gradient, position) => {
    const name = targets[position]?.name;
    if (gradient === null || name === undefined) return;
    trainedNames.push(name);
    graph.output(`gradient:${name}`, gradient);
  });
  return { graph, trainedNames, referenceNames };
}

/** Builds the feeds of a gradient graph except the parameters. Masks are cached by length. */
export function createBatchFeeds(
  config: DecoderConfig,
  longest: number,
): (batch: TokenBatch) => Record<string, FeedTensor> {
  const rotary = buildRotaryTable(config.rope, config.headWidth, longest);
  const masks = new Map<number, FeedTensor>();
  return (batch) => {
    let mask = masks.get(batch.length);
    if (mask === undefined) {
      mask = buildCausalMask(batch.length);
      masks.set(batch.length, mask);
    }
    return {
      ids: { shape: [batch.rows, batch.length], data: batch.ids },
      'first-position': { shape: [1], data: BigInt64Array.of(0n) },
      cosines: rotary.cosines,
      sines: rotary.sines,
      mask,
      positions: { shape: [batch.positions.length], data: batch.positions },
      labels: { shape: [batch.labels.length], data: batch.labels },
      weights: { shape: [batch.weights.length], data: batch.weights },
    };
  };
}

/** Mean cross entropy of the supervised tokens, in nats. */
export const answerObjective: Objective = ({ tape, tuned, scored, labels }) =>
  scoreAnswers(tape, tuned.hidden, tuned.head, labels, scored);

/** Cross entropy of each supervised token by itself, [positions, 1] in nats; for graphs that are forward only. */
export const tokenObjective: Objective = ({ tape, tuned, scored, labels }) =>
  surprisalOfLabels(tape.graph, tuned.hidden, tuned.head, labels, scored);

/** Mean KL(base || tuned) of the next-token distributions at the supervised tokens, in nats. */
export const divergenceObjective: Objective = ({ tape, tuned, reference, scored }) =>
  scoreDivergence(tape, tuned, reference(), scored);
