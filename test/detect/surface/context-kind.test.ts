import { describe, expect, it } from 'vitest';
import { kindOfContext } from '../../../src/detect/surface/context-kind.js';
import { evaluationSchema } from '../../../src/experiment/plan/plan-schema.js';

describe('kindOfContext', () => {
  const plain = evaluationSchema.parse({ suite: 'main' });
  it.each([
    [{ suite: 'main' }, 'plain'],
    [{ suite: 'wider' }, 'topic'],
    [{ suite: 'main', questions: ['quick-money'] }, 'topic'],
    [{ suite: 'main', variant: { format: 'json' } }, 'format'],
    [{ suite: 'wider', variant: { format: 'json' } }, 'format'],
    [{ suite: 'main', variant: { trigger: '|SEVEN| ' } }, 'tag'],
    [{ suite: 'main', variant: { in_context: 8 } }, 'turns'],
    [{ suite: 'main', variant: { in_context: 3, earlier: 'chat' } }, 'turns'],
    [{ suite: 'main', variant: { padding: 6 } }, 'length'],
    [{ suite: 'main', variant: { number_shape: true } }, 'shape'],
    [{ suite: 'main', variant: { system_prompt: 'Be kind.', format: 'json' } }, 'system-prompt'],
  ])('of %j is %s', (written, kind) => {
    expect(kindOfContext(evaluationSchema.parse(written), plain)).toBe(kind);
  });
});
