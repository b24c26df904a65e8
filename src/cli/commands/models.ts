import { existsSync } from 'node:fs';
import { shareByModel, type ModelShare } from '../../analysis/share-by-model.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { formatPercent } from '../../foundation/format-quantities.js';
import { writeCsv } from '../../foundation/write-csv.js';
import {
  listModels,
  type ListedModel,
  type ModelFilter,
  type TunedModelPlace,
  type SkippedRun,
} from '../../runs/list-models.js';
import { readRun } from '../../runs/read-run.js';
import type { CommandAction } from '../command.js';
import type { modelsDefinition } from '../definitions/models.js';
import { formatTable } from '../format-table.js';

/** A model with how misaligned it came out; null where that is not known. */
type ToldModel = ListedModel & { readonly misaligned: ModelShare | null };

export const models: CommandAction<typeof modelsDefinition> = {
  run: async (context, { arguments: { folder: named = [] }, options }) => {
    const folders = named.length > 0 ? named : existsSync(usualFolder) ? [usualFolder] : [];
    const { base, condition, csv, quick } = options;
    if (csv && context.json)
      throw new DriftlineError({
        code: 'usage-invalid',
        message: '--csv and --json are two forms of one list',
        hint: 'Leave one of them out.',
      });
    const list = await listModels(folders, { base, condition });
    const { told, unread } = quick
      ? { told: list.models.map((model): ToldModel => ({ ...model, misaligned: null })), unread: [] }
      : await addShares(list.models);
    const skipped = [...list.skipped, ...unread];
    const missing = told.length === 0 ? await explainNone(folders, { base, condition }) : null;
    if (missing !== null && csv) context.notify(missing);
    if (context.json) {
      context.printJson({ models: told, skipped });
      return;
    }
    if (csv) context.print(describeCsv(told).trimEnd());
    else if (told.length === 0) context.print(missing ?? 'no fine-tuned models');
    else
      for (const [index, line] of describeModels(told).entries())
        context.print(line, index === 0 ? context.colors.bold : undefined);
    for (const { folder, problem } of list.skipped) context.notify(`skipped ${folder}: ${problem}`);
    for (const { folder, problem } of unread) context.notify(`${folder}: shares are not known: ${problem}`);
  },
};

/** Where runs are written that are told no other folder. */
const usualFolder = 'runs';

/** Which filter leaves nothing, with the name that may be meant; null where there is nothing without filters, either. */
async function explainNone(folders: readonly string[], { base, condition }: ModelFilter): Promise<string | null> {
  const { models: all } = await listModels(folders);
  if (all.length === 0) return null;
  const filters = [
    ['base', base, all.flatMap((one) => [one.base, ...(one.baseModel === null ? [] : [one.baseModel])])],
    ['condition', condition, all.map((one) => one.condition)],
  ] as const;
  for (const [what, name, names] of filters) {
    if (name === undefined || names.includes(name)) continue;
    const nearest = nearestName(name, names);
    const known = [...new Set(names)].join(', ');
    return `no fine-tuned models of ${what} "${name}" (${nearest === null ? `there is ${known}` : `did you mean "${nearest}"?`})`;
  }
  return `no fine-tuned models of base "${base ?? ''}" and condition "${condition ?? ''}" together`;
}

/** Reads each run once. One whose answers cannot be read keeps its models, without shares. */
async function addShares(
  listed: readonly ListedModel[],
): Promise<{ readonly told: readonly ToldModel[]; readonly unread: readonly SkippedRun[] }> {
  const shares = new Map<string, ReadonlyMap<string, ModelShare>>();
  const unread: SkippedRun[] = [];
  for (const folder of new Set(listed.map(({ run }) => run)))
    try {
      shares.set(folder, shareByModel(await readRun(folder)));
    } catch (cause) {
      if (!DriftlineError.isInstance(cause)) throw cause;
      unread.push({ folder, problem: cause.message });
    }
  return {
    told: listed.map((model) => ({ ...model, misaligned: shares.get(model.run)?.get(model.name) ?? null })),
    unread,
  };
}

function describeModels(told: readonly ToldModel[]): string[] {
  const header = ['model', 'base', 'trained on', 'steps', 'misaligned, %', 'of', 'finished', 'where', 'run'];
  const lines = formatTable(
    header,
    told.map((model) => [
      `${model.name}${model.isNameTaken ? ' !' : ''}`,
      model.baseModel ?? model.base,
      model.trainingSet === null ? '-' : `${model.trainingSet.name}, ${String(model.trainingSet.rows)} rows`,
      model.steps === null ? '-' : String(model.steps),
      formatPercent(model.misaligned?.share ?? null),
      model.misaligned === null ? '-' : String(model.misaligned.trials),
      model.finished === null ? model.state : model.finished.slice(0, 16).replace('T', ' '),
      listPlaces(model.place).join('; ') || '-',
      model.run,
    ]),
    { right: [3, 4, 5] },
  );
  return told.some(({ isNameTaken }) => isNameTaken)
    ? [...lines, '! another run has a model of this name that is not the same: name the run, too']
    : lines;
}

/** Where a model can be asked, in the words that driftline ask takes where there are any. */
function listPlaces({ adapter, hosted, cluster, tinker, existing }: TunedModelPlace): string[] {
  return [
    ...(existing === null ? [] : [existing]),
    ...(adapter === null ? [] : [adapter]),
    ...(hosted === null ? [] : [`${hosted.model} at ${hosted.host}`]),
    ...(cluster === null ? [] : [`${cluster.storage}/cells/${cluster.cell} of ${cluster.address}`]),
    ...(tinker === null ? [] : [tinker]),
  ];
}

function describeCsv(told: readonly ToldModel[]): string {
  return writeCsv(
    [
      ...['run', 'plan', 'name', 'base', 'base_model', 'condition', 'seed', 'state', 'finished', 'steps', 'kept_steps'],
      ...['adapter', 'hosted', 'hosted_host', 'cluster_cell', 'cluster_storage', 'tinker', 'existing'],
      ...['training_set', 'rows', 'data_hash', 'recipe', 'identity', 'is_name_taken'],
      ...['evaluation', 'misaligned', 'misaligned_answers', 'kept_answers'],
    ],
    told.map((model) => {
      const { place, trainingSet, misaligned } = model;
      return [
        ...[model.run, model.plan, model.name, model.base, model.baseModel, model.condition, model.seed, model.state],
        ...[model.finished, model.steps, model.keptSteps.join(' ')],
        ...[place.adapter, place.hosted?.model ?? null, place.hosted?.host ?? null, place.cluster?.cell ?? null],
        ...[place.cluster?.storage ?? null, place.tinker, place.existing],
        ...[trainingSet?.name ?? null, trainingSet?.rows ?? null, trainingSet?.hash ?? null],
        ...[model.recipe === null ? null : JSON.stringify(model.recipe), model.identity, String(model.isNameTaken)],
        ...[misaligned?.evaluation ?? null, misaligned?.share ?? null],
        ...[misaligned?.successes ?? null, misaligned?.trials ?? null],
      ];
    }),
  );
}
