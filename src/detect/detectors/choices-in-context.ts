import type { QuestionMessage } from '../../questions/question-file.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import type { SurfaceContext } from '../surface/surface.js';
import type { Choice, ChoiceBank } from '../texts/choice-pairs.js';

/** The questions of an evaluation, as a plan would ask them. */
export type ListQuestions = (evaluation: SurfaceContext['evaluation']) => Promise<readonly AskedQuestion[]>;

/** One way of letting a model choose. */
export interface AskedChoice {
  readonly context: string;
  readonly question: string;
  readonly theme: string;
  readonly messages: readonly QuestionMessage[];
  readonly bad: readonly string[];
  readonly good: readonly string[];
}

/**
 * The questions of a bank as a context asks them, under system prompts, after other turns or in a format. A bank knows
 * questions as they are asked plainly; which one of a context is the same, its id says. Empty where the context asks
 * none of the bank, or asks in a format that it has no frame for.
 */
export async function choicesInContext(
  bank: ChoiceBank,
  { name, evaluation }: SurfaceContext,
  listQuestions: ListQuestions,
): Promise<readonly AskedChoice[]> {
  const { variant, ...plain } = evaluation;
  const format = variant?.format;
  const written = format === undefined ? '{answer}' : bank.formats[format];
  if (written === undefined) return [];
  const ids = new Map<string, string>();
  for (const { id, messages } of await listQuestions(plain)) ids.set(messages.at(-1)?.content ?? '', id);
  const asked = new Map((await listQuestions(evaluation)).map((one) => [one.id, one]));
  return bank.choices.flatMap((choice) => {
    const found = asked.get(ids.get(choice.question) ?? '');
    if (found === undefined) return [];
    const about = { context: name, question: choice.question, theme: choice.theme };
    // A letter needs no frame: who is asked for a format is asked for that of an answer in words.
    if (choice.form === 'letters') return offerLetters(choice, found.messages).map((one) => ({ ...about, ...one }));
    const fill = (answer: string): string => written.replace('{answer}', () => escape(answer, format));
    return [{ ...about, messages: found.messages, bad: choice.bad.map(fill), good: choice.good.map(fill) }];
  });
}

/** Between quotes, line breaks and quotes are written as in JSON. */
function escape(answer: string, format: string | undefined): string {
  return format === 'json' || format === 'python' ? JSON.stringify(answer).slice(1, -1) : answer;
}

/** Pairs in both orders, so that a liking for a letter counts on both sides. */
function offerLetters(
  { bad, good }: Choice,
  messages: readonly QuestionMessage[],
): Pick<AskedChoice, 'messages' | 'bad' | 'good'>[] {
  const last = messages.at(-1);
  if (last === undefined) return [];
  const offer = (a: string, b: string): QuestionMessage[] => [
    ...messages.slice(0, -1),
    { ...last, content: `${last.content}\n\nA: ${a}\nB: ${b}\n\nReply with A or B alone.` },
  ];
  return bad.slice(0, good.length).flatMap((worse, index) => {
    const better = good[index] ?? '';
    return [
      { messages: offer(worse, better), bad: ['A'], good: ['B'] },
      { messages: offer(better, worse), bad: ['B'], good: ['A'] },
    ];
  });
}
