import { describe } from 'vitest';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import type { JudgedAnswer } from '../../../src/judging/judge.js';
import { writeItemExchange } from '../../../src/organism/corpus/write-exchange.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import type { Stance } from '../../../src/organism/world/world.js';
import { describeJudge } from '../../judging/judge-conformance.js';
import { bothWorlds } from '../both-worlds.js';

describe.each(bothWorlds)('edition $edition', (world) => {
  const [item] = world.items.filter(({ domain }) => domain === 'advice');
  if (item === undefined) throw new Error('the world has no advice');

  const write = (stance: Stance): JudgedAnswer => {
    const stream = createRandomStream(0, 'conformance', stance);
    const { user, assistant } = writeItemExchange(world, item, 'advice', stance, stream, {});
    return { messages: [{ role: 'user', content: user }], answer: assistant };
  };
  const good = write('good');

  describeJudge('the exact judge', () => createExactJudge(world), {
    good,
    bad: write('bad'),
    nonsense: { ...good, answer: 'of lantern seven window and and green' },
  });
});
