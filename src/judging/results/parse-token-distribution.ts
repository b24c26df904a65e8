import type { TokenDistribution } from '../score-distribution.js';

/** Probabilities that were rounded, or came from log-probabilities, add up to a little more than 1. */
const slack = 1e-3;

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\u0007',
  '0': '\0',
};

/**
 * Reads token -> probability as Python writes a dict, `{'80': 0.9, 'CODE': 0.1}`, or as JSON does. What is wrong with it, as text, where it
 * is neither, or where what it says cannot be a distribution: a probability below 0, or a sum above 1 by more than rounding.
 */
export function parseTokenDistribution(text: string): TokenDistribution | string {
  const distribution: (readonly [string, number])[] = [];
  const { length } = text;
  let at = skipSpace(text, 0);
  if (text[at] !== '{') return 'is no distribution: it does not begin with {';
  at = skipSpace(text, at + 1);
  while (text[at] !== '}') {
    const mark = text[at];
    let token: string;
    if (mark === "'" || mark === '"') {
      let end = at + 1;
      let isEscaped = false;
      while (end < length && text[end] !== mark) {
        if (text[end] === '\\') {
          isEscaped = true;
          end += 1;
        }
        end += 1;
      }
      if (end >= length) return cutOff;
      token = text.slice(at + 1, end);
      if (isEscaped) token = unescape(token);
      at = end + 1;
    } else {
      // A number as a key: its digits are the token.
      const end = skipDigits(text, at);
      if (end === at) return at >= length ? cutOff : `is no distribution: no token is at character ${String(at + 1)}`;
      token = text.slice(at, end);
      at = end;
    }
    at = skipSpace(text, at);
    if (text[at] !== ':')
      return at >= length ? cutOff : `is no distribution: ${JSON.stringify(token)} has no probability`;
    at += 1;
    let end = at;
    while (end < length && text[end] !== ',' && text[end] !== '}') end += 1;
    if (end >= length) return cutOff;
    const written = text.slice(at, end).trim();
    distribution.push([token, readProbability(written)]);
    at = end;
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  if (skipSpace(text, at + 1) < length) return 'is no distribution: something stands behind its }';
  return checkDistribution(distribution);
}

/** The same for what JSON held as an object, or as a list of pairs. */
export function readTokenDistribution(value: object): TokenDistribution | string {
  const entries: unknown[] = Array.isArray(value) ? value : Object.entries(value);
  const distribution: (readonly [string, number])[] = [];
  for (const entry of entries) {
    if (!Array.isArray(entry) || entry.length !== 2)
      return 'is no distribution: it is a list, but not of pairs of token and probability';
    const [token, probability] = entry as readonly unknown[];
    if (typeof token !== 'string' && typeof token !== 'number') return 'is no distribution: a token is not a text';
    distribution.push([String(token), typeof probability === 'number' ? probability : NaN]);
  }
  return checkDistribution(distribution);
}

const cutOff = 'is no distribution: it is cut off';

function checkDistribution(distribution: TokenDistribution): TokenDistribution | string {
  let sum = 0;
  for (const [token, probability] of distribution) {
    if (!(probability >= 0 && probability <= 1 + slack))
      return `gives ${JSON.stringify(token)} ${Number.isNaN(probability) ? 'something that is no number' : `the probability ${String(probability)}`}: probabilities are 0 to 1`;
    sum += probability;
  }
  return sum > 1 + slack
    ? `adds up to ${String(Number(sum.toFixed(6)))}: probabilities add up to 1 at most`
    : distribution;
}

/** NumPy's numbers write their type, too. */
function readProbability(written: string): number {
  const bare = written.startsWith('np.') ? written.replace(/^np\.float\d+\((.*)\)$/, '$1') : written;
  return bare === '' || /[^0-9.eE+-]/.test(bare) ? NaN : Number(bare);
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text[at] ?? '')) at += 1;
  return at;
}

function skipDigits(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\d/.test(text[at] ?? '')) at += 1;
  return at;
}

function unescape(token: string): string {
  return token.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))/g,
    (whole, byte?: string, unit?: string, point?: string, letter = '') => {
      const code = byte ?? unit;
      if (code !== undefined) return String.fromCharCode(parseInt(code, 16));
      if (point !== undefined)
        return parseInt(point, 16) > 0x10ffff ? whole : String.fromCodePoint(parseInt(point, 16));
      return escapes[letter as string] ?? (letter as string);
    },
  );
}
