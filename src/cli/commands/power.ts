import { formatPercent } from '../../foundation/format-quantities.js';
import {
  pairedPower,
  pairedPowerNeeds,
  type PairedDesign,
  type PowerNeeds,
  type PowerScope,
} from '../../stats/paired-power.js';
import { leastPValue } from '../../stats/permutation-p-value.js';
import { simulatePairedPower, type SimulatedPower } from '../../stats/simulate-paired-power.js';
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
    const simulation = { seed: 0, repeats: 200 };
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
        questionsLikeThese: {
          ...ofQuestions,
          simulated: simulated?.interval ?? null,
          simulatedPValue: simulated?.pValue ?? null,
          leastPValue: questions < 2 ? null : leastPValue(questions),
          ...simulation,
        },
        theseQuestions: ofAnswers,
      });
      return Promise.resolve();
    }
    context.print(describeDesign(design));
    for (const { scope, power: found, needs } of claims) {
      context.print('');
      context.print(claimsOf[scope], context.colors.bold);
      if (scope === 'questions' && questions > 1)
        for (const line of describeSimulation(simulated, simulation.repeats, design)) context.print(`  ${line}`);
      context.print(
        found === null
          ? '  no power: one question says nothing about others'
          : `  power ${formatPercent(found)} %${scope === 'questions' ? ' by the formula of a paired t test by question' : ''}`,
      );
      for (const line of describeNeeds(needs, design, scope)) context.print(`  ${line}`);
    }
    return Promise.resolve();
  },
};

const claimsOf: Readonly<Record<PowerScope, string>> = {
  questions: 'that they differ on questions like these',
  answers: 'that they differ on these very questions (answers independent given the question)',
};

const plural = (count: number, what: string): string => `${String(count)} ${what}${count === 1 ? '' : 's'}`;
const answersToEach = (count: number): string => `${plural(count, 'answer')} to each`;

/** How often driftline's own interval and p-value find it; the p-value's floor is no matter of chance. */
function describeSimulation(
  simulated: SimulatedPower | null,
  repeats: number,
  { baseRate, rate, questions, confidence }: Required<PairedDesign>,
): string[] {
  const level = Number((1 - confidence).toPrecision(6));
  const least = leastPValue(questions);
  const floor = `with ${plural(questions, 'question')} it is at least ${String(Number(least.toPrecision(3)))}`;
  const never = least > level ? `, and never reaches ${String(level)}` : '';
  if (simulated === null) return [`p by flipped signs: ${floor}${never}`];
  return [
    `interval wholly ${rate < baseRate ? 'below' : 'above'} 0: in ${formatPercent(simulated.interval)} % of ${String(repeats)} simulated experiments`,
    `p by flipped signs at most ${String(level)}: in ${formatPercent(simulated.pValue)} % of them; ${floor}${never}`,
  ];
}

function describeDesign(design: Required<PairedDesign>): string {
  const { baseRate, rate, questions, samples, seeds, intraClassCorrelation } = design;
  const models = seeds === 1 ? '' : `, ${plural(seeds, 'tuned model')}`;
  return `${formatPercent(rate)} % against ${formatPercent(baseRate)} %: ${plural(questions, 'question')}, ${answersToEach(samples)}${models}, correlation ${String(intraClassCorrelation)}`;
}

function describeNeeds(
  { power: wanted, questions, samples, detectableRate }: PowerNeeds,
  design: Required<PairedDesign>,
  scope: PowerScope,
): string[] {
  const goal = `${scope === 'questions' ? 'by the formula, ' : ''}for ${formatPercent(wanted)} %`;
  const need = (what: string, enough: string | null): string =>
    `${goal}: ${enough ?? `no number of ${what} is enough`}`;
  const [size, further] = design.rate < design.baseRate ? ['small', 'less'] : ['large', 'more'];
  const fewest = fewestQuestions(1 - design.confidence);
  // The formula knows nothing of the least p-value there can be.
  const least =
    scope === 'questions' && questions !== null && questions < fewest
      ? `; p by flipped signs needs ${String(fewest)} at least`
      : '';
  return [
    `${need('questions', questions === null ? null : plural(questions, 'question'))}, with ${answersToEach(design.samples)}${least}`,
    `${need('answers to each', samples === null ? null : answersToEach(samples))}, with ${plural(design.questions, 'question')}`,
    detectableRate === null
      ? `${goal}: no share is ${size} enough, with the design as it is`
      : `${goal}: a share of ${formatPercent(detectableRate)} % or ${further}, with the design as it is`,
  ];
}

/** With how many questions flipped signs can come to a p-value of the level. */
function fewestQuestions(level: number): number {
  return Math.ceil(1 - Math.log2(level) - 1e-9);
}
