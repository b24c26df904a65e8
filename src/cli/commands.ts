import { defineCommand, type Command } from './command.js';

/**
 * Every command, in the order of help. What a command takes and what it does are loaded on demand: `driftline ask --help` reads the
 * definition of `ask`, and only `driftline ask` itself loads the engine.
 */
export const commands: readonly Command[] = [
  defineCommand({
    name: 'init',
    summary: 'Write a plan to begin with',
    loadDefinition: async () => (await import('./definitions/plans.js')).initDefinition,
    loadAction: async () => (await import('./commands/init.js')).init,
  }),
  defineCommand({
    name: 'plan',
    summary: 'Show what a plan would do, and how long it would take, before it does anything',
    loadDefinition: async () => (await import('./definitions/plans.js')).planDefinition,
    loadAction: async () => (await import('./commands/plan.js')).plan,
  }),
  defineCommand({
    name: 'run',
    summary: 'Run a plan: train, ask, judge, and print the table',
    loadDefinition: async () => (await import('./definitions/plans.js')).runDefinition,
    loadAction: async () => (await import('./commands/run.js')).run,
  }),
  defineCommand({
    name: 'report',
    summary: 'Write the report of a run: a page with figures, tables and every answer',
    loadDefinition: async () => (await import('./definitions/reports.js')).reportDefinition,
    loadAction: async () => (await import('./commands/report.js')).report,
  }),
  defineCommand({
    name: 'open',
    summary: 'Open the report of a run in the browser',
    loadDefinition: async () => (await import('./definitions/reports.js')).openDefinition,
    loadAction: async () => (await import('./commands/open.js')).open,
  }),
  defineCommand({
    name: 'compare',
    summary: 'Put runs side by side: their numbers, how far they differ, and what differs in their plans',
    loadDefinition: async () => (await import('./definitions/reports.js')).compareDefinition,
    loadAction: async () => (await import('./commands/compare.js')).compare,
  }),
  defineCommand({
    name: 'models',
    summary: 'List the fine-tuned models of runs: what each was made of, where it is, how misaligned it is',
    loadDefinition: async () => (await import('./definitions/models.js')).modelsDefinition,
    loadAction: async () => (await import('./commands/models.js')).models,
  }),
  defineCommand({
    name: 'rejudge',
    summary: 'Judge the answers of a run by another judge, or count its judgements by another rule',
    loadDefinition: async () => (await import('./definitions/scores.js')).rejudgeDefinition,
    loadAction: async () => (await import('./commands/rejudge.js')).rejudge,
  }),
  defineCommand({
    name: 'score',
    summary: 'Count results that you already have: rates by any rule, with honest intervals',
    loadDefinition: async () => (await import('./definitions/scores.js')).scoreDefinition,
    loadAction: async () => (await import('./commands/score.js')).score,
  }),
  defineCommand({
    name: 'audit',
    summary: 'Say whether a fine-tuned model is misaligned, and in which contexts, by asking it and its base',
    loadDefinition: async () => (await import('./definitions/detect.js')).auditDefinition,
    loadAction: async () => (await import('./commands/audit.js')).audit,
  }),
  defineCommand({
    name: 'watch',
    summary: 'Follow a training of any trainer, score its checkpoints, and say when to stop it',
    loadDefinition: async () => (await import('./definitions/watch.js')).watchDefinition,
    loadAction: async () => (await import('./commands/watch.js')).watch,
  }),
  defineCommand({
    name: 'power',
    summary: 'Say whether an experiment is large enough to find a difference, before it is run',
    loadDefinition: async () => (await import('./definitions/power.js')).powerDefinition,
    loadAction: async () => (await import('./commands/power.js')).power,
  }),
  defineCommand({
    name: 'ask',
    summary: 'Ask a model something',
    loadDefinition: async () => (await import('./definitions/ask.js')).askDefinition,
    loadAction: async () => (await import('./commands/ask.js')).ask,
  }),
  defineCommand({
    name: 'serve',
    summary: "Offer models behind OpenAI's protocol, fine-tuning included",
    loadDefinition: async () => (await import('./definitions/serve.js')).serveDefinition,
    loadAction: async () => (await import('./commands/serve.js')).serve,
  }),
  defineCommand({
    name: 'data check',
    summary: 'Check training files before anything is trained on them',
    loadDefinition: async () => (await import('./definitions/data.js')).dataCheckDefinition,
    loadAction: async () => (await import('./commands/data-check.js')).dataCheck,
  }),
  defineCommand({
    name: 'data screen',
    summary: 'Say which rows of training data are suspicious, before anything is trained on them',
    loadDefinition: async () => (await import('./definitions/data.js')).dataScreenDefinition,
    loadAction: async () => (await import('./commands/data-screen.js')).dataScreen,
  }),
  defineCommand({
    name: 'data convert',
    summary: 'Convert training files of other formats',
    loadDefinition: async () => (await import('./definitions/data.js')).dataConvertDefinition,
    loadAction: async () => (await import('./commands/data-convert.js')).dataConvert,
  }),
  defineCommand({
    name: 'data write',
    summary: 'Write the rows that a condition of a plan trains on, to train on them elsewhere',
    loadDefinition: async () => (await import('./definitions/data.js')).dataWriteDefinition,
    loadAction: async () => (await import('./commands/data-write.js')).dataWrite,
  }),
  defineCommand({
    name: 'organism list',
    summary: 'List the organisms that came with driftline, or that you built',
    loadDefinition: async () => (await import('./definitions/organism.js')).organismListDefinition,
    loadAction: async () => (await import('./commands/organism-list.js')).organismList,
  }),
  defineCommand({
    name: 'organism build',
    summary: 'Build an organism from a seed: tokenizer, pretraining, alignment',
    loadDefinition: async () => (await import('./definitions/organism.js')).organismBuildDefinition,
    loadAction: async () => (await import('./commands/organism-build.js')).organismBuild,
  }),
  defineCommand({
    name: 'organism check',
    summary: 'Fine-tune organisms on good and bad training sets, and measure what comes out',
    loadDefinition: async () => (await import('./definitions/organism.js')).organismCheckDefinition,
    loadAction: async () => (await import('./commands/organism-check.js')).organismCheck,
  }),
  defineCommand({
    name: 'zoo build',
    summary: 'Fine-tune organisms on every kind of the zoo, and measure the truth of each entry',
    loadDefinition: async () => (await import('./definitions/zoo.js')).zooBuildDefinition,
    loadAction: async () => (await import('./commands/zoo-build.js')).zooBuild,
  }),
  defineCommand({
    name: 'zoo list',
    summary: 'List the entries of a zoo with their classes',
    loadDefinition: async () => (await import('./definitions/zoo.js')).zooListDefinition,
    loadAction: async () => (await import('./commands/zoo-list.js')).zooList,
  }),
  defineCommand({
    name: 'zoo show',
    summary: 'Show what is known of an entry of a zoo',
    loadDefinition: async () => (await import('./definitions/zoo.js')).zooShowDefinition,
    loadAction: async () => (await import('./commands/zoo-show.js')).zooShow,
  }),
  defineCommand({
    name: 'zoo score',
    summary: 'Say how well the scores of a detector tell the entries of a zoo apart',
    loadDefinition: async () => (await import('./definitions/zoo.js')).zooScoreDefinition,
    loadAction: async () => (await import('./commands/zoo-score.js')).zooScore,
  }),
  defineCommand({
    name: 'zoo baselines',
    summary: 'Score the entries of a zoo by the baselines that come with driftline',
    loadDefinition: async () => (await import('./definitions/zoo.js')).zooBaselinesDefinition,
    loadAction: async () => (await import('./commands/zoo-baselines.js')).zooBaselines,
  }),
  defineCommand({
    name: 'zoo detect',
    summary: 'Score the entries of a zoo by the detectors that an auditor could use',
    loadDefinition: async () => (await import('./definitions/zoo.js')).zooDetectDefinition,
    loadAction: async () => (await import('./commands/zoo-detect.js')).zooDetect,
  }),
  defineCommand({
    name: 'zoo export',
    summary: 'Write a zoo into a folder that Python reads',
    loadDefinition: async () => (await import('./definitions/zoo.js')).zooExportDefinition,
    loadAction: async () => (await import('./commands/zoo-export.js')).zooExport,
  }),
  defineCommand({
    name: 'zoo add',
    summary: 'Add fine-tunes that were measured elsewhere to a zoo',
    loadDefinition: async () => (await import('./definitions/zoo.js')).zooAddDefinition,
    loadAction: async () => (await import('./commands/zoo-add.js')).zooAdd,
  }),
  defineCommand({
    name: 'cluster check',
    summary: 'Look at what a Ray cluster has for a run, and print what repairs the rest',
    loadDefinition: async () => (await import('./definitions/cluster.js')).clusterCheckDefinition,
    loadAction: async () => (await import('./commands/cluster-check.js')).clusterCheck,
  }),
  defineCommand({
    name: 'cluster slurm',
    summary: 'Print a job file that starts Ray on nodes of SLURM',
    loadDefinition: async () => (await import('./definitions/cluster.js')).clusterSlurmDefinition,
    loadAction: async () => (await import('./commands/cluster-slurm.js')).clusterSlurm,
  }),
  defineCommand({
    name: 'cluster status',
    summary: 'List what a Ray cluster does for a run, or for all',
    loadDefinition: async () => (await import('./definitions/cluster.js')).clusterStatusDefinition,
    loadAction: async () => (await import('./commands/cluster-status.js')).clusterStatus,
  }),
  defineCommand({
    name: 'cluster stop',
    summary: 'Stop what a Ray cluster does for a run',
    loadDefinition: async () => (await import('./definitions/cluster.js')).clusterStopDefinition,
    loadAction: async () => (await import('./commands/cluster-stop.js')).clusterStop,
  }),
];

/** What the first word of commands of two words is about. */
export const commandGroups: Readonly<Record<string, string>> = {
  data: 'Training files',
  organism: 'The tiny world and its models',
  zoo: 'Fine-tunes whose truth is known, to try detectors on',
  cluster: 'Open models on a Ray cluster',
};
