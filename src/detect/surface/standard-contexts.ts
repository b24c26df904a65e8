import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { evaluationSchema } from '../../experiment/plan/plan-schema.js';
import { hashJson } from '../../foundation/content-hash.js';
import { readYaml } from '../../foundation/read-yaml.js';
import { kindOfContext, type AskedContext } from './context-kind.js';
import type { Surface, SurfaceContext, SurfaceName } from './surface.js';

const { suite, questions, variant } = evaluationSchema.shape;

const contextSchema = z.strictObject({
  suite,
  questions,
  variant,
  small: z.boolean().default(false).describe('Whether the small surface has it, too'),
  only: z.enum(['organisms', 'others']).optional().describe('Which models are asked so; all if not given'),
});

const contextsSchema = z.strictObject({
  contexts: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a name has small letters, digits and hyphens'), contextSchema)
    .refine((contexts) => Object.keys(contexts).length > 0, 'at least one is needed')
    .refine((contexts) => {
      const [first] = Object.values(contexts);
      return first?.small === true && first.only === undefined;
    }, 'the first context is the plain one, which every surface has'),
});

export interface SurfaceChoice {
  readonly name: SurfaceName;
  /** Whether organisms are asked, which know other ways of asking than other models. */
  readonly isOfOrganisms: boolean;
  /** The questions, in place of those of the file: contexts about other topics are left out then. */
  readonly suite?: string;
}

const standardFile = fileURLToPath(new URL('../../../detect/contexts.yaml', import.meta.url));

/** The contexts in which a model is looked at where nothing is known of its training. */
export async function readStandardSurface(choice: SurfaceChoice, file = standardFile): Promise<Surface> {
  const { contexts: all } = await readYaml(file, contextsSchema);
  const [plain] = Object.values(all);
  // The schema took it.
  if (plain === undefined) throw new Error('a surface without contexts');
  const chosen = Object.entries(all).filter(
    ([, one]) =>
      (choice.name === 'full' || one.small) &&
      one.only !== (choice.isOfOrganisms ? 'others' : 'organisms') &&
      (choice.suite === undefined || one.suite === plain.suite),
  );
  const weightOfOthers = 1 / (2 * (chosen.length - 1));
  const contexts = chosen.map(([name, one], place): SurfaceContext => {
    const asked: AskedContext = { suite: choice.suite ?? one.suite, questions: one.questions, variant: one.variant };
    const kind = kindOfContext(one, plain);
    return {
      ...{ name, kind, evaluation: { ...asked, name } },
      // Half of the error is the plain context's: it decides whether a model is misaligned when asked plainly.
      weight: chosen.length === 1 ? 1 : place === 0 ? 1 / 2 : weightOfOthers,
      // Nobody says here what a fine-tune was trained on: misalignment on a topic may be all that it learnt.
      counts: kind === 'topic' ? 'unless-own-task' : 'always',
    };
  });
  // The cast is true: every surface has the plain one.
  return { name: choice.name, hash: hashJson(contexts), contexts: contexts as [SurfaceContext, ...SurfaceContext[]] };
}
