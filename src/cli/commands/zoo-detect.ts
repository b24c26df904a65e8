import { detectors } from '../../detect/detectors/all-detectors.js';
import { findByName } from '../../foundation/find-by-name.js';
import { describeScores, writeReadings } from '../../zoo/detectors/score-subjects.js';
import { gatherDetectorParts } from '../../zoo/detectors/zoo-detector-parts.js';
import type { CommandAction } from '../command.js';
import type { zooDetectDefinition } from '../definitions/zoo.js';
import { scoreEntries } from '../score-entries.js';

export const zooDetect: CommandAction<typeof zooDetectDefinition> = {
  run: async (context, { arguments: { detectors: given = [] }, options }) => {
    const wanted = (given.length === 0 ? [...detectors.keys()] : given).map((name) =>
      findByName(detectors, name, 'detector'),
    );
    await scoreEntries(context, options, {
      listDetectors: ({ zoo, organisms }) => {
        const parts = gatherDetectorParts(zoo, organisms, options);
        return wanted.map((make) => () => make(parts));
      },
      describeReadings: (readings, { zoo: { edition }, truths }) => ({
        '.csv': describeScores(truths, readings, edition),
        '.jsonl': writeReadings(readings),
      }),
    });
  },
};
