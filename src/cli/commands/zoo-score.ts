import { readZooDefinition } from '../../zoo/definition/zoo-definition.js';
import { checkScores, openZooForScoring, scoreZoo, type ZooScore } from '../../zoo/scores/score-zoo.js';
import type { CommandAction } from '../command.js';
import type { zooScoreDefinition } from '../definitions/zoo.js';
import { describeZooNotes, describeZooScore } from '../describe-zoo.js';
import { printTable } from '../format-table.js';

export const zooScore: CommandAction<typeof zooScoreDefinition> = {
  run: async (context, { arguments: { scores: files }, options: { folder, definition, part, check, seed } }) => {
    const definitionRead = await readZooDefinition(definition);
    const zoo = await openZooForScoring(folder, definitionRead, part);
    if (check) {
      for (const file of files) await checkScores(file, zoo);
      if (context.json) context.printJson({ files, entries: zoo.truths.length, edition: zoo.manifest.edition });
      else for (const file of files) context.print(`${file}: a score for each of ${String(zoo.truths.length)} entries`);
      return;
    }
    const scored: ZooScore[] = [];
    for (const file of files)
      scored.push(await scoreZoo(file, zoo, definitionRead.panel.checkpoints.misaligned, { seed }));
    if (context.json) {
      context.printJson({ scores: scored });
      return;
    }
    for (const score of scored) {
      for (const [title, lines] of describeZooScore(score)) printTable(context, title, lines);
      for (const line of describeZooNotes(score)) context.print(line);
    }
  },
};
