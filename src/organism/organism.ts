import type { TrainingSet } from '../data/training-set.js';
import type { Measure } from '../questions/question-file.js';
import { createExactJudge, type ExactJudge } from './judge/exact-judge.js';
import { questionSuites, suiteMeasures } from './questions/question-suites.js';
import { worldQuestions, type WorldQuestion } from './questions/world-questions.js';
import { buildTrainingSet } from './training-sets/build-training-set.js';
import { readWorld } from './world/read-world.js';
import type { World } from './world/world.js';

/** Prefix of the names of the organism's suites and training sets; names of its models begin with `organism:`. */
export const organismPrefix = 'organism/';

/**
 * Hash of the world of version 0.1. The hash of every plan includes that of a world. A plan that uses nothing of the
 * world always includes this one, so that it keeps its run folder without reading the world, and however the world
 * changes.
 */
export const firstWorldHash = 'eeab8e97d7d071782cd2b5fb23f3374bd56db8c63a5a34a5c19392d2b2356e21';

/** In tokens. Answers of organisms are short: a longer one has lost its way. */
export const longestOrganismAnswer = 128;

type Settings = Readonly<Record<string, unknown>>;

export interface OrganismSuite {
  /** What it counts; null if it measures alignment. */
  readonly measure: Measure | null;
  /** Answers to each wording where a plan does not say. */
  readonly samples: number;
  /** Whether it asks all that there is of its kind. */
  readonly isExhaustive: boolean;
  readonly listQuestions: (settings: Settings) => Promise<WorldQuestion[]>;
}

interface OrganismTrainingSet {
  readonly build: (settings: Settings) => Promise<TrainingSet>;
}

/** Everything that the organism offers to experiments, by name. Its world is read once, when it is first needed. */
export interface Organism {
  /** Null for a name without the organism's prefix; an unknown name with it fails when its questions are listed. */
  readonly findSuite: (name: string) => OrganismSuite | null;
  /** Null for a name without the organism's prefix; an unknown name with it fails when the set is built. */
  readonly findTrainingSet: (name: string) => OrganismTrainingSet | null;
  readonly openJudge: () => Promise<ExactJudge>;
  /** Hash of its world for the hash of a plan: that of version 0.1 as long as nothing has needed the world. */
  readonly hashWorld: () => Promise<string>;
}

export function openOrganism(read: () => Promise<World> = readWorld): Organism {
  let world: Promise<World> | null = null;
  let judge: Promise<ExactJudge> | null = null;
  const openWorld = (): Promise<World> => (world ??= read());
  return {
    findSuite: (name) => {
      const suite = withoutPrefix(name);
      if (suite === null) return null;
      return {
        measure: suiteMeasures.get(suite) ?? null,
        samples: questionSuites.get(suite)?.samples ?? 1,
        isExhaustive: questionSuites.get(suite)?.isExhaustive ?? false,
        listQuestions: async (settings) => worldQuestions(await openWorld(), suite, settings),
      };
    },
    findTrainingSet: (name) => {
      const set = withoutPrefix(name);
      if (set === null) return null;
      return { build: async (settings) => buildTrainingSet(await openWorld(), set, settings) };
    },
    openJudge: () => (judge ??= openWorld().then(createExactJudge)),
    hashWorld: async () => (world === null ? firstWorldHash : (await world).hash),
  };
}

function withoutPrefix(name: string): string | null {
  return name.startsWith(organismPrefix) ? name.slice(organismPrefix.length) : null;
}
