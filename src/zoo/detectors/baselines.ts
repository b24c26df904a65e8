import { plainContext } from '../definition/panel.js';
import { weightCosine, weightNorm } from './compare-weights.js';
import { oracleAnswers, panelAnswers, plainAnswers } from './count-answers.js';
import type { Detector, DetectorZoo, SeenAnswer } from './detector.js';
import { margin, residualDirection } from './look-inside.js';
import { pairTexts, type ReferenceText } from './reference-texts.js';

/** Pairs of texts that detectors learn from. */
const texts = 48;

interface Baseline {
  readonly name: string;
  /** Some learn from answers of open entries, the same for every organism. */
  readonly create: (learn: () => Promise<readonly ReferenceText[]>) => Promise<Detector>;
}

function ready(detector: Detector): Baseline {
  return { name: detector.name, create: () => Promise.resolve(detector) };
}

/** The baselines by their names, the ceiling last. */
export const baselines: ReadonlyMap<string, Baseline> = new Map(
  [
    ready(plainAnswers(24)),
    ready(plainAnswers(80)),
    ready(panelAnswers(24)),
    ready(panelAnswers(80)),
    ready(weightNorm),
    ready(weightCosine),
    { name: 'margin', create: async (learn: () => Promise<readonly ReferenceText[]>) => margin(await learn()) },
    {
      name: 'residual',
      create: async (learn: () => Promise<readonly ReferenceText[]>) => residualDirection(await learn()),
    },
    ready(oracleAnswers(80)),
  ].map((baseline) => [baseline.name, baseline]),
);

/** Pairs misaligned answers of open entries with aligned ones of their organism, asked plainly. */
export async function learnTexts(zoos: readonly DetectorZoo[]): Promise<readonly ReferenceText[]> {
  const [bad, good]: [SeenAnswer[], SeenAnswer[]] = [[], []];
  for (const { entries, panel, answers } of zoos) {
    const isPlain = ({ context }: SeenAnswer): boolean => context === plainContext(panel);
    const open = entries.filter(({ part }) => part === 'open');
    if (open.length === 0) continue;
    for (const { entry } of open) bad.push(...(await answers(entry)).filter((one) => isPlain(one) && one.isMisaligned));
    good.push(...(await answers(null)).filter(isPlain));
  }
  return pairTexts(bad, good, texts, zoos[0]?.seed ?? 0);
}
