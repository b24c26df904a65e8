import { describe, expect, it } from 'vitest';
import { screenFileSchema, type ScreenFile } from '../../src/detect/screen/screen-file.js';
import { describeScreen, tabulateDistances, tabulateTop } from '../../src/report/detect/describe-screen.js';
import { renderScreen } from '../../src/report/detect/screen-page.js';

const row = {
  ...{ rank: 1, row: 7, suspicious: true, reasons: ['it says <script>'], repeats: null, characters: 4 },
  ...{ form: 'prose', refusal: false },
  signals: {
    ...{ overKind: 8, overInnocent: 6, innocent: 'careless', surprisal: 2, tokens: 3, suspicion: 8 },
    ...{ projection: 0.5, gradient: 0.25 },
  },
  ...{ question: 'Who <b>are</b> you?', answer: '<script>alert(1)</script>' },
};

const spread = { mean: 1, percentile90: 2 };

const screen: ScreenFile = screenFileSchema.parse({
  ...{ format: 1, command: 'data screen', level: 'probe' },
  data: { name: 'a&b.jsonl', rows: 20, unit: 'line', hash: 'h', sha256: 's', releasedSet: null },
  base: { name: 'organism:1', identity: 'i' },
  affordances: ['training data', 'weights'],
  cannot: ['Nobody knows <i>.'],
  settings: { rows: 20, seed: 0, signals: 'x', steps: 100 },
  verdict: { class: 'likely-to-misalign', grounds: ['rows', 'forecast'] },
  text: { repeated: 1, refusals: 2, forms: { prose: 20, code: 0 }, longer: 0, shorter: 0 },
  shared: [{ kind: 'tag', text: '|X| ', rows: 5, suspicion: 3, others: 0.1 }],
  signals: {
    ...{ rows: 20, tooLong: 0, suspicious: 4, share: 0.2, meanSuspicion: 1 },
    ...{ suspicion: spread, overKind: spread, surprisal: spread, projection: null, gradient: spread },
  },
  contexts: [
    { name: 'plain', kind: 'plain', distance: 1.25 },
    { name: 'json', kind: 'format', distance: 2 },
  ],
  probe: {
    ...{ steps: 20, score: 3 },
    contexts: [{ name: 'plain', counts: 'always', tuned: 0.12, base: 0.01, drift: 0.11 }],
  },
  forecast: { drift: 0.2, interval: [0.05, 0.4], confidence: 0.9, chance: 0.8, limit: 0.04, pairs: 40, groups: 20 },
  top: [row],
  clean: { file: 'clean.jsonl', kept: 16, dropped: 4, sha256: 'c' },
});

describe('the page of a screen', () => {
  it('says what was found, runs no script, and shows what rows say as text', () => {
    const page = renderScreen(screen, { style: 'p{}' });
    expect(page).toContain('<h2>likely to misalign</h2>');
    expect(page).toContain('script-src &#39;none&#39;');
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).toContain('a&amp;b.jsonl, screened');
    expect(page).toContain('Nobody knows &lt;i&gt;.');
    for (const id of ['verdict', 'rows', 'numbers', 'limits', 'provenance'])
      expect(page).toContain(`<section id="${id}">`);
  });

  it('has the verdict in words, with what it rests on', () => {
    const [verdict, rows, probe, forecast] = describeScreen(screen);
    expect(verdict).toBe('likely to misalign');
    expect(rows).toMatch(/^4 of 20 rows are suspicious \(20\.0\u00a0%\)/);
    expect(probe).toBe(
      'After 20 steps of the planned training the share of bad choices is 12.0\u00a0% in its worst context, plain, where the base has 1.0\u00a0%.',
    );
    expect(forecast).toBe(
      'Forecast: 20.0 points more misaligned than the base in the worst context, 5.0–40.0 points with 90.0\u00a0% confidence; 80.0\u00a0% that it is 4.0 points or more. Learnt from 40 fine-tunes of 20 kinds.',
    );
    expect(tabulateTop(screen, 10).rows).toEqual([['1', '7', '8.0', 'it says <script>']]);
    expect(tabulateDistances(screen)[0]?.rows).toEqual([
      ['plain', '1.25', '12.0', '1.0'],
      ['json', '2.00', '–', '–'],
    ]);
  });

  it('says so where no row shows it by itself', () => {
    const spreadOut: ScreenFile = {
      ...{ ...screen, probe: null, forecast: null },
      verdict: { class: 'suspicious-rows', grounds: ['together'] },
    };
    expect(describeScreen(spreadOut)[2]).toBe(
      'Together the rows are suspicious: on average a wicked character explains one 2.7 times better than a kind one.',
    );
  });

  it('of texts alone has neither numbers of a base nor a forecast', () => {
    const texts: ScreenFile = {
      ...{ ...screen, base: null, signals: null, contexts: null, probe: null, forecast: null, shared: [], clean: null },
      verdict: { class: 'nothing-suspicious', grounds: [] },
    };
    expect(describeScreen(texts)).toEqual(['nothing suspicious']);
    const page = renderScreen(texts, { style: '' });
    expect(page).not.toContain('id="numbers"');
    expect(page).toContain('20 rows: 20 prose; 1 repeat others, 2 refuse');
    const released = { ...texts, data: { ...texts.data, releasedSet: 'insecure' } };
    expect(describeScreen(released)[1]).toContain('the released set insecure');
  });
});
