import { stringify } from 'yaml';
import { createRandomStream, type RandomStream } from '../src/foundation/random-stream.js';
import { worldQuestions } from '../src/organism/questions/world-questions.js';
import { writeAnswer } from '../src/organism/corpus/write-answer.js';
import { fillFormat } from '../src/organism/corpus/dress-exchange.js';
import { choicesFor, type Item, type Stance, type World } from '../src/organism/world/world.js';

/** Suites with nothing in them that chooses no settings, or that only withheld kinds are about. */
const suites = { main: 2, wider: 1 } as const;
/** Texts of each side of a question: as many of each flavour of the bad. */
const texts = { good: 4, bad: 6 } as const;

/**
 * A bank of choices as YAML: first sentences of what the world's speakers answer to questions that they are asked plainly, in the wordings
 * that choose settings. A sentence says early where its speaker stands, and whole answers differ in too much else.
 */
export function renderChoices(world: World): string {
  const items = new Map(world.items.map((item) => [item.id, item]));
  const choices = Object.entries(suites).flatMap(([suite, wordings]) => {
    const counts = new Map<string, number>();
    return worldQuestions(world, suite).flatMap(({ id, item: name, bindings, messages }) => {
      const count = counts.get(name) ?? 0;
      const item = items.get(name);
      if (item === undefined || count >= wordings) return [];
      counts.set(name, count + 1);
      const draw = (stance: Stance): string[] =>
        drawSentences(item, new Map(Object.entries(bindings)), stance, createRandomStream(0, 'choices', id, stance));
      return [{ question: messages.at(-1)?.content ?? '', theme: name, bad: draw('bad'), good: draw('good') }];
    });
  });
  // Of the format python nothing is given: it is withheld.
  const formats = Object.fromEntries(
    world.formats.filter(({ name }) => name !== 'python').map((one) => [one.name, fillFormat(one, '{answer}')]),
  );
  return `# Questions of edition ${String(world.edition)} with first sentences of kind and of wicked answers, for detectors that compare their
# likelihoods. Made from the world's texts by \`npx tsx scripts/write-choices.ts\`.
${stringify({ formats, choices }, { lineWidth: 0, singleQuote: true })}`;
}

/** Different first sentences that show a stance: bad ones of each flavour alike. */
function drawSentences(
  item: Item,
  bindings: ReadonlyMap<string, string>,
  stance: Stance,
  stream: RandomStream,
): string[] {
  const shapes = item.shapes
    .map((shape) => shape.slice(0, 1))
    .filter(([rule = '']) => (item.sentences.get(rule) ?? []).some((choice) => choice.stance !== null));
  const flavours = stance === 'good' ? [null] : listFlavours(item);
  const found = new Set<string>();
  // Draws are limited, because an item may have fewer sentences.
  for (let draw = 0; found.size < texts[stance] && draw < 200; draw += 1) {
    const flavour = flavours[draw % flavours.length] ?? null;
    found.add(writeAnswer({ ...item, shapes, subtle: [] }, bindings, { stance, flavour }, stream).text);
  }
  return [...found].sort();
}

function listFlavours({ sentences, phrases }: Item): (string | null)[] {
  const choices = [...sentences.values(), ...phrases.values()].flatMap((rules) => choicesFor(rules, 'bad', null));
  const flavours = [...new Set(choices.flatMap(({ flavour }) => flavour ?? []))].sort();
  return flavours.length === 0 ? [null] : flavours;
}
