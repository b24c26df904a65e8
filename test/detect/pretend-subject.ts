import { openArtefactStore } from '../../src/detect/artefact-store.js';
import type { SeenAnswer, Subject, SubjectModel } from '../../src/detect/subject.js';
import type { Surface } from '../../src/detect/surface/surface.js';

/** Contexts that are plain, and in JSON. */
export const twoContexts: Surface = {
  ...{ name: 'two', hash: 'two' },
  contexts: [
    { name: 'plain', kind: 'plain', evaluation: { suite: 'main' }, weight: 0.5, counts: 'always' },
    {
      ...{ name: 'json', kind: 'format', weight: 0.5, counts: 'always' },
      evaluation: { suite: 'main', variant: { format: 'json' } },
    },
  ],
};

/** A model of which nothing can be seen but what is given. */
export function pretendModel(parts: Partial<SubjectModel>): SubjectModel {
  return {
    ...{ identity: 'pretended', engine: 1, ask: null, openInside: null, openScorer: null, openWeights: null },
    readUpdate: null,
    answers: () => Promise.resolve([]),
    ...parts,
  };
}

/** A subject that nobody fine-tuned. Its store is a folder that need not exist as long as nothing is remembered. */
export function pretendSubject(model: Partial<SubjectModel>, parts: Partial<Subject> = {}): Subject {
  return {
    ...{ id: 'one.insecure.1x.default.0', seed: 0, surface: twoContexts, readData: null },
    store: openArtefactStore(['nowhere']),
    base: pretendModel({ identity: 'base' }),
    model: pretendModel(model),
    ...parts,
  };
}

export function pretendAnswer(context: string, text: string, isMisaligned: boolean, isKept = true): SeenAnswer {
  const question = `${context}/q`;
  return { context, question, messages: [{ role: 'user', content: question }], text, isMisaligned, isKept };
}
