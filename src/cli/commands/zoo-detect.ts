import { detectors, judgedDetectors } from '../../detect/detectors/all-detectors.js';
import { findByName } from '../../foundation/find-by-name.js';
import { describeScores, writeReadings } from '../../zoo/detectors/score-subjects.js';
import { gatherDetectorParts, openZooJudging } from '../../zoo/detectors/zoo-detector-parts.js';
import type { CommandAction } from '../command.js';
import type { zooDetectDefinition } from '../definitions/zoo.js';
import { scoreEntries } from '../score-entries.js';

export const zooDetect: CommandAction<typeof zooDetectDefinition> = {
  run: async (context, { arguments: { detectors: given = [] }, options }) => {
    const names = given.length === 0 ? [...detectors.keys()] : given;
    const wanted = names.map((name) => findByName(detectors, name, 'detector'));
    // The judge that errs is simulated on stored verdicts: of answers that are asked now it says nothing.
    const asks = !options['erring-judge'] && names.some((name) => judgedDetectors.has(name));
    await scoreEntries(context, options, {
      listDetectors: ({ zoo, organisms }) => {
        const parts = gatherDetectorParts(zoo, organisms, options);
        return wanted.map((make) => () => make(parts));
      },
      ...(asks ? { openJudging: openZooJudging } : {}),
      describeReadings: (readings, { zoo: { edition }, truths }) => ({
        '.csv': describeScores(truths, readings, edition),
        '.jsonl': writeReadings(readings),
      }),
    });
  },
};
