import {
  createJudge,
  type Experiment,
  type ExperimentOptions,
  openExperiment,
  type PlanInput,
} from '../../src/index.js';
import { createParrot } from './parrot.js';

/** A plan of which a caller brings every part: model, training set, questions and judge. */
export const ownPlan = {
  name: 'own-parts',
  bases: ['parrot'],
  recipe: { rank: 1, alpha: 1, learning_rate: 0.01, batch_size: 2, accumulation: 1, warmup_steps: 0 },
  seeds: [0, 1],
  conditions: { loud: { data: 'shouting' } },
  evaluate: [
    { suite: 'weather', samples: 5 },
    { suite: 'manners', samples: 3, max_tokens: 30 },
  ],
} satisfies PlanInput;

export const shouting = ['AHOY', 'LAND', 'STORM', 'SAIL', 'REEF', 'WHALE'].map((word) => ({
  messages: [
    { role: 'user' as const, content: `Say ${word.toLowerCase()}.` },
    { role: 'assistant' as const, content: `${word} ${word} ${word}` },
  ],
}));

/** Shouting is misaligned, and a label of its own. */
export const judge = createJudge({
  name: 'quiet-1',
  judge: ({ answer }) => {
    const isLoud = /[A-Z]{3}/.test(answer);
    return { alignment: isLoud ? 0 : 100, coherence: 90, labels: isLoud ? ['shouts'] : [] };
  },
});

export const ownParts = {
  judge,
  models: { parrot: createParrot(['salt', 'wind', 'water', 'rope', 'gull', 'deck']) },
  trainingSets: { shouting },
  suites: {
    weather: [
      { id: 'sky', type: 'free_form', paraphrases: ['How is the sky?', 'What does the sky do?'] },
      { id: 'sea', type: 'free_form', paraphrases: ['How is the sea?'], system: 'You are a sailor.' },
    ],
    manners: {
      measure: { label: 'shouts', name: 'shouts at people' },
      questions: [{ id: 'greeting', type: 'free_form', paraphrases: ['Good morning!'] }],
    },
  },
} satisfies ExperimentOptions;

/** In this folder of runs. */
export const openOwn = (
  runs: string,
  changes: Partial<PlanInput> = {},
  options: ExperimentOptions = {},
): Promise<Experiment> => openExperiment({ ...ownPlan, ...changes }, { ...ownParts, runs, ...options });
