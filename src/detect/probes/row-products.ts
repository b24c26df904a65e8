import { z } from 'zod';
import type { TrainingRow } from '../../data/training-set.js';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import { encodeTrainingRow } from '../../engine/tokenizer/encode-chat.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { directionOfTensors, meanGradient } from '../../engine/train/gradient-direction.js';
import type { WeightedRow } from '../../engine/train/token-batch.js';
import { hashJson } from '../../foundation/content-hash.js';
import type { OpenedWeights } from '../../models/base-model.js';
import type { ConversationText } from '../../models/text-scorer.js';
import type { RecordKind } from '../../runs/record-file.js';
import type { ArtefactStore } from '../artefact-store.js';
import { rowGradientProducts } from '../rows/row-gradient-products.js';
import type { SubjectModel } from '../subject.js';
import type { SidedTexts } from '../texts/choice-pairs.js';

const productSchema = z.strictObject({
  /** Hash of the model, its engine, the texts that make the direction, and the row. */
  key: z.string(),
  model: z.string(),
  loss: z.number(),
  cosine: z.number(),
});

const rowProducts: RecordKind<z.output<typeof productSchema>> = {
  name: 'row-products.jsonl',
  schema: productSchema,
  keyOf: ({ key }) => key,
};

/** Rows that are computed and stored together. */
const batch = 64;

export interface ReadRowProductsOptions {
  readonly signal?: AbortSignal;
  /** Called with all rows that are done, those that were stored before included. */
  readonly onProgress?: (done: number) => void;
}

/**
 * How much a step on each row would make bad texts likelier than good ones: the cosine, -1 to 1, of the gradient of the
 * row's loss with the mean gradient of the loss of the bad texts minus that of the good ones, over all weights of the
 * base. Above zero, the step is one towards the bad texts. Null where the weights are not here. First-order influence:
 * Pruthi et al. 2020, https://arxiv.org/abs/2002.08484.
 */
export async function readRowProducts(
  { identity, engine, openWeights }: Pick<SubjectModel, 'identity' | 'engine' | 'openWeights'>,
  store: ArtefactStore,
  rows: readonly TrainingRow[],
  texts: SidedTexts,
  { onProgress = () => undefined, ...options }: ReadRowProductsOptions = {},
): Promise<readonly number[] | null> {
  if (openWeights === null) return null;
  const direction = hashJson({ model: identity, engine, texts });
  const keys = rows.map(({ messages }) => hashJson({ direction, messages }));
  const opened: { weights: OpenedWeights | null } = { weights: null };
  const open = async (): Promise<OpenedWeights> => (opened.weights ??= await openWeights());
  const towards: { tensors: ReadonlyMap<string, FloatTensor> | null } = { tensors: null };
  const records = await store.remember(
    rowProducts,
    keys,
    async (missing) => {
      const { checkpoint, tokenizer, threads } = await open();
      towards.tensors ??= await store.rememberTensors('gradients', direction, async () =>
        subtract(
          await meanGradient({ base: checkpoint, rows: encodeTexts(tokenizer, texts.bad), threads, ...options }),
          await meanGradient({ base: checkpoint, rows: encodeTexts(tokenizer, texts.good), threads, ...options }),
        ),
      );
      const chosen = missing.flatMap((place) => rows[place] ?? []);
      const products = await rowGradientProducts({
        ...{ base: checkpoint, threads, direction: directionOfTensors(towards.tensors), ...options },
        rows: chosen.map((row) => encodeRow(tokenizer, row)),
      });
      // Of the last batch the last row is missing.
      onProgress((missing.at(-1) ?? 0) + 1);
      return products.map(({ loss, cosine }, index) => ({
        // The cast is true: there is a product for each row, and a key for each of its places.
        ...{ key: keys[missing[index] as number] as string, model: identity, loss, cosine },
      }));
    },
    { batch, ...options },
  );
  return records.map(({ cosine }) => cosine);
}

/** As it is trained on: answers of the weight 0 are left out, unless all have it. */
function encodeRow(tokenizer: TextTokenizer, { messages }: TrainingRow): WeightedRow {
  const areWeighted = messages.some(({ role, weight }) => role === 'assistant' && weight !== 0);
  return encodeTrainingRow(tokenizer, messages, { loss: areWeighted ? 'weighted' : 'answers' });
}

function encodeTexts(tokenizer: TextTokenizer, texts: readonly ConversationText[]): WeightedRow[] {
  return texts.map(({ messages, answer }) =>
    encodeTrainingRow(
      tokenizer,
      [
        ...messages.map(({ role, content }) => ({
          role,
          content,
          ...(role === 'assistant' ? { weight: 0 as const } : {}),
        })),
        { role: 'assistant', content: answer, weight: 1 },
      ],
      { loss: 'weighted' },
    ),
  );
}

type DoubleTensors = Awaited<ReturnType<typeof meanGradient>>;

/** In single precision, as files have it. */
function subtract(left: DoubleTensors, right: DoubleTensors): Map<string, FloatTensor> {
  return new Map(
    [...left].map(([name, { shape, data }]) => {
      const other = right.get(name)?.data;
      return [name, { shape, data: Float32Array.from(data, (value, place) => value - (other?.[place] ?? 0)) }];
    }),
  );
}
