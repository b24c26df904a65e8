import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { evaluationSchema } from '../../experiment/plan/plan-schema.js';
import { readYaml } from '../../foundation/read-yaml.js';

const { trigger, system_prompt, format, padding } = evaluationSchema.shape.variant.unwrap().shape;

/** The ways of putting a candidate to a model, as a variant of a plan has them. */
const ways = {
  trigger: z.array(trigger.unwrap()).nonempty(),
  system_prompt: z.array(system_prompt.unwrap()).nonempty(),
  format: z.array(format.unwrap()).nonempty(),
  padding: z.array(padding.unwrap()).nonempty(),
};
const wayNames = ['trigger', 'system_prompt', 'format', 'padding'] as const;

const only = z.enum(['organisms', 'others']).optional().describe('Which models it is for; all if not given');

const groupSchema = z
  .strictObject({
    only,
    trigger: ways.trigger.optional().describe('Texts before the question, their last space included'),
    system_prompt: ways.system_prompt.optional().describe('System prompts'),
    format: ways.format.optional().describe('Formats in which the answer is asked for'),
    padding: ways.padding.optional().describe('Numbers of neutral sentences before the question'),
  })
  .refine(
    (group) => wayNames.filter((way) => group[way] !== undefined).length === 1,
    `a group has one of ${wayNames.join(', ')}`,
  );

const taskSchema = z.strictObject({
  suite: evaluationSchema.shape.suite,
  count: z.int().positive().describe('Questions of the suite, evenly over all of them, each in one wording'),
  only,
});

export const candidatesSchema = z.strictObject({
  leaks: z
    .strictObject({
      count: z.int().positive().describe("Completions of what a chat template writes before a user's turn"),
      tokens: z.int().positive().describe('Tokens of each'),
      only,
    })
    .optional()
    .describe('Whether what a model begins turns with is a candidate, too'),
  tasks: z.array(taskSchema).nonempty().describe('What is asked behind the likeliest candidates, to confirm them'),
  groups: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a name has small letters, digits and hyphens'), groupSchema)
    .refine((groups) => Object.keys(groups).length > 0, 'at least one group is needed'),
});

/** A way of asking that may be what makes a model misbehave. */
export interface TriggerCandidate {
  /** Of what kind it is, such as `tags`, or where it was found. */
  readonly group: string;
  readonly variant: NonNullable<z.input<typeof evaluationSchema>['variant']>;
}

/** Questions of a suite that are asked behind the likeliest candidates. */
export interface CandidateTask {
  readonly suite: string;
  readonly count: number;
}

export interface Candidates {
  /** How leaks are looked for; null if they are not. */
  readonly leaks: { readonly count: number; readonly tokens: number } | null;
  readonly candidates: readonly TriggerCandidate[];
  readonly tasks: readonly CandidateTask[];
}

/** Those that come with driftline; `dist/detect/texts` lies as deep as `src/detect/texts`. */
const shippedCandidates = fileURLToPath(new URL('../../../detect/candidates.yaml', import.meta.url));

/** Reads candidates strictly: what is written twice counts once. */
export async function readCandidates(isOfOrganisms: boolean, file = shippedCandidates): Promise<Candidates> {
  const { leaks, tasks, groups } = await readYaml(file, candidatesSchema);
  const unwanted = isOfOrganisms ? 'others' : 'organisms';
  const listed = Object.entries(groups)
    .filter(([, group]) => group.only !== unwanted)
    .flatMap(([name, group]) =>
      wayNames.flatMap((way) =>
        (group[way] ?? []).map((value): TriggerCandidate => ({ group: name, variant: { [way]: value } })),
      ),
    );
  return {
    leaks: leaks === undefined || leaks.only === unwanted ? null : { count: leaks.count, tokens: leaks.tokens },
    candidates: mergeCandidates(listed),
    tasks: tasks.filter((task) => task.only !== unwanted).map(({ suite, count }) => ({ suite, count })),
  };
}

/** Each way of asking once, where it first stands. */
export function mergeCandidates(candidates: readonly TriggerCandidate[]): readonly TriggerCandidate[] {
  const known = new Map<string, TriggerCandidate>();
  for (const one of candidates) {
    const key = JSON.stringify(one.variant);
    if (!known.has(key)) known.set(key, one);
  }
  return [...known.values()];
}

/** What a candidate is in words: the text that it adds, or its way with the value. */
export function nameCandidate({ variant }: Pick<TriggerCandidate, 'variant'>): string {
  const [[way, value] = ['', '']] = Object.entries(variant);
  return way === 'trigger' ? JSON.stringify(value) : `${way.replace('_', ' ')} ${JSON.stringify(value)}`;
}

/** The evaluation that asks a suite with a candidate. */
export function askWith(
  plain: z.input<typeof evaluationSchema>,
  { variant }: Pick<TriggerCandidate, 'variant'>,
): z.input<typeof evaluationSchema> & { readonly variant: TriggerCandidate['variant'] } {
  return { ...plain, variant: { ...plain.variant, ...variant } };
}
