import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeText, markup } from '../../src/report/markup.js';

describe('markup', () => {
  it('shows texts as texts, and joins what is markup already', () => {
    const inner = markup`<b>${'<i>'}</b>`;
    expect(markup`<p title="${'"quoted"'}">${[inner, ' & ', 3, null, false]}</p>`.text).toBe(
      '<p title="&quot;quoted&quot;"><b>&lt;i&gt;</b> &amp; 3</p>',
    );
  });

  it('lets no text end an element or an attribute, and writes only what UTF-8 and XML can hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = escapeText(text);
        expect(escaped).not.toMatch(/[<>"']/);
        expect(escaped.replace(/&(amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
        expect(Buffer.from(escaped, 'utf8').toString('utf8')).toBe(escaped);
      }),
    );
    expect(escapeText('a\u0000b\u001fc\tn\n')).toBe('a\\u0000b\\u001fc\tn\n');
    expect(escapeText('\ud800x')).toBe('\ufffdx');
    expect(escapeText('\u{1f332}')).toBe('\u{1f332}');
  });
});
