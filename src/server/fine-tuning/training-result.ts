import { join } from 'node:path';
import { z } from 'zod';
import { readJsonLines } from '../../foundation/read-json-lines.js';

const entrySchema = z.object({ step: z.int(), loss: z.number(), learning_rate: z.number(), tokens: z.int() });

type TrainedStep = z.output<typeof entrySchema>;

/** The steps in the log of a training folder; none if there is no log yet. */
export async function readTrainedSteps(folder: string): Promise<readonly TrainedStep[]> {
  const steps: TrainedStep[] = [];
  for await (const { value } of readJsonLines(join(folder, 'training.jsonl'), { halfWrittenEnd: 'skip' }))
    steps.push(entrySchema.parse(value));
  return steps;
}

/** The results file of a finished job, which the protocol has in Base64, and the tokens that were trained on. */
export async function readTrainingResult(
  folder: string,
): Promise<{ readonly csv: Uint8Array; readonly tokens: number }> {
  const steps = await readTrainedSteps(folder);
  const lines = steps.map(({ step, loss, learning_rate: rate, tokens }) => [step, loss, rate, tokens].join());
  const csv = ['step,train_loss,learning_rate,tokens', ...lines, ''].join('\n');
  return {
    csv: Buffer.from(Buffer.from(csv).toString('base64')),
    tokens: steps.reduce((sum, { tokens }) => sum + tokens, 0),
  };
}
