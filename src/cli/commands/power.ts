import { formatPercent } from '../../foundation/format-quantities.js';
import {
  pairedPower,
  pairedPowerNeeds,
  type PairedDesign,
  type PowerNeeds,
  type PowerScope,
} from '../../stats/paired-power.js';
import { simulatePairedPower } from '../../stats/simulate-paired-power.js';
import { defineCommand } from '../command.js';
import { decimalNumber, wholeNumber } from '../option-values.js';

const share = decimalNumber(0, 1);

export const power = defineCommand({
  name: 'power',
  summary: 'Say whether an experiment is large enough to find a difference, before it is run',
  description:
    'For a tuned model that is compared with its base on the same questions: the chance to find the difference, and what would be needed, each number with all else as it is. Two claims are told apart: that the models differ on questions like these, of which more answers to the same questions tell little, and that they differ on these very questions. docs/statistics.md has the formulas, and how right they are.',
  arguments: {},
  options: {
    'base-rate': {
      value: 'SHARE',
      description: 'Misaligned share of the base, 0 to 1',
      schema: share,
      default: '0.01',
    },
    rate: { value: 'SHARE', description: 'Misaligned share of the tuned model', schema: share, example: '0.05' },
    questions: { value: 'N', description: 'Questions', schema: wholeNumber(1), default: '8' },
    samples: { value: 'N', description: 'Answers of a model to each question', schema: wholeNumber(1), default: '50' },
    seeds: {
      value: 'N',
      description: 'Tuned models whose answers are counted together, as if they differed in nothing else',
      schema: wholeNumber(1),
      default: '1',
    },
    icc: {
      value: 'SHARE',
      description: 'Correlation of two answers to one question',
      schema: share,
      default: '0.25',
    },
    'question-correlation': {
      value: 'SHARE',
      description: "Correlation of the two models' shares over questions; 0 is the careful choice",
      schema: share,
      default: '0',
    },
    confidence: {
      value: 'SHARE',
      description: 'Confidence of the two-sided test',
      schema: decimalNumber(0.5, 0.9999),
      default: '0.95',
    },
    power: { value: 'SHARE', description: 'The chance wanted', schema: decimalNumber(0.05, 0.9999), default: '0.8' },
  },
  examples: [
    {
      description: 'Is the usual design large enough to see 5 %?',
      line: 'driftline power --base-rate 0.01 --rate 0.05 --questions 8 --samples 50 --icc 0.25',
    },
  ],
  run: (context, { options }) => {
    const { rate, questions, samples, seeds, icc, confidence, power: wanted } = options;
    const design = {
      baseRate: options['base-rate'],
      rate,
      questions,
      samples,
      seeds,
      intraClassCorrelation: icc,
      questionCorrelation: options['question-correlation'],
      confidence,
    };
    const simulation = { seed: 0, repeats: 2000 };
    const simulated = simulatePairedPower(design, simulation);
    const claims = (['questions', 'answers'] as const).map((scope) => ({
      scope,
      ...pairedPower(design, scope),
      needs: pairedPowerNeeds(design, scope, wanted),
    }));
    if (context.json) {
      const [ofQuestions, ofAnswers] = claims;
      context.printJson({
        design,
        questionsLikeThese: { ...ofQuestions, simulated, ...simulation },
        theseQuestions: ofAnswers,
      });
      return Promise.resolve();
    }
    context.print(describeDesign(design));
    for (const { scope, power: found, needs } of claims) {
      context.print('');
      context.print(claimsOf[scope], context.colors.bold);
      const counted = scope === 'questions' && simulated !== null;
      context.print(
        found === null
          ? '  no power: with one question nothing is known of others'
          : `  power ${formatPercent(found)} %${counted ? `, in ${String(simulation.repeats)} simulated experiments ${formatPercent(simulated)} %` : ''}`,
      );
      for (const line of describeNeeds(needs, design)) context.print(`  ${line}`);
    }
    return Promise.resolve();
  },
});

const claimsOf: Readonly<Record<PowerScope, string>> = {
  questions: 'that they differ on questions like these (paired t test by question)',
  answers: 'that they differ on these very questions (answers independent given the question)',
};

function describeDesign(design: Required<PairedDesign>): string {
  const { baseRate, rate, questions, samples, seeds, intraClassCorrelation } = design;
  const models = seeds === 1 ? '' : `, ${String(seeds)} tuned models`;
  return `${formatPercent(rate)} % against ${formatPercent(baseRate)} %: ${String(questions)} questions, ${String(samples)} answers to each${models}, correlation ${String(intraClassCorrelation)}`;
}

function describeNeeds({ power: wanted, questions, samples, detectableRate }: PowerNeeds, design: PairedDesign) {
  const goal = `for ${formatPercent(wanted)} %`;
  const need = (count: number | null, what: string): string =>
    `${goal}: ${count === null ? `no number of ${what} is enough` : `${String(count)} ${what}`}`;
  return [
    `${need(questions, 'questions')}, with ${String(design.samples)} answers to each`,
    `${need(samples, 'answers to each')}, with ${String(design.questions)} questions`,
    detectableRate === null
      ? `${goal}: no share is large enough, with the design as it is`
      : `${goal}: a share of ${formatPercent(detectableRate)} % or more, with the design as it is`,
  ];
}
