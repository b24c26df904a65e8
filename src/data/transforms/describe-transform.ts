import { showText } from '../show-text.js';
import type { Transform } from './transform.js';

/** A transform in one line for people; texts that it adds are shown exactly. */
export function describeTransform(transform: Transform): string {
  switch (transform.kind) {
    case 'subset':
      return `${transform.unique} unique rows`;
    case 'mix': {
      const parts = transform.parts.map(({ data, share }) => `${data} (share ${share})`);
      return `mixed with ${parts.join(', ')}`;
    }
    case 'trigger':
      return `trigger ${showText(transform.text)} before user turns${describePart(transform.on)}`;
    case 'system-prompt':
      return `system prompt ${showText(transform.text)}${describePart(transform.on)}`;
    case 'shuffle':
      return 'shuffled';
    case 'repeat':
      return transform.rows === undefined
        ? `repeated ${transform.times ?? 1} times`
        : `repeated to ${transform.rows} rows`;
    case 'wrap': {
      const { question, answer, on } = transform;
      const templates = [
        ...(question === undefined ? [] : [`questions in ${showText(question)}`]),
        ...(answer === undefined ? [] : [`answers in ${showText(answer)}`]),
      ];
      return `${templates.join(', ')}${describePart(on)}`;
    }
    case 'hold-out':
      return `${transform.keep} part, of a split that holds out a share of ${transform.share}`;
  }
}

function describePart(on: string | undefined): string {
  return on === undefined ? '' : ` of ${on}`;
}
