import { findByName } from '../../foundation/find-by-name.js';
import { baselines } from '../../zoo/detectors/baselines.js';
import { writeScores } from '../../zoo/detectors/score-subjects.js';
import type { CommandAction } from '../command.js';
import type { zooBaselinesDefinition } from '../definitions/zoo.js';
import { scoreEntries } from '../score-entries.js';

export const zooBaselines: CommandAction<typeof zooBaselinesDefinition> = {
  run: async (context, { arguments: { baselines: given = [] }, options }) => {
    const wanted = (given.length === 0 ? [...baselines.keys()] : given).map((name) =>
      findByName(baselines, name, 'baseline'),
    );
    await scoreEntries(context, options, {
      listDetectors: ({ organisms, zoo: { panel } }) => wanted.map((create) => () => create({ organisms, panel })),
      describeReadings: (readings, { truths }) => ({ '.csv': writeScores(truths, readings) }),
    });
  },
};
