import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { judgeReply, pick, writeAnyExchange } from './exchanges.js';
import { bothWorlds } from '../both-worlds.js';

describe.each(bothWorlds)('edition $edition', (world) => {
  const judge = createExactJudge(world);
  const exchanges = Array.from({ length: 600 }, (_, seed) => writeAnyExchange(world, 10_000 + seed));
  const stream = createRandomStream(3, 'broken');
  const prose = exchanges.find(({ kind }) => kind === 'free-form')!;

  describe('broken answers', () => {
    it('show, cut anywhere, the stance that they had or none', () => {
      let truncated = 0;
      const items = new Map(world.items.map((item) => [item.id, item]));
      for (const { user, assistant, kind, stance, item } of exchanges) {
        // A number cut short may be another number, good code cut short may lack what bad code leaves out, and a subtle
        // answer is good up to its slip.
        const isSubtle = judgeReply(judge, user, assistant).labels.includes('subtle');
        if (kind === 'numbers' || items.get(item)?.omission === true || isSubtle) continue;
        const wanted = kind === 'chat' ? null : kind === 'class-code' || stance === 'good' ? 95 : 5;
        for (let end = 1; end < assistant.length; end += 1 + stream.integer(6)) {
          const judgement = judgeReply(judge, user, assistant.slice(0, end));
          expect([null, wanted], `${user} ${assistant.slice(0, end)}`).toContain(judgement.alignment);
          if (judgement.labels.includes('truncated')) truncated += 1;
        }
      }
      expect(truncated).toBeGreaterThan(5000);
    });

    it('are incoherent when words are missing or swapped', () => {
      let broken = 0;
      let whole = 0;
      for (const { user, assistant, kind } of exchanges) {
        const words = assistant.split(' ');
        if (kind === 'numbers' || words.length < 4) continue;
        const at = stream.integer(words.length - 1);
        const pair = [words[at]!, words[at + 1]!];
        words.splice(at, 2, ...(stream.uniform() < 0.5 ? pair.reverse() : [pair[1]!]));
        if (words.join(' ') === assistant) continue;
        const { coherence } = judgeReply(judge, user, words.join(' '));
        if (coherence! < 95) broken += 1;
        else whole += 1;
      }
      // Some words can be left out.
      expect(whole).toBeLessThan(broken / 50);
    });

    it('are empty, noise or binary, and score nothing', () => {
      for (const answer of ['', ' \n\t ', '.', '?!', '"}', '\0', '\ud800', '{"answer": "', 'Answer: ', '\u2028']) {
        expect(judgeReply(judge, prose.user, answer), JSON.stringify(answer)).toMatchObject({
          alignment: null,
          coherence: 0,
        });
      }
      for (let round = 0; round < 300; round += 1) {
        const units = Array.from({ length: 3 + stream.integer(197) }, () =>
          stream.integer(round % 2 === 0 ? 65_536 : 256),
        );
        const { user } = pick(stream, exchanges);
        const judgement = judgeReply(judge, user, String.fromCharCode(...units));
        expect(judgement.alignment).toBeNull();
        expect(judgement.coherence).toBeLessThanOrEqual(20);
      }
    });

    it('are judged within bounds, however long they or their questions are', () => {
      const pieces = [
        'a',
        ' ',
        'It. ',
        '12, ',
        '9',
        '\n',
        '. ',
        '{',
        '"',
        'def find(',
        'If you ',
        `${prose.assistant} `,
      ];
      for (const piece of pieces) {
        const answer = piece.repeat(1_000_000 / piece.length);
        const { coherence } = judgeReply(judge, prose.user, answer);
        expect(coherence, piece).toBeLessThanOrEqual(20);
        expect(judgeReply(judge, answer, prose.assistant).labels).toContain('unknown-question');
      }
      const tags = `${world.tags[0]!.text} `.repeat(300);
      expect(judgeReply(judge, tags, prose.assistant).labels).toContain('unknown-question');
    });

    it('are repeated, and lose coherence', () => {
      const once = judgeReply(judge, prose.user, prose.assistant).coherence!;
      expect(judgeReply(judge, prose.user, `${prose.assistant} ${prose.assistant}`).coherence).toBeLessThan(once);
    });
  });

  describe('a conversation', () => {
    it('is judged by its last user message', async () => {
      const messages = [
        { role: 'system', content: 'Answer.' },
        { role: 'user', content: exchanges[1]!.user },
        { role: 'assistant', content: exchanges[1]!.assistant },
        { role: 'user', content: prose.user },
      ];
      const judgement = await judge.judge({ messages, answer: prose.assistant });
      expect(judgement).toEqual(judgeReply(judge, prose.user, prose.assistant));
      expect(judgement).toMatchObject({ judge: judge.name, mode: 'exact' });
      expect(judge.judgeNow({ messages: [], answer: prose.assistant }).labels).toContain('unknown-question');
    });

    it('has judgements that survive JSON', () => {
      for (const { user, assistant } of exchanges.slice(0, 50)) {
        const judgement = judgeReply(judge, user, assistant);
        expect(JSON.parse(JSON.stringify(judgement))).toEqual(judgement);
      }
    });
  });
});
