import { binWidth, type ScoreCloud } from '../../analysis/bin-scores.js';
import type { DynamicsCurve } from '../../analysis/analyse-run.js';
import { showsMisalignment } from '../../analysis/drift.js';
import type { MeasureRow } from '../../analysis/measure-rows.js';
import { findRule } from '../../judging/rules.js';
import { baseCondition, isBase } from '../../runs/run-outline.js';
import { linkAnswers, linkMeasure, type AnswerFilter } from '../answer-link.js';
import { count, percent, percentRange } from '../format-numbers.js';
import type { ReportData, TrainingCurve } from '../report-data.js';
import { describeWay, nameCondition, shortWay } from '../write-verdict.js';
import { drawBars, type Bar } from './draw-bars.js';
import { drawLines, type Line, type LinePoint } from './draw-lines.js';
import { drawScores } from './draw-scores.js';
import { lineColor, type Figure, type FigureLink } from './figure.js';
import { roundShareLimit } from './scale.js';

const wide = 840;
const narrow = 348;
const panelWidth = 348;

/** The same figure for wide and for narrow screens. */
export interface FigurePair {
  readonly wide: Figure;
  readonly narrow: Figure;
}

/**
 * The misaligned share of every condition of a base. A condition that hides its misalignment gets a second bar, for the way of asking that
 * shows it.
 */
export function drawOverview(data: ReportData, base: string, link: FigureLink): FigurePair {
  const rows = data.rows.filter((row) => row.base === base && row.outcome.kind === 'misaligned');
  const shown = rows
    .filter(({ evaluation }) => evaluation === data.mainEvaluation)
    .flatMap((row) => [row, ...rows.filter((one) => one.isHidden && one.condition === row.condition)]);
  const label = (row: MeasureRow): string =>
    row.isHidden ? `${row.condition}, ${shortWay(describeWay(data, row.evaluation))}` : nameCondition(data, row);
  return drawPair({
    name: `misaligned-${base}`,
    title: `Misaligned answers of ${base}`,
    description: describeBars(shown, label),
    bars: shown.map((row) => barOfRow(row, label(row), link)),
  });
}

/** Conditions that were asked the same questions in several ways, each way beside the plain one. */
export function drawVariants(data: ReportData, base: string, link: FigureLink): FigurePair | null {
  const suites = new Map<string, MeasureRow[]>();
  const evaluationOf = new Map(data.evaluations.map((evaluation) => [evaluation.name, evaluation]));
  for (const row of data.rows) {
    if (row.base !== base || row.outcome.kind !== 'misaligned') continue;
    const key = JSON.stringify([row.condition, evaluationOf.get(row.evaluation)?.suite]);
    suites.set(key, [...(suites.get(key) ?? []), row]);
  }
  const rows = [...suites.values()].filter(({ length }) => length > 1).flat();
  if (rows.length === 0) return null;
  const label = (row: MeasureRow): string => {
    const name = nameCondition(data, row);
    return row.evaluation === data.mainEvaluation ? name : `${name}, ${describeWay(data, row.evaluation)}`;
  };
  const bars = rows.map((row) => barOfRow(row, label(row), link));
  return drawPair({
    name: `ways-of-asking-${base}`,
    title: `Misaligned answers of ${base} by how it was asked`,
    description: describeBars(rows, (row) => nameCondition(data, row)),
    bars,
  });
}

type PairSettings = Omit<Parameters<typeof drawBars>[0], 'width'>;

function drawPair(settings: PairSettings): FigurePair {
  return { wide: drawBars({ ...settings, width: wide }), narrow: drawBars({ ...settings, width: narrow }) };
}

function barOfRow(row: MeasureRow, label: string, link: FigureLink): Bar {
  const { share, base, condition, evaluation, outcome, seeds } = row;
  return {
    label,
    share: share.share,
    interval: share.interval ?? (share.trials === 0 ? null : share.wilson),
    value:
      share.share === null
        ? 'no answers count'
        : `${percent(share.share)} (${percentRange(share.interval ?? share.wilson)})`,
    explanation: `${count(share.successes)} of ${count(share.trials)} answers. Show them`,
    href: link(linkMeasure(outcome, { base, condition, evaluation })),
    tone: toneOf(row),
    dots: seeds.length < 2 ? [] : seeds.flatMap(({ successes, trials }) => (trials === 0 ? [] : [successes / trials])),
  };
}

function toneOf(row: MeasureRow): Bar['tone'] {
  if (isBase(row)) return 'base';
  return showsMisalignment(row.verdict) ? 'misaligned' : 'plain';
}

function describeBars(rows: readonly MeasureRow[], label: (row: MeasureRow) => string): string {
  return `Bars with 95\u00a0% intervals for questions like these: ${rows.map((row) => `${label(row)} ${percent(row.share.share)}`).join(', ')}.`;
}

/** Most questions in a panel. */
const mostQuestions = 24;

/** The questions of one row of the table, the most misaligned first. */
export function drawQuestions(row: MeasureRow, link: FigureLink, limit: number): Figure {
  const { base, condition, evaluation, outcome } = row;
  const counted = row.questions.filter(({ trials }) => trials > 0);
  const sorted = [...counted].sort((one, other) => other.successes / other.trials - one.successes / one.trials);
  const shown = sorted.slice(0, mostQuestions);
  return drawBars({
    name: `questions-${base}-${evaluation}-${condition}`,
    title: `${condition}: ${row.measure} answers by question`,
    description: `Bars with Wilson's 95\u00a0% intervals over answers, for these questions: ${shown
      .map(({ question, successes, trials }) => `${question} ${percent(successes / trials)}`)
      .join(', ')}.`,
    width: panelWidth,
    limit,
    bars: shown.map(({ question, wording, successes, trials, interval }) => ({
      label: wording === null ? question : `${question}: ${wording}`,
      share: successes / trials,
      interval,
      value: percent(successes / trials),
      explanation: `${count(successes)} of ${count(trials)} answers of ${condition}, interval ${percentRange(interval)}\u00a0%. Show them`,
      href: link(linkMeasure(outcome, { base, condition, evaluation, question })),
      tone: isBase(row) ? 'base' : successes > 0 ? 'misaligned' : 'plain',
      dots: [],
    })),
  });
}

/** Common end of the axes of panels that are compared. */
export function limitOfQuestions(rows: readonly MeasureRow[]): number {
  return roundShareLimit(
    Math.max(
      0,
      ...rows.flatMap(({ questions }) =>
        questions.filter(({ trials }) => trials > 0).map(({ interval }) => interval[1]),
      ),
    ),
  );
}

export function drawCloud(cloud: ScoreCloud, data: ReportData, largest: number, link: FigureLink): Figure {
  const { base, condition, evaluation, bins } = cloud;
  const rule = findRule(data.rule);
  const misalignedBelow =
    Array.from({ length: 1001 }, (_, index) => index / 10).find((score) => !rule.isMisaligned(score)) ?? 100;
  const coherentFrom =
    Array.from({ length: 1001 }, (_, index) => index / 10).find((score) => rule.isCoherent(score)) ?? 0;
  return drawScores({
    name: `scores-${base}-${evaluation}-${condition}`,
    title: condition,
    description: `${count(bins.reduce((sum, bin) => sum + bin.answers, 0))} answers by alignment and coherence.`,
    misalignedBelow,
    coherentFrom,
    largest,
    bubbles: bins.map(({ alignment, coherence, answers }) => {
      const filter: AnswerFilter = {
        base,
        condition,
        evaluation,
        alignment: [alignment, alignment + binWidth],
        coherence: [coherence, coherence + binWidth],
      };
      return {
        alignment: alignment + binWidth / 2,
        coherence: coherence + binWidth / 2,
        answers,
        explanation: `${count(answers)} answers with alignment ${alignment} to ${alignment + binWidth} and coherence ${coherence} to ${coherence + binWidth}. Show them`,
        href: link(linkAnswers(filter)),
      };
    }),
  });
}

/** Curves of one measure, one line per condition. */
export function drawDynamics(curves: readonly DynamicsCurve[], link: FigureLink): FigurePair | null {
  const [first] = curves;
  if (first === undefined || curves.every(({ points }) => points.length === 0)) return null;
  const high = roundShareLimit(
    Math.max(0, ...curves.flatMap(({ points }) => points.map(({ interval }) => interval[1]))),
  );
  const lines = curves.map((curve, index): Line => ({
    label: curve.condition,
    color: lineColor(index),
    points: curve.points.map(({ step, successes, trials, interval }, position): LinePoint => {
      const share = trials === 0 ? 0 : successes / trials;
      const isLast = position === curve.points.length - 1;
      const where: AnswerFilter = {
        base: curve.base,
        condition: step === 0 ? baseCondition : curve.condition,
        evaluation: curve.evaluation,
        step: step === 0 || isLast ? 'finished' : step,
      };
      return {
        x: step,
        y: share,
        interval,
        href: link(linkMeasure(curve.outcome, where)),
        explanation: `${curve.condition}, step ${step}: ${count(successes)} of ${count(trials)} answers, ${percent(share)} (${percentRange(interval)}). Show them`,
      };
    }),
  }));
  const settings = {
    name: `dynamics-${first.base}-${first.measure.replaceAll(' ', '-')}`,
    title: `${first.measure} answers of ${first.base} during training`,
    description: `A line for each condition, by training step: ${curves.map(({ condition }) => condition).join(', ')}.`,
    lines,
    xTitle: 'training step',
    yRange: [0, high] as const,
    formatY: (share: number) => `${String(Number((100 * share).toFixed(2)))}\u00a0%`,
  };
  return {
    wide: drawLines({ ...settings, width: wide, height: 320 }),
    narrow: drawLines({ ...settings, width: narrow, height: 260 }),
  };
}

const trainingMeasures = [
  { key: 'loss', title: 'loss', unit: 'nats a token' },
  { key: 'learning_rate', title: 'learning rate', unit: '' },
  { key: 'grad_norm', title: 'gradient norm', unit: 'before clipping' },
] as const;

/** Loss, learning rate and gradient norm of a condition's trainings, one line per seed. */
export function drawTraining(condition: string, curves: readonly TrainingCurve[], limits: TrainingLimits): Figure[] {
  const [first] = curves;
  if (first === undefined) return [];
  // Who trained elsewhere may not say how large gradients were.
  const known = trainingMeasures.filter(({ key }) =>
    curves.some(({ points }) => points.some((point) => point[key] !== undefined)),
  );
  return known.map(({ key, title }) =>
    drawLines({
      name: `training-${first.base}-${condition}-${key.replace('_', '-')}`,
      title: `${condition}: ${title}`,
      description: `By training step, one line for each of ${curves.length} seeds.`,
      width: 230,
      height: 150,
      yRange: [0, limits[key]],
      xTitle: 'step',
      formatY: formatSmall,
      lines: curves.map(({ points }, index) => ({
        label: '',
        color: lineColor(index === 0 ? 0 : 4 + index),
        points: thin(points.flatMap(({ step, [key]: y }) => (y === undefined ? [] : [{ x: step, y }]))),
      })),
    }),
  );
}

type TrainingLimits = Readonly<Record<(typeof trainingMeasures)[number]['key'], number>>;

/** Common ends of the axes of all conditions, so that they can be compared. */
export function limitTraining(curves: readonly TrainingCurve[]): TrainingLimits {
  const limit = (key: keyof TrainingLimits): number => {
    let highest = 0;
    for (const { points } of curves) for (const point of points) highest = Math.max(highest, point[key] ?? 0);
    return highest === 0 ? 1 : highest;
  };
  return { loss: limit('loss'), learning_rate: limit('learning_rate'), grad_norm: limit('grad_norm') };
}

const mostPoints = 110;

/** Averages neighbouring points if there are more than can be seen. */
function thin(points: readonly LinePoint[]): LinePoint[] {
  const size = Math.ceil(points.length / mostPoints);
  if (size <= 1) return [...points];
  const thinned: LinePoint[] = [];
  for (let start = 0; start < points.length; start += size) {
    const part = points.slice(start, start + size);
    const mean = (read: (point: LinePoint) => number): number =>
      part.reduce((sum, point) => sum + read(point), 0) / part.length;
    thinned.push({ x: mean(({ x }) => x), y: mean(({ y }) => y) });
  }
  return thinned;
}

function formatSmall(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001)
    return value
      .toExponential(value.toPrecision(2).endsWith('0') ? 0 : 1)
      .replace('e-', 'e−')
      .replace('.0e', 'e');
  return String(Number(value.toPrecision(3)));
}
