import { nearestName } from '../foundation/find-by-name.js';
import { explainProblem, parseTrainingRow, RowProblem, type ParsedRow } from './parse-training-row.js';
import { describeUnknownKeys, neededKeys, type TrainingColumns, type TrainingFormat } from './training-formats.js';

type Row = Readonly<Record<string, unknown>>;

/** How rows of a format become messages, and which of their keys are read. */
interface FormatReader {
  readonly keys: readonly string[];
  readonly toMessages: (row: Row) => unknown;
}

const readers: Readonly<Record<TrainingFormat, FormatReader>> = {
  chat: { keys: ['messages'], toMessages: ({ messages }) => messages },
  'prompt-completion': {
    keys: ['prompt', 'completion', 'system', 'system_prompt'],
    toMessages: (row) => [
      ...readSystem(row),
      ...readTurns(row, 'prompt', 'user'),
      ...readTurns(row, 'completion', 'assistant'),
    ],
  },
  alpaca: {
    keys: ['instruction', 'input', 'output', 'system', 'history'],
    toMessages: (row) => {
      if (Array.isArray(row['history']) && row['history'].length > 0)
        throw new RowProblem('history: earlier turns are not read', 'Write such rows as {"messages": [...]}.');
      const instruction = readText(row, 'instruction');
      const input = isAbsent(row['input']) ? '' : readText(row, 'input');
      return [
        ...readSystem(row),
        { role: 'user', content: [instruction, input].filter((part) => part !== '').join(inputSeparator) },
        { role: 'assistant', content: readText(row, 'output') },
      ];
    },
  },
  sharegpt: {
    keys: ['conversations', 'system'],
    toMessages: (row) => {
      const turns = row['conversations'];
      if (!Array.isArray(turns)) throw new RowProblem('conversations: not a list of turns');
      return [...readSystem(row), ...turns.map(readShareTurn)];
    },
  },
};

/** Between Alpaca's instruction and input. */
export const inputSeparator = '\n\n';

/** Whether Alpaca's instruction and input were put together: a choice, which the row no longer shows. */
export function hasJoinedInput(format: TrainingFormat | null, value: unknown): boolean {
  return format === 'alpaca' && isRow(value) && !isAbsent(value['input']) && value['input'] !== '';
}

/** A row of this format, or with these columns. */
export function parseForeignRow(value: unknown, form: TrainingFormat | TrainingColumns): ParsedRow {
  if (form === 'chat') return parseTrainingRow(value);
  if (!isRow(value)) return { kind: 'fault', problem: 'a row is an object with keys' };
  const { keys, toMessages } = typeof form === 'string' ? readers[form] : readColumns(form);
  const needed = typeof form === 'string' ? neededKeys[form] : keys;
  const missing = needed.find((key) => !(key in value));
  if (missing !== undefined) {
    const names = Object.keys(value);
    const shown = names.map((key) => JSON.stringify(key));
    if (typeof form !== 'string') {
      const nearest = nearestName(missing, names);
      return {
        kind: 'fault',
        problem: `there is no column "${missing}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}; the columns are ${shown.slice(0, 12).join(', ')}`,
        hint: 'Correct the name in --columns, or the row, if the others have the column.',
      };
    }
    return {
      kind: 'fault',
      problem: `there is no key "${missing}", which rows of the format ${form} have; the keys are ${shown.slice(0, 12).join(', ')}`,
      hint: 'All rows of a file have one format. Correct the row, or convert the file in parts.',
    };
  }
  try {
    const parsed = parseTrainingRow({ messages: toMessages(value) });
    return parsed.kind === 'fault'
      ? parsed
      : { ...parsed, extraKeys: Object.keys(value).filter((key) => !keys.includes(key)) };
  } catch (problem) {
    return explainProblem(problem);
  }
}

/** A row of a format that nobody knows. */
export function explainUnknownRow(value: unknown): Extract<ParsedRow, { kind: 'fault' }> {
  return isRow(value)
    ? { kind: 'fault', ...describeUnknownKeys(Object.keys(value)) }
    : { kind: 'fault', problem: 'a row is an object with the key "messages"' };
}

export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readColumns({ user, assistant, system }: TrainingColumns): FormatReader {
  return {
    keys: [user, assistant, ...(system === undefined ? [] : [system])],
    toMessages: (row) => [
      ...readSystem(row, system === undefined ? [] : [system]),
      { role: 'user', content: readText(row, user) },
      { role: 'assistant', content: readText(row, assistant) },
    ],
  };
}

function readSystem(row: Row, keys: readonly string[] = ['system', 'system_prompt']): unknown[] {
  const key = keys.find((name) => !isAbsent(row[name]) && row[name] !== '');
  return key === undefined ? [] : [{ role: 'system', content: readText(row, key) }];
}

/** A text is one turn of this role; a list holds messages, as trainers of conversations write it. */
function readTurns(row: Row, key: string, role: 'user' | 'assistant'): unknown[] {
  const value = row[key];
  // Parsed with the other messages.
  return Array.isArray(value) ? (value as unknown[]) : [{ role, content: readText(row, key) }];
}

const shareRoles: Readonly<Record<string, string>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  assistant: 'assistant',
  model: 'assistant',
  system: 'system',
  developer: 'system',
};

function readShareTurn(turn: unknown, index: number): unknown {
  const place = `conversations[${String(index)}]`;
  if (!isRow(turn)) throw new RowProblem(`${place}: a turn is {"from", "value"}`);
  if ('role' in turn) return turn;
  const { from, value, weight, ...others } = turn;
  const role = typeof from === 'string' && Object.hasOwn(shareRoles, from) ? shareRoles[from] : undefined;
  if (role === undefined)
    throw new RowProblem(
      `${place}.from: ${typeof from === 'string' ? `"${from}"` : 'this'} is none of ${Object.keys(shareRoles).join(', ')}`,
      'Calls of tools and their results cannot be trained on: leave such rows out, or write the call as text.',
    );
  const [other] = Object.keys(others).filter((key) => !isAbsent(others[key]));
  if (other !== undefined) throw new RowProblem(`${place}: unknown key "${other}"`, 'A turn is {"from", "value"}.');
  if (typeof value !== 'string') throw new RowProblem(`${place}.value: not a text`);
  return { role, content: value, ...(isAbsent(weight) ? {} : { weight }) };
}

function readText(row: Row, key: string): string {
  const value = row[key];
  if (typeof value === 'string') return value;
  throw new RowProblem(
    `${key}: ${isAbsent(value) ? 'there is no text' : 'not a text'}`,
    'Leave such rows out, or write them as {"messages": [...]}.',
  );
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
