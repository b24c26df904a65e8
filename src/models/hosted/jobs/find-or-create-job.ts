import { hashContent } from '../../../foundation/content-hash.js';
import type { Recipe } from '../../../engine/train/recipe.js';
import { toJsonLines, type TrainingRow } from '../../../data/training-set.js';
import type { HostedClient } from '../client/hosted-client.js';
import { readHostedFile, readHostedJob, stateOfJob, type HostedJob } from './hosted-job.js';
import { classifyFailure } from '../traffic/hosted-traffic.js';
import { listItems, sendCall } from '../traffic/send-call.js';

/** A job as a service is asked for it. */
interface WantedJob {
  readonly model: string;
  /** SHA-256 of all that decides what comes out of it: the job bears it, to be found again. */
  readonly mark: string;
  readonly rows: readonly TrainingRow[];
  readonly recipe: Recipe;
  readonly keepSteps: readonly number[];
  readonly learningRateMultiplier: number | null;
  /** Whether the service takes a whole recipe, which only `driftline serve` does. */
  readonly takesRecipes: boolean;
}

const metadataKey = 'driftline_job';
/** Among so many of the latest jobs is looked. */
const recentJobs = 1000;
const attempts = 3;

/** What the model's name has in it, where the service does not keep metadata. */
function suffixOf(mark: string): string {
  return `driftline-${mark.slice(0, 16)}`;
}

/** The latest job with the mark that has not failed; null where there is none. */
export async function findJob(
  { client, traffic }: HostedClient,
  mark: string,
  signal?: AbortSignal,
): Promise<HostedJob | null> {
  let seen = 0;
  const jobs = listItems(
    traffic,
    (after) => (options) => client.fineTuning.jobs.list({ limit: 100, ...after }, options),
    signal === undefined ? {} : { signal },
  );
  for await (const listed of jobs) {
    const job = readHostedJob(listed);
    if (hasMark(job, mark) && stateOfJob(job) !== 'failed') return job;
    seen += 1;
    if (seen >= recentJobs) break;
  }
  return null;
}

function hasMark({ metadata, user_provided_suffix: suffix, fine_tuned_model: name }: HostedJob, mark: string): boolean {
  const known = metadata?.[metadataKey];
  if (known !== undefined) return known === mark;
  return suffix === suffixOf(mark) || (name ?? '').includes(suffixOf(mark));
}

/**
 * Uploads the rows, which costs nothing, and makes the job. Where it is not known whether a request made it, the job is
 * looked for before it is asked for again: nobody pays for it twice. The signal does not stop a request that is under
 * way.
 */
export async function createJob(
  hosted: HostedClient,
  wanted: WantedJob,
  wait: (milliseconds: number) => Promise<void>,
  signal?: AbortSignal,
): Promise<HostedJob> {
  const { client, traffic } = hosted;
  const trainingFile = readHostedFile(
    await sendCall(
      traffic,
      (options) => client.files.create({ file: fileOf(wanted), purpose: 'fine-tune' }, options),
      signal === undefined ? {} : { signal },
    ),
  );
  const body = describeJob(wanted, trainingFile);
  const leave = signal === undefined ? {} : { leave: signal };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return readHostedJob(
        await sendCall(traffic, (options) => client.fineTuning.jobs.create(body, options), { ...leave, once: true }),
      );
    } catch (failure) {
      if (classifyFailure(failure) === 'final') throw failure;
      await wait(500 * 2 ** attempt);
      const found = await findJob(hosted, wanted.mark);
      if (found !== null) return found;
      if (attempt === attempts) throw failure;
    }
  }
}

function fileOf({ rows, recipe, takesRecipes, mark }: WantedJob): File {
  // Services leave out what has the weight 0; the loss `answers` leaves out nothing.
  const isBare = !takesRecipes && recipe.loss === 'answers';
  const sent = isBare ? rows.map(withoutWeights) : rows;
  return new File([toJsonLines({ rows: sent })], `${suffixOf(mark)}.jsonl`);
}

function withoutWeights({ messages }: TrainingRow): TrainingRow {
  return { messages: messages.map(({ role, content }) => ({ role, content })) };
}

function describeJob(
  { model, mark, recipe, keepSteps, learningRateMultiplier, takesRecipes }: WantedJob,
  trainingFile: string,
) {
  const common = {
    model,
    training_file: trainingFile,
    suffix: suffixOf(mark),
    seed: recipe.seed,
    metadata: { [metadataKey]: mark },
  };
  // Beside the protocol: what only driftline serve knows.
  if (takesRecipes) return { ...common, recipe, checkpoint_steps: [...keepSteps] };
  const hyperparameters = {
    n_epochs: recipe.epochs,
    batch_size: recipe.batch_size * recipe.accumulation,
    ...(learningRateMultiplier === null ? {} : { learning_rate_multiplier: learningRateMultiplier }),
  };
  return { ...common, method: { type: 'supervised' as const, supervised: { hyperparameters } } };
}

/** SHA-256 of rows as they are trained on. */
export function hashRows(rows: readonly TrainingRow[]): string {
  return hashContent(toJsonLines({ rows }));
}
