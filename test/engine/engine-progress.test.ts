import { expect, it } from 'vitest';
import { createEngineProgress } from '../../src/engine/engine-progress.js';

function record(): {
  text: () => string;
  progress: ReturnType<typeof createEngineProgress>;
  advance: (milliseconds: number) => void;
} {
  let written = '';
  let time = 0;
  const progress = createEngineProgress({
    stream: { write: (text: string) => (written += text) },
    environment: {},
    now: () => time,
  });
  return { text: () => written, progress, advance: (milliseconds) => (time += milliseconds) };
}

it('shows one line a file while downloading, with share and time left', () => {
  const { text, progress, advance } = record();
  for (let received = 0; received <= 100e6; received += 10e6) {
    progress.onDownload({ file: 'model.safetensors', receivedBytes: received, totalBytes: 100e6 });
    advance(3000);
  }
  expect(text()).toContain('downloading model.safetensors 30/100 MB (30%), 3.33 MB/s');
  expect(text()).toContain('left');
  progress.onDownload({ file: 'tokenizer.json', receivedBytes: 0, totalBytes: 1e6 });
  advance(6000);
  progress.onDownload({ file: 'tokenizer.json', receivedBytes: 1e6, totalBytes: 1e6 });
  expect(text()).toContain('downloading tokenizer.json 1/1 MB (100%)');
});

it('shows the loss while training, and says nothing of what is quick', () => {
  const quick = record();
  const slow = record();
  for (let step = 1; step <= 10; step += 1) {
    const event = { step, steps: 10, loss: 1 / step, learning_rate: 1, grad_norm: 1, tokens: 1, millisecondsLeft: 0 };
    quick.progress.onStep(event);
    slow.progress.onStep(event);
    slow.advance(4000);
  }
  quick.progress.finish();
  expect(quick.text()).toBe('');
  expect(slow.text()).toContain('training 10/10 steps (100%)');
  expect(slow.text()).toContain('loss 0.100');
});
