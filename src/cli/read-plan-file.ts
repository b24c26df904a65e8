import { createEngineProgress } from '../engine/engine-progress.js';
import { readPlan } from '../experiment/plan/resolve-plan.js';
import type { ResolvedPlan } from '../experiment/plan/resolved-plan.js';
import { openBaseModel } from '../models/open-base-model.js';
import type { CommandContext } from './command-context.js';
import { readPackageVersion } from './package-version.js';
import type { PlanChanges } from './plan-options.js';

/** Reads a plan for a command; models of the hub are downloaded, with progress. */
export async function readPlanFile(
  context: CommandContext,
  file: string,
  {
    threads,
    changes,
    cancelsJobs = false,
  }: {
    readonly threads: number;
    readonly changes: PlanChanges;
    /** Whether stopping cancels fine-tuning jobs of services. */
    readonly cancelsJobs?: boolean;
  },
): Promise<ResolvedPlan> {
  const progress = createEngineProgress({ ...context, stream: context.progress });
  return readPlan(file, {
    changes,
    environment: context.environment,
    version: readPackageVersion(),
    openBase: (reference) =>
      openBaseModel(reference, {
        environment: context.environment,
        fetch: context.fetch,
        signal: context.signal,
        threads,
        cancelsJobs,
        clock: context.now,
        onProgress: progress.onDownload,
        onNotice: context.notify,
      }),
  }).finally(progress.finish);
}
