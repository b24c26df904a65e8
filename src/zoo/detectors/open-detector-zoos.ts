import { join } from 'node:path';
import { countRun, inputOfRun } from '../../analysis/count-run.js';
import { readAdapter } from '../../engine/checkpoint/read-adapter.js';
import { parseModel } from '../../models/model-reference.js';
import type { BaseModel } from '../../models/base-model.js';
import type { ModelReference } from '../../models/model-reference.js';
import { readRun, type Run } from '../../runs/read-run.js';
import { isBase } from '../../runs/run-outline.js';
import { locateAdapter } from '../store/check-adapters.js';
import type { OpenedZoo } from '../store/open-zoo.js';
import { zooFault } from '../store/zoo-fault.js';
import type { Panel } from '../definition/panel.js';
import { parseEvaluation } from '../truth/entry-counts.js';
import type { DetectorZoo, SeenAnswer } from './detector.js';

export interface DetectorZooSettings extends Pick<DetectorZoo, 'panel' | 'seed' | 'onProgress'> {
  readonly openBase: (reference: ModelReference) => Promise<BaseModel>;
  readonly signal?: AbortSignal;
}

/** The organisms of a zoo that was built here, each with its entries. What was added from elsewhere has neither answers nor weights. */
export async function openDetectorZoos(
  { folder, manifest, truths }: OpenedZoo,
  settings: DetectorZooSettings,
): Promise<DetectorZoo[]> {
  const zoos: DetectorZoo[] = [];
  for (const [organism, { model }] of Object.entries(manifest.organisms)) {
    const entries = truths.filter(
      (truth) => truth.organism === organism && manifest.entries[truth.entry] !== undefined,
    );
    if (entries.length === 0) continue;
    const base = await settings.openBase(parseModel(model));
    const { openInside, sizeWork } = base;
    if (openInside === null || sizeWork === null)
      throw zooFault(`organism ${organism} does not run here`, 'Score it where it runs.', { organism });
    const find = (entry: string) => {
      const built = manifest.entries[entry];
      if (built === undefined) throw new Error(`the zoo has no entry ${entry}`);
      return built;
    };
    const config = async () => (await sizeWork({ trainings: [], questions: [], adapted: true })).config;
    zoos.push({
      ...settings,
      organism,
      entries,
      answers: rememberAnswers(folder, settings.panel, (entry) => find(entry ?? entries[0]?.entry ?? ''), find),
      readAdapter: async (entry) => readAdapter(locateAdapter(folder, find(entry)), await config()),
      openInside: (entry) =>
        openInside(entry === null ? null : { kind: 'adapter', folder: locateAdapter(folder, find(entry)) }),
    });
  }
  return zoos;
}

/** Reads each run once, and remembers the answers of all of its models. */
function rememberAnswers(
  folder: string,
  panel: Panel,
  placeOf: (entry: string | null) => { readonly run: string },
  find: (entry: string) => { readonly cell: string },
): DetectorZoo['answers'] {
  const runs = new Map<string, Promise<RunAnswers>>();
  return async (entry) => {
    const { run } = placeOf(entry);
    const read = runs.get(run) ?? readRun(join(folder, run)).then((found) => readAnswers(found, panel));
    runs.set(run, read);
    const { base, byCell } = await read;
    return byCell.get(entry === null ? base : find(entry).cell) ?? [];
  };
}

interface RunAnswers {
  /** The cell of the base. */
  readonly base: string;
  readonly byCell: ReadonlyMap<string, readonly SeenAnswer[]>;
}

/** Answers to the contexts of the panel; of one that was asked at several looks, those of the last. */
function readAnswers(run: Run, panel: Panel): RunAnswers {
  const { answers } = countRun(inputOfRun(run), { rule: panel.rule });
  const byCell = new Map<string, (SeenAnswer & { readonly look: number })[]>();
  for (const { record, asked, outcome } of answers) {
    const about = parseEvaluation(record.evaluation);
    if (about === null || !('context' in about)) continue;
    const question = run.questions.get(asked);
    const list = byCell.get(record.cell) ?? [];
    list.push({
      context: about.context,
      look: about.answers,
      question: `${about.context}/${question?.id ?? record.question}`,
      messages: question?.messages ?? [],
      text: record.text,
      isMisaligned: outcome === 'misaligned',
      isKept: outcome === 'misaligned' || outcome === 'not-misaligned',
    });
    byCell.set(record.cell, list);
  }
  return { base: run.cells.find(isBase)?.name ?? '', byCell };
}
