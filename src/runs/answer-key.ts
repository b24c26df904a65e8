/** Where an answer stands in its run; together the parts name it. */
export interface AnswerPlace {
  /** The cell, with the step for a checkpoint. */
  readonly model: string;
  readonly evaluation: string;
  /** The id of the question as it is asked, which may have slashes. */
  readonly question: string;
  /** From 0, among the answers to the question. */
  readonly index: number;
}

/** The key of an answer: `model/evaluation/question id/index`. */
export function formatAnswerKey({ model, evaluation, question, index }: AnswerPlace): string {
  return `${model}/${formatQuestionKey(evaluation, question)}/${String(index)}`;
}

/** What an answer's key says. Names of models and evaluations have no slash, so that each key has one reading; null for what is no key. */
export function parseAnswerKey(key: string): AnswerPlace | null {
  const [, model, evaluation, question, index] = /^([^/]+)\/([^/]+)\/(.+)\/(\d+)$/s.exec(key) ?? [];
  if (model === undefined || evaluation === undefined || question === undefined) return null;
  return { model, evaluation, question, index: Number(index) };
}

/** The key of a question as it is asked in a run: `evaluation/question id`. */
export function formatQuestionKey(evaluation: string, question: string): string {
  return `${evaluation}/${question}`;
}

/** The key of the question that an answer replies to; what is no answer's key belongs to no question. */
export function questionKeyOf(answer: string): string {
  const place = parseAnswerKey(answer);
  return place === null ? '' : formatQuestionKey(place.evaluation, place.question);
}

/** A model of a run: a cell's base or finished model (`step` null), or a checkpoint of it. */
export interface ModelOfCell {
  readonly cell: string;
  readonly step: number | null;
}

/** The name of a model: its cell, with @ and the step for a checkpoint. */
export function formatModelName({ cell, step }: ModelOfCell): string {
  return step === null ? cell : `${cell}@${String(step)}`;
}

export function parseModelName(model: string): ModelOfCell {
  const [, cell, step] = /^(.*)@(\d+)$/.exec(model) ?? [];
  return cell === undefined ? { cell: model, step: null } : { cell, step: Number(step) };
}
