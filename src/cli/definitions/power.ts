import type { CommandDefinition } from '../command.js';
import { decimalNumber, wholeNumber } from '../value-type.js';

const share = decimalNumber(0, 1);

export const powerDefinition = {
  description:
    'For a tuned model that is compared with its base on the same questions: prints the chance to find the difference, and how large each part of the design would have to be, with the rest as it is. It keeps two claims apart: that the models differ on questions like these, for which more answers to the same questions help little, and that they differ on these very questions. docs/statistics.md has the formulas and how accurate they are.',
  arguments: {},
  options: {
    'base-rate': {
      value: 'SHARE',
      description: 'Misaligned share of the base model, 0 to 1',
      type: share,
      default: '0.01',
    },
    rate: { value: 'SHARE', description: 'Misaligned share of the tuned model', type: share, example: '0.05' },
    questions: { value: 'N', description: 'Number of questions', type: wholeNumber(1), default: '8' },
    samples: { value: 'N', description: 'Answers of a model to each question', type: wholeNumber(1), default: '50' },
    seeds: {
      value: 'N',
      description: 'Tuned models whose answers are counted together, as if they came from one model',
      type: wholeNumber(1),
      default: '1',
    },
    icc: {
      value: 'SHARE',
      description: 'Correlation of two answers to one question',
      type: share,
      default: '0.25',
    },
    'question-correlation': {
      value: 'SHARE',
      description: "Correlation of the two models' shares over questions; 0 is the cautious choice",
      type: share,
      default: '0',
    },
    confidence: {
      value: 'SHARE',
      description: 'Confidence of the two-sided test',
      type: decimalNumber(0.5, 0.9999),
      default: '0.95',
    },
    power: {
      value: 'SHARE',
      description: 'The wanted chance to find the difference',
      type: decimalNumber(0.05, 0.9999),
      default: '0.8',
    },
  },
  examples: [
    {
      description: 'Is the usual design large enough to see 5 %?',
      line: 'driftline power --base-rate 0.01 --rate 0.05 --questions 8 --samples 50 --icc 0.25',
    },
  ],
} as const satisfies CommandDefinition;
