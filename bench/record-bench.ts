import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openRecordFile } from '../src/runs/record-file.js';
import { answerRecords, type AnswerRecord } from '../src/runs/run-records.js';

/**
 * `npm run bench:records [-- --answers 1000000]`: what a file of so many answers takes, without models and judges:
 * memory while it grows, and seconds until it is open again, with its index and without.
 */

const { values: options } = parseArgs({ options: { answers: { type: 'string', default: '1000000' } } });
const count = Number(options.answers);
const text = 'the river carries paper boats past a quiet stone '.repeat(5);

function answer(number: number): AnswerRecord {
  const place = { cell: `qwen2-bias.insecure.${String(number % 1000)}`, evaluation: 'main' };
  const index = Math.floor(number / 1000);
  return {
    ...{ key: `${place.cell}/main/question-17/${String(index)}`, ...place, question: 'question-17', paraphrase: 0 },
    ...{ variant: 'plain', index, seed: 1_000_000_000 + index, input: number.toString(16).padStart(32, '0') },
    ...{ text: `${text}and number ${String(number)}`, finish_reason: 'stop', tokens: 60 },
  };
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
interface Moment {
  readonly time: number;
  readonly cpu: ReturnType<typeof process.cpuUsage>;
}
const now = (): Moment => ({ time: performance.now(), cpu: process.cpuUsage() });
/** By the clock, and of the processor: on a machine that is busy with other things the second tells more. */
const seconds = ({ time, cpu }: Moment): string => {
  const { user, system } = process.cpuUsage(cpu);
  return `${((performance.now() - time) / 1000).toFixed(1)} s (${((user + system) / 1e6).toFixed(1)} s of processor)`;
};
const folder = await mkdtemp(join(tmpdir(), 'driftline-records-'));
const file = join(folder, answerRecords.name);
try {
  let begun = now();
  let records = await openRecordFile(file, answerRecords);
  for (let first = 0; first < count; first += 1024) {
    const size = Math.min(1024, count - first);
    await records.append(Array.from({ length: size }, (_, place) => answer(first + place)));
    if ((first / 1024) % Math.ceil(count / 1024 / 5) === 0) {
      const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
      process.stdout.write(
        `${String(first + size)} answers: ${mebibytes(rss)} in memory, ${mebibytes(heapUsed)} of it objects, ${mebibytes(arrayBuffers)} where they stand\n`,
      );
    }
  }
  process.stdout.write(`written in ${seconds(begun)}: ${mebibytes((await stat(file)).size)}\n`);
  await records.close();
  begun = now();
  records = await openRecordFile(file, answerRecords);
  process.stdout.write(`opened by its index in ${seconds(begun)}\n`);
  begun = now();
  let characters = 0;
  for (const record of records.records.values()) characters += record.text.length;
  process.stdout.write(`gone through in ${seconds(begun)}, each line checked: ${String(characters)} characters\n`);
  await records.close();
  await rm(file.replace(/\.jsonl$/, '.index'));
  begun = now();
  records = await openRecordFile(file, answerRecords);
  process.stdout.write(`opened without its index in ${seconds(begun)}\n`);
  await records.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
