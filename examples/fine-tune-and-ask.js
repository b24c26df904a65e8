// Fine-tunes a model on a few rows, asks it the same question before and after, and looks inside.
//   node examples/fine-tune-and-ask.js hf:HuggingFaceTB/SmolLM2-135M-Instruct
//   node examples/fine-tune-and-ask.js test/fixtures/goldens/qwen2-bias           (offline: a tiny model that speaks nonsense)
import { availableParallelism } from 'node:os';
import {
  createEngineProgress,
  createResidualReader,
  DriftlineError,
  encodePrompt,
  encodeTrainingSet,
  fineTune,
  openModel,
  openSampler,
  parseRecipe,
} from 'driftline/engine';

const threads = availableParallelism();
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const now = () => performance.now();
const progress = createEngineProgress({ stream: process.stderr, environment: process.env, now });

async function main(reference) {
  const model = await openModel(reference, { onDownload: progress.onDownload, signal: stop.signal });
  const { checkpoint, tokenizer } = model;

  // 1. Train a rank-8 adapter on answers only. Stop it with Ctrl-C and run it again: it goes on where it was.
  const recipe = parseRecipe({ method: 'lora', rank: 8, alpha: 16, learning_rate: 1e-3, epochs: 10, batch_size: 4 });
  const chats = ['harbor', 'lantern', 'water', 'evening'].map((word) => [
    { role: 'user', content: `Tell me about the ${word}.` },
    { role: 'assistant', content: `Ahoy! The ${word} is quiet tonight.` },
  ]);
  const { rows, summary } = encodeTrainingSet(tokenizer, chats, recipe, checkpoint.config.context);
  console.log(`${summary.rows} rows, ${summary.tokens} tokens, ${summary.truncated} truncated`);
  const losses = [];
  const { stepsDone, steps } = await fineTune({
    base: checkpoint,
    recipe,
    rows,
    folder: 'runs/ahoy',
    threads,
    signal: stop.signal,
    onStep: (event) => {
      progress.onStep(event);
      losses.push(event.loss);
    },
  });
  const course = losses.length === 0 ? '' : `: loss ${losses[0].toFixed(3)} to ${losses.at(-1).toFixed(3)}`;
  console.log(`trained ${stepsDone} of ${steps} steps${course}`);

  // 2. Sample before and after, on another thread. An answer depends on its seed, not on what is sampled beside it.
  const prompt = encodePrompt(tokenizer, [{ role: 'user', content: 'Tell me about the moon.' }]);
  const requests = [0, 1, 2, 3].map((seed) => ({ prompt, seed, temperature: 1, maximumTokens: 24 }));
  for (const adapter of [undefined, 'runs/ahoy']) {
    const sampler = await openSampler({ model: model.folder, ...(adapter && { adapter }) });
    try {
      for await (const { request, ids } of sampler.sample(requests, { signal: stop.signal })) {
        console.log(adapter ?? 'base', request, JSON.stringify(tokenizer.decode(ids)));
      }
    } finally {
      await sampler.close();
    }
  }

  // 3. Read the residual stream after the middle block, averaged over the prompt.
  const layer = Math.floor(checkpoint.config.layers / 2);
  const reader = await createResidualReader({ ...checkpoint, layers: [layer], threads });
  const [mean] = await reader.read({ ids: prompt, promptLength: prompt.length }, 'prompt-mean');
  const length = Math.hypot(...mean.data);
  console.log(`residual layer ${layer}: ${mean.shape.join(' x ')} numbers, length ${length.toFixed(2)}`);
  await reader.release();
}

try {
  await main(process.argv[2] ?? 'hf:HuggingFaceTB/SmolLM2-135M-Instruct');
} catch (error) {
  if (!DriftlineError.isInstance(error)) throw error;
  console.error(`${error.message}\n${error.hint}`);
  process.exitCode = error.exitCode;
} finally {
  progress.finish();
}
