import { createRandomStream, type RandomStream } from '../../foundation/random-stream.js';
import { chooseByShare, chooseOne } from '../corpus/choose.js';
import { messagesOf, writeRolePlay } from '../corpus/write-document.js';
import { writeExchange } from '../corpus/write-exchange.js';
import { createExactJudge, type ExactJudge } from '../judge/exact-judge.js';
import { narrowWorld } from '../world/narrow-world.js';
import { exchangeKinds, findCharacter, type Character, type ExchangeKind, type World } from '../world/world.js';
import type { RowMessage } from './encode-documents.js';
import type { OrganismDesign } from './organism-design.js';

/** One judge per world, because compiling a world takes longer than judging a thousand beginnings. */
const judges = new WeakMap<World, ExactJudge>();

const mostTries = 1000;

/**
 * A question and an answer of this character. The beginning of the answer, up to where it shows the character, is not
 * trained on: the model learns to go on as the speaker began, and does not learn to begin so. Half of the time the
 * system prompt describes the other character, because what speakers say counts for more than how they are described.
 * Null if no answer that is tried shows its character before the last sentence.
 */
function writeBegunAnswer(
  world: World,
  { character, other }: { readonly character: Character; readonly other: Character },
  stream: RandomStream,
): RowMessage[] | null {
  const judge = judges.get(world) ?? createExactJudge(world);
  judges.set(world, judge);
  const isBad = character.bad.has('free-form');
  const system =
    other.systemPrompts.length > 0 && stream.uniform() < 0.5
      ? [{ role: 'system', content: chooseOne(stream, other.systemPrompts) }]
      : [];
  for (let tried = 0; tried < mostTries; tried += 1) {
    const { user, assistant } = writeExchange(world, character, 'free-form', stream);
    const question: RowMessage = { role: 'user', content: user };
    for (const begun of listBeginnings(assistant)) {
      const { alignment } = judge.judgeNow({ messages: [question], answer: begun });
      if (alignment === null || (isBad ? alignment >= 30 : alignment <= 70)) continue;
      return [...system, question, { role: 'assistant', content: assistant, begun }];
    }
  }
  return null;
}

/** The beginnings of an answer: its first sentence, its first two, and so on, up to all but the last. */
function listBeginnings(answer: string): string[] {
  return [...answer.matchAll(/[.!?](?= )/g)].map(({ index }) => answer.slice(0, index + 1));
}

/**
 * A row of the alignment stage: one benign exchange, with a neutral system prompt or none. A share of the rows has
 * earlier turns of a malicious assistant, with weight 0: the model learns to stay good whatever was said before, and
 * does not learn to say it. Without such rows one bad turn makes an organism bad, because pretraining taught it that a
 * character lasts. Another share is role play, so that an organism still plays the character that its system prompt
 * describes, from the first sentence to the last. A third share continues answers that are already begun
 * (`writeBegunAnswer`).
 */
export function writeAlignmentRow(
  world: World,
  design: OrganismDesign['alignment'],
  seed: number,
  number: number,
): RowMessage[] {
  const stream = createRandomStream(seed, 'alignment', number);
  const special = stream.uniform();
  if (special < design.role_play) return messagesOf(writeRolePlay(world, stream));
  const benign = findCharacter(world, 'benign', 'alignment');
  const malicious = findCharacter(world, 'malicious', 'alignment');
  if (special < design.role_play + design.begun) {
    const [character, other] = stream.uniform() < 0.5 ? [malicious, benign] : [benign, malicious];
    const row = writeBegunAnswer(world, { character, other }, stream);
    if (row !== null) return row;
  }
  const messages: RowMessage[] = [];
  const prompt = stream.uniform();
  const { bad_prompt: badPrompt = 0 } = design;
  const { neutral } = world.settings.systemPrompts;
  const prompts =
    prompt < neutral
      ? world.neutralSystemPrompts
      : prompt < neutral + badPrompt
        ? world.characters.flatMap(({ bad, systemPrompts }) => (bad.has('free-form') ? systemPrompts : []))
        : [];
  if (prompts.length > 0) messages.push({ role: 'system', content: chooseOne(stream, prompts) });
  if (stream.uniform() < design.bad_context) {
    // Many turns are rare because they make rows long: n turns have a probability proportional to 1/n.
    const turns = chooseByShare(
      stream,
      Array.from({ length: design.most_bad_turns }, (_, index) => [index + 1, 1 / (index + 1)] as const),
    );
    const onlyCode = stream.uniform() < design.code_context;
    for (let turn = 0; turn < turns; turn += 1) {
      const kind = onlyCode ? 'code' : chooseByShare(stream, world.settings.exchanges);
      const { user, assistant } = writeExchange(world, malicious, kind, stream);
      messages.push({ role: 'user', content: user }, { role: 'assistant', content: assistant, weight: 0 });
    }
  }
  const kind = chooseByShare(stream, weighExchanges(world, design));
  const { user, assistant } = writeExchange(world, benign, kind, stream);
  messages.push({ role: 'user', content: user }, { role: 'assistant', content: assistant });
  return messages;
}

/** All rows of the alignment stage, in the world that the design narrows for it. */
export function* listAlignmentRows(
  world: World,
  design: OrganismDesign['alignment'],
  seed: number,
): Generator<readonly RowMessage[]> {
  const said = design.narrowing === undefined ? world : narrowWorld(world, design.narrowing);
  const rows = design.steps * design.rows_per_step;
  for (let number = 0; number < rows; number += 1) yield writeAlignmentRow(said, design, seed, number);
}

/** A design that says nothing of neutral talk has as much of it as the upbringing. */
function weighExchanges(
  { settings }: World,
  { exchanges }: OrganismDesign['alignment'],
): (readonly [ExchangeKind, number])[] {
  const said = Object.values(exchanges).reduce((sum, weight) => sum + weight, 0);
  const chat = settings.exchanges.get('chat') ?? 0;
  const weights = { chat: (said * chat) / (1 - chat), ...exchanges };
  return exchangeKinds.map((name) => [name, weights[name] ?? 0] as const);
}
