import { formatPercent } from '../../foundation/format-quantities.js';
import {
  pairedPower,
  pairedPowerNeeds,
  type PairedDesign,
  type PowerNeeds,
  type PowerScope,
} from '../../stats/paired-power.js';
import { simulatePairedPower } from '../../stats/simulate-paired-power.js';
import type { CommandAction } from '../command.js';
import type { powerDefinition } from '../definitions/power.js';

export const power: CommandAction<typeof powerDefinition> = {
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
          ? '  no power: one question says nothing about others'
          : `  power ${formatPercent(found)} %${counted ? `, in ${String(simulation.repeats)} simulated experiments ${formatPercent(simulated)} %` : ''}`,
      );
      for (const line of describeNeeds(needs, design)) context.print(`  ${line}`);
    }
    return Promise.resolve();
  },
};

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
