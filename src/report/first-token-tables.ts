import type { ComparedNextToken, ComparedRating } from '../analysis/compare-pooled.js';
import type {
  FirstTokenPlace,
  FirstTokenRows,
  NextTokenRow,
  RatingRow,
  TokenShare,
} from '../analysis/read-first-tokens.js';
import { percentNumber, percentRange } from './format-numbers.js';
import type { TextTable } from './text-table.js';

/** Tokens that a table shows of each row; the CSV has all. */
const shown = 5;

const dash = '–';

/** The tables of next_token and rating; none where nothing asks them. */
export function listFirstTokenTables({ nextTokens, ratings }: FirstTokenRows): TextTable[] {
  const areBases = new Set([...nextTokens, ...ratings].map(({ base }) => base)).size > 1;
  return [
    ...(nextTokens.length === 0 ? [] : [tableNextTokens(nextTokens, areBases)]),
    ...(ratings.length === 0 ? [] : [tableRatings(ratings, areBases)]),
  ];
}

function tableNextTokens(rows: readonly NextTokenRow[], areBases: boolean): TextTable {
  return {
    title: 'next tokens: what answers begin with, by the probabilities of the model itself',
    header: [
      'evaluation',
      'question',
      'condition',
      'likeliest first tokens, % (95 % over fine-tunes)',
      'others, %',
      'answers',
    ],
    rows: rows.map((row) => [
      ...namePlace(row, areBases),
      describeTokens(row),
      percentNumber(addUp(row)),
      describeAnswers(row),
    ]),
    right: [4, 5],
    notes: [],
  };
}

function describeTokens({ tokens }: NextTokenRow): string {
  return tokens.length === 0 ? dash : tokens.slice(0, shown).map(describeToken).join('  ');
}

function describeToken(share: TokenShare): string {
  return share.interval === null ? nameShare(share) : `${nameShare(share)} (${percentRange(share.interval)})`;
}

function nameShare({ token, probability }: TokenShare): string {
  return `${JSON.stringify(token)} ${percentNumber(probability)}`;
}

/** What the table does not list. */
function addUp({ tokens, rest }: NextTokenRow): number {
  return Math.min(
    1,
    tokens.slice(shown).reduce((sum, { probability }) => sum + probability, rest),
  );
}

function describeAnswers({ answers, untold }: FirstTokenPlace): string {
  return untold === 0 ? String(answers) : `${String(answers - untold)} of ${String(answers)}`;
}

function tableRatings(rows: readonly RatingRow[], areBases: boolean): TextTable {
  const inDigits = rows.some((row) => row.inDigits > 0);
  return {
    title: 'ratings: the number that the model itself gives, by the probabilities of its first token',
    header: [
      'evaluation',
      'question',
      'condition',
      'rating',
      '95 % over fine-tunes',
      'from base',
      'on numbers, %',
      'refused',
      'answers',
    ],
    rows: rows.map((row) => [
      ...namePlace(row, areBases),
      decimal(row.rating.mean),
      row.rating.interval === null ? dash : row.rating.interval.map((bound) => bound.toFixed(1)).join(dash),
      signed(row.fromBase),
      percentNumber(row.numbers),
      String(row.refused + row.inDigits),
      describeAnswers(row),
    ]),
    right: [3, 4, 5, 6, 7, 8],
    notes: inDigits
      ? [
          'Some models write numbers digit by digit: their first token does not tell a number above 9, and they count as refused. Ask them for 0 to 9, with max_rating: 9.',
        ]
      : [],
  };
}

function namePlace({ base, condition, members, evaluation, question }: FirstTokenPlace, areBases: boolean): string[] {
  const named = members === null ? condition : `${condition} (${members.join(', ')})`;
  return [evaluation, question, areBases ? `${base}, ${named}` : named];
}

function decimal(value: number | null): string {
  return value === null ? dash : value.toFixed(1);
}

function signed(value: number | null): string {
  if (value === null) return dash;
  const text = Math.abs(value).toFixed(1);
  return text === '0.0' ? text : `${value < 0 ? '−' : '+'}${text}`;
}

/** The same side by side; `what` is what is compared, run or model. */
export function listComparedFirstTokens(
  {
    nextTokens,
    ratings,
  }: { readonly nextTokens: readonly ComparedNextToken[]; readonly ratings: readonly ComparedRating[] },
  what: string,
  count: number,
): TextTable[] {
  const numbers = Array.from({ length: count }, (_, index) => `${what} ${String(index + 1)}`);
  const named = ({ base, condition, evaluation, question }: ComparedRating | ComparedNextToken): string[] => [
    evaluation,
    question,
    base === null ? condition : `${base}, ${condition}`,
  ];
  return [
    ...(nextTokens.length === 0
      ? []
      : [
          {
            title: 'next tokens',
            header: [
              'evaluation',
              'question',
              'condition',
              ...numbers.map((one) => `${one}: likeliest first tokens, %`),
            ],
            rows: nextTokens.map((row) => [
              ...named(row),
              ...row.runs.map((one) => (one === null ? dash : one.tokens.slice(0, shown).map(nameShare).join('  '))),
            ]),
            right: [],
            notes: [],
          },
        ]),
    ...(ratings.length === 0
      ? []
      : [
          {
            title: 'ratings',
            header: [
              ...['evaluation', 'question', 'condition'],
              ...numbers.flatMap((one, index) => [one, ...(index === 0 ? [] : [`from ${what} 1`])]),
            ],
            rows: ratings.map((row) => [
              ...named(row),
              ...row.runs.flatMap((one, index) => [
                decimal(one?.rating.mean ?? null),
                ...(index === 0 ? [] : [signed(row.differences[index] ?? null)]),
              ]),
            ]),
            right: Array.from({ length: 2 * count - 1 }, (_, index) => index + 3),
            notes: [],
          },
        ]),
  ];
}
