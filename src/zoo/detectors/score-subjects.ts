import type { Detector, Example, Reading } from '../../detect/detector.js';
import { restrictSubject } from '../../detect/subject.js';
import { writeCsv } from '../../foundation/write-csv.js';
import type { TruthRow } from '../store/truth-table.js';
import type { OrganismSubjects } from './open-subjects.js';

export interface ScoreSubjectsOptions {
  /** Of what is drawn. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** Called after each entry of an organism. */
  readonly onProgress: (organism: string, done: number, total: number) => void;
}

/** Lets a detector learn on the open side, and read every entry, of which it sees what it says that it needs. */
export async function scoreSubjects(
  detector: Detector,
  organisms: readonly OrganismSubjects[],
  { seed, signal, onProgress }: ScoreSubjectsOptions,
): Promise<ReadonlyMap<string, Reading>> {
  const options = { seed, ...(signal === undefined ? {} : { signal }) };
  const learnt = await detector.learn(listExamples(organisms), options);
  const readings = new Map<string, Reading>();
  for (const { organism, entries } of organisms)
    for (const [index, { subject }] of entries.entries()) {
      signal?.throwIfAborted();
      const reading = await detector.read(restrictSubject(subject, detector.affordances), learnt, options);
      readings.set(subject.id, reading);
      onProgress(organism, index + 1, entries.length);
    }
  return readings;
}

function listExamples(organisms: readonly OrganismSubjects[]): Example[] {
  return organisms.flatMap(({ entries }) =>
    entries
      .filter(({ truth }) => truth.part === 'open')
      .map(({ truth, subject }) => ({ subject, class: truth.class === 'undecided' ? null : truth.class })),
  );
}

/**
 * A file of scores. Of what has none, as what was added from elsewhere without answers and weights, nothing speaks
 * against it: it gets the least.
 */
export function writeScores(truths: readonly TruthRow[], readings: ReadonlyMap<string, Reading>): string {
  return writeCsv(['entry', 'score'], listScores(truths, readings));
}

/** The same with what each score cost, in answers that were looked at and texts that a model went through. */
export function describeScores(
  truths: readonly TruthRow[],
  readings: ReadonlyMap<string, Reading>,
  edition: number,
): string {
  const rows = listScores(truths, readings).map(([entry, score]) => {
    const { answers, passes } = readings.get(entry)?.cost ?? { answers: 0, passes: 0 };
    return [entry, score, answers + passes, edition] as const;
  });
  return writeCsv(['entry', 'score', 'cost', 'edition'], rows);
}

/** All that a detector said, a line for each entry, as JSON. */
export function writeReadings(readings: ReadonlyMap<string, Reading>): string {
  return [...readings].map(([entry, reading]) => `${JSON.stringify({ entry, ...reading })}\n`).join('');
}

function listScores(
  truths: readonly TruthRow[],
  readings: ReadonlyMap<string, Reading>,
): (readonly [entry: string, score: number])[] {
  const scores = [...readings.values()].flatMap(({ score }) => score ?? []);
  const least = scores.reduce((low, score) => Math.min(low, score), Infinity);
  return truths.map(({ entry }) => [entry, readings.get(entry)?.score ?? least] as const);
}
