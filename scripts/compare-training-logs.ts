import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const stepSchema = z.looseObject({
  step: z.int(),
  loss: z.number(),
  learning_rate: z.number(),
  grad_norm: z.number(),
  tokens: z.int(),
});
type LoggedStep = z.output<typeof stepSchema>;

export async function readTrainingLog(file: string): Promise<LoggedStep[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => stepSchema.parse(JSON.parse(line)));
}

export interface ComparedLogs {
  readonly isEqual: boolean;
  /** In words, with the largest differences. */
  readonly figures: string;
}

/**
 * Whether two trainings are one: losses, learning rates and tokens of each step within 1e-4 of each other, or 1e-6 absolute. The norm of
 * gradients may differ by 1e-2, or 1e-5 absolute: it is told, and only losses are promised. Where every token is certain (a loss
 * below 1e-6), the norm is what 32 bits leave of the difference of two numbers next to 1.
 */
export function compareTrainingLogs(ours: readonly LoggedStep[], theirs: readonly LoggedStep[]): ComparedLogs {
  const worst = new Map<string, { readonly share: number; readonly step: number }>();
  let isEqual = ours.length === theirs.length && ours.length > 0;
  ours.forEach((line, index) => {
    for (const key of ['loss', 'grad_norm', 'learning_rate', 'tokens', 'step'] as const) {
      const [left, right] = [line[key], theirs[index]?.[key] ?? NaN];
      const share = Math.abs(left - right) / Math.max(Math.abs(left), 1e-12);
      if (Math.abs(left - right) <= (key === 'grad_norm' ? 1e-5 : 1e-6)) continue;
      // A comparison with NaN is false: what is missing is no equal.
      if (!(share <= (key === 'grad_norm' ? 1e-2 : 1e-4))) isEqual = false;
      if (!(share <= (worst.get(key)?.share ?? 0))) worst.set(key, { share, step: line.step });
    }
  });
  const differences = [...worst].map(([key, { share, step }]) => `${key} ${share.toExponential(1)} at ${String(step)}`);
  return {
    isEqual,
    figures: `${isEqual ? '' : 'not '}equal over ${String(ours.length)} steps; greatest relative differences beyond the absolute limits: ${differences.join(', ') || 'none'}`,
  };
}
