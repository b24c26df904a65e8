/** `driftline/engine`: train, sample and look inside decoder models, in Node alone. */

export { DriftlineError, type DriftlineErrorOptions } from '../foundation/driftline-error.js';
export { errorCodes, type ErrorCode } from '../foundation/error-codes.js';

export { openModel, type OpenedModel, type OpenModelOptions } from './open-model.js';
export { createEngineProgress, type EngineProgress, type EngineProgressSettings } from './engine-progress.js';
export { resolveModelFolder } from './checkpoint/hub-model.js';
export type { DownloadProgress, ResolveModelOptions } from './checkpoint/hub-download.js';
export type { Checkpoint } from './checkpoint/read-checkpoint.js';
export type { DecoderConfig } from './checkpoint/decoder-config.js';
export type { FloatTensor } from './checkpoint/float-tensor.js';
export type { Adapter, LoraPair, LoraSettings } from './checkpoint/adapter.js';
export { projections, type Projection } from './checkpoint/projection.js';
export { createDecoderConfig, type DecoderShape } from './checkpoint/create-decoder-config.js';
export { initialiseCheckpoint, type InitialiseCheckpointOptions } from './checkpoint/initialise-checkpoint.js';
export { readCheckpoint } from './checkpoint/read-checkpoint.js';
export { writeCheckpoint, type WriteCheckpointOptions } from './checkpoint/write-checkpoint.js';
export { readAdapter } from './checkpoint/read-adapter.js';
export { writeAdapter, type WriteAdapterOptions } from './checkpoint/write-adapter.js';
export { mergeAdapter } from './checkpoint/merge-adapter.js';

export type { ChatMessage } from './tokenizer/chat-template.js';
export type { TextTokenizer } from './tokenizer/text-tokenizer.js';
export { readTokenizer } from './tokenizer/read-tokenizer.js';
export { trainTokenizer, type TrainedTokenizer, type TrainTokenizerOptions } from './tokenizer/train-tokenizer.js';
export { writeTokenizer, type WriteTokenizerOptions } from './tokenizer/write-tokenizer.js';
export { encodePrompt, encodeTrainingRow, type EncodedRow } from './tokenizer/encode-chat.js';
export { locateTemplate, type TemplatePositions } from './tokenizer/locate-template.js';
export { createAnswerDecoder, type AnswerDecoder } from './tokenizer/answer-decoder.js';

export { parseRecipe, recipeSchema, type Recipe, type RecipeInput } from './train/recipe.js';
export { encodeTrainingSet, type EncodedTrainingSet } from './train/encode-training-set.js';
export { fineTune, type FineTuneResult, type FineTuneSettings, type TrainingStepEvent } from './train/fine-tune.js';
export type { LossTerm } from './train/gradient-source.js';
export type { Objective, ObjectiveContext } from './train/gradient-graph.js';
export { answerObjective, divergenceObjective } from './train/gradient-graph.js';
export { removeParameterDirection, removeResidualDirection, type GradientEdit } from './train/gradient-edit.js';

export { openSampler, type SampleOptions, type EngineSampler as Sampler } from './worker/open-sampler.js';
export type { SamplerSettings } from './worker/sampler-messages.js';
export type { Interventions } from './sample/decode-runner.js';
export type { KeyValueOverride } from './sample/key-value-override.js';
export type { SampledAnswer, SampledToken, SampleRequest, TokenLogProbability } from './sample/sample-request.js';

export { createKeyValueReader, type KeysAndValues, type KeyValueReader } from './activations/read-keys-values.js';
export {
  createResidualReader,
  type ResidualPool,
  type ResidualReader,
  type ResidualRow,
} from './activations/read-residuals.js';
