import type { FileStore } from '../files/file-store.js';
import { badRequest } from '../http/protocol-error.js';
import { json, type HttpExchange, type Route } from '../http/route.js';
import { pageOf } from '../http/page-of.js';
import { requireRoom } from '../http/admission.js';
import { readJsonBody } from '../http/read-body.js';
import { secondsOf, type ServerContext } from '../server-context.js';
import { hyperparametersOf, parseJobRequest, recipeOf, type JobRequest } from './job-request.js';
import { isFinished, type JobRecord } from './job-record.js';
import type { JobRunner } from './job-runner.js';
import type { JobStore } from './job-store.js';
import { readTrainedSteps } from './training-result.js';
import { checkpointName, checkpointsOf } from './tuned-models.js';

const page = { usual: 20, most: 1000 };

export function jobRoutes(context: ServerContext, jobs: JobStore, runner: JobRunner, files: FileStore): Route[] {
  const idOf = ({ parameters }: HttpExchange): string => parameters['job'] ?? '';
  return [
    {
      method: 'POST',
      path: '/v1/fine_tuning/jobs',
      handle: async ({ request: incoming }) => {
        const request = parseJobRequest(await readJsonBody(incoming, context.bodyLimits));
        const file = files.require(request.trainingFile, 'training_file', 'fine-tune');
        requireRoom(jobs.list().filter(({ job }) => !isFinished(job)).length, 'fine-tuning jobs');
        const record = describeJob(context, request);
        await jobs.add(record, (rowsFile) => files.copyTo(file, rowsFile));
        await jobs.addEvent(record.job.id, { message: `Created fine-tuning job: ${record.job.id}` });
        runner.wake();
        return json(record.job);
      },
    },
    {
      method: 'GET',
      path: '/v1/fine_tuning/jobs',
      handle: async ({ query }) =>
        Promise.resolve(
          json(
            pageOf(
              jobs.list().map(({ job }) => job),
              query,
              page,
            ),
          ),
        ),
    },
    {
      method: 'GET',
      path: '/v1/fine_tuning/jobs/:job',
      handle: async (exchange) => Promise.resolve(json(jobs.get(idOf(exchange)).job)),
    },
    {
      method: 'POST',
      path: '/v1/fine_tuning/jobs/:job/cancel',
      handle: async (exchange) => json((await runner.cancel(idOf(exchange))).job),
    },
    {
      method: 'GET',
      path: '/v1/fine_tuning/jobs/:job/events',
      handle: async (exchange) => json(pageOf(await jobs.readEvents(idOf(exchange)), exchange.query, page)),
    },
    {
      method: 'GET',
      path: '/v1/fine_tuning/jobs/:job/checkpoints',
      handle: async (exchange) =>
        json(pageOf(await listCheckpoints(jobs, jobs.get(idOf(exchange))), exchange.query, { usual: 10, most: 1000 })),
    },
  ];
}

function describeJob(context: ServerContext, request: JobRequest): JobRecord {
  const model = context.registry.get(request.model);
  if (model.adapter !== null) {
    throw badRequest(
      `model: ${model.id} is fine-tuned already; driftline serve fine-tunes models without an adapter`,
      'model',
      'model_not_available',
    );
  }
  const id = context.makeId('ftjob-');
  // The protocol's seeds are below 2^31.
  const recipe = recipeOf(request, model, request.seed ?? context.drawSeed());
  const hyperparameters = hyperparametersOf(recipe, model);
  return {
    job: {
      id,
      object: 'fine_tuning.job',
      created_at: secondsOf(context),
      finished_at: null,
      estimated_finish: null,
      model: model.id,
      fine_tuned_model: null,
      organization_id: 'driftline',
      status: 'validating_files',
      training_file: request.trainingFile,
      validation_file: null,
      result_files: [],
      trained_tokens: null,
      seed: recipe.seed,
      hyperparameters,
      method: { type: 'supervised', supervised: { hyperparameters } },
      integrations: [],
      metadata: request.metadata,
      error: null,
    },
    recipe,
    resultName: `ft:${model.id}:driftline:${request.suffix ?? ''}:${id.slice(-8)}`,
    resultFile: context.makeId('file-'),
    steps: null,
    askedSteps: request.checkpointSteps === null ? null : [...request.checkpointSteps],
    keptSteps: [],
    stepsDone: 0,
  };
}

/** Oldest first. */
async function listCheckpoints(jobs: JobStore, record: JobRecord): Promise<{ readonly id: string }[]> {
  const kept = checkpointsOf(record);
  if (kept.length === 0) return [];
  const losses = new Map(
    (await readTrainedSteps(jobs.modelFolder(record.job.id))).map(({ step, loss }) => [step, loss]),
  );
  return kept
    .toSorted((left, right) => left - right)
    .map((step) => ({
      id: `ftckpt-${record.job.id.slice(-8)}-${step}`,
      object: 'fine_tuning.job.checkpoint',
      created_at: record.job.finished_at ?? record.job.created_at,
      fine_tuned_model_checkpoint: checkpointName(record.resultName, step),
      fine_tuning_job_id: record.job.id,
      step_number: step,
      metrics: { step, train_loss: losses.get(step) ?? null },
    }));
}
