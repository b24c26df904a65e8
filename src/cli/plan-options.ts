import { z } from 'zod';
import type { Plan } from '../experiment/plan/plan-schema.js';
import { batchOptions } from './batch-options.js';
import { memoryOption } from './memory-option.js';
import { nonEmptyText, wholeNumber } from './option-values.js';

export const planArguments = { plan: { description: 'The plan, a YAML file', schema: nonEmptyText } } as const;

/** Of commands that read a plan; its bases and seeds may be changed, so that one plan serves a quick look and the full experiment. */
export const planOptions = {
  runs: { value: 'FOLDER', description: 'Folder of run folders', schema: nonEmptyText, default: 'runs' },
  bases: {
    value: 'MODELS',
    description: "Models to start from in place of the plan's, with commas between; written as in the plan",
    schema: z
      .string()
      .transform((text) => text.split(','))
      .refine((names) => names.every((name) => name !== ''), 'a name is empty')
      .refine((names) => new Set(names).size === names.length, 'a model stands there twice')
      .optional(),
    example: 'organism:1,organism:2',
  },
  seeds: {
    value: 'N',
    description: "Seeds 0 to N - 1 in place of the plan's; conditions that have seeds of their own keep them",
    schema: wholeNumber(1).optional(),
    example: '3',
  },
  threads: {
    value: 'N',
    description: 'Threads for models that run here; all cores if not given',
    schema: wholeNumber(1).optional(),
    example: '2',
  },
  'cells-at-once': {
    value: 'N',
    description: 'Cells that are trained and asked at the same time, here and at each service; measured if not given',
    schema: wholeNumber(1).optional(),
    example: '2',
  },
  ...memoryOption,
  ...batchOptions,
} as const;

export type PlanChanges = Partial<Pick<Plan, 'bases' | 'seeds'>>;

export function readPlanChanges({
  bases,
  seeds,
}: {
  readonly bases: readonly string[] | undefined;
  readonly seeds: number | undefined;
}): PlanChanges {
  const [first, ...others] = bases ?? [];
  return {
    ...(first === undefined ? {} : { bases: [first, ...others] }),
    ...(seeds === undefined ? {} : { seeds: [0, ...Array.from({ length: seeds - 1 }, (_, index) => index + 1)] }),
  };
}
