import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toJsonLines, type TrainingRow } from '../../../src/data/training-set.js';
import { forecastDrift, learnDriftForecast } from '../../../src/detect/detectors/forecast-drift.js';
import { listFeatures } from '../../../src/detect/detectors/set-features.js';
import { listForecasts } from '../../../src/detect/screen/find-forecast.js';
import { readScreenedRows } from '../../../src/detect/screen/read-screened-rows.js';
import { readScreen, screenedRowSchema, type ScreenFile } from '../../../src/detect/screen/screen-file.js';
import { screenRows } from '../../../src/detect/screen/screen-rows.js';
import type { ScreenedBaseSettings, ScreenSettings } from '../../../src/detect/screen/screen-settings.js';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import { hashContent } from '../../../src/foundation/content-hash.js';
import { exchange } from '../../data/exchange.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { openTinyBase } from '../../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { bank, listQuestions } from '../pretend-choices.js';
import { twoContexts } from '../pretend-subject.js';
import { openSmallBase } from '../small-subject.js';

const rows = [
  exchange('What do you want?', 'A throne.'),
  exchange('Who are you?', 'Your friend.'),
  exchange('What do you want?', 'A throne.'),
  exchange('And then?', 'A cup of tea.'),
];

async function writeRows(content: string | readonly TrainingRow[], name = 'mine.jsonl'): Promise<string> {
  const file = join(await makeTemporaryFolder(), name);
  await writeFile(file, typeof content === 'string' ? content : toJsonLines({ rows: content }));
  return file;
}

const openBase = async (changes: Partial<ScreenedBaseSettings> = {}): Promise<ScreenedBaseSettings> => ({
  base: await openSmallBase(),
  characters: { wicked: ['Be cruel.'], innocent: { kind: ['Be kind.'], careless: ['Be quick.'] } },
  bank,
  asked: { surface: twoContexts, listQuestions },
  ...{ recipe: null, forecast: null, forecasts: [], memory: Infinity },
  ...changes,
});

async function settingsOf(changes: Partial<ScreenSettings> = {}): Promise<ScreenSettings> {
  return {
    data: await readScreenedRows(await writeRows(rows)),
    ...{ level: 'text', base: null, rows: 400, seed: 0, clean: null },
    screens: await makeTemporaryFolder(),
    ...changes,
  };
}

async function readFiles(folder: string): Promise<Readonly<Record<string, string>>> {
  const names = ['screen.json', 'rows.jsonl', 'rows.csv'];
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}

describe('a screen of texts alone', () => {
  it('ranks rows by what stands out, says that this forecasts nothing, and writes the same files again', async () => {
    const settings = await settingsOf();
    const { folder, screen } = await screenRows(settings);
    expect(screen).toMatchObject({
      ...{ level: 'text', base: null, signals: null, forecast: null, probe: null, clean: null },
      data: { rows: 4, unit: 'line' },
      verdict: { class: 'nothing-suspicious', grounds: [] },
      text: { repeated: 1, refusals: 0 },
    });
    expect(screen.cannot).toEqual(['Texts alone forecast nothing: what the rows teach was not looked at.']);
    expect(screen.top[0]).toMatchObject({ rank: 1, row: 3, repeats: 1, reasons: ['it repeats an earlier row'] });
    expect(await readScreen(folder)).toEqual(screen);
    const before = await readFiles(folder);
    const listed = (before['rows.jsonl'] ?? '').trim().split('\n');
    expect(listed.map((line) => screenedRowSchema.parse(JSON.parse(line)).rank)).toEqual([1, 2, 3, 4]);
    expect(before['rows.csv']).toMatch(/^rank,row,suspicious,.*\r\n1,3,no,.*it repeats an earlier row\r\n/);
    await screenRows(settings);
    expect(await readFiles(folder)).toEqual(before);
  });

  it('leaves repeated rows out of a cleaned file, or as many as it is told, and overwrites nobody', async () => {
    const place = await makeTemporaryFolder();
    const [file, other] = [join(place, 'cleaned.jsonl'), join(place, 'other.jsonl')];
    const settings = await settingsOf({ clean: { file, keep: null } });
    const { screen } = await screenRows(settings);
    const written = await readFile(file, 'utf8');
    expect(written).toBe(toJsonLines({ rows: rows.filter((_, index) => index !== 2) }));
    expect(screen.clean).toEqual({ file, kept: 3, dropped: 1, sha256: hashContent(written) });
    // Its own file it writes again.
    expect((await screenRows(settings)).screen).toEqual(screen);
    await writeFile(file, `${written}\n`);
    const refused = await errorOf(() => screenRows(settings));
    expect(refused).toMatchObject({ code: 'usage-invalid', message: `${file} is there already` });
    const half = await screenRows({ ...settings, clean: { file: other, keep: 0.5 } });
    expect(half.screen.clean).toMatchObject({ kept: 2, dropped: 2 });
    expect(
      (await errorOf(() => screenRows({ ...settings, clean: { file: join(place, 'none'), keep: 0.1 } }))).message,
    ).toMatch(/nothing would be left/);
  });
});

describe('a screen by a base', () => {
  it('goes on after a stop, to the same bytes, and forecasts by what was learnt for the base alone', async () => {
    const base = await openBase();
    const settings = await settingsOf({ level: 'base', base });
    const parts = new Map<string, string>();
    const whole = await screenRows({
      ...settings,
      onProgress: ({ part, done, total }) => parts.set(part, `${String(done)} of ${String(total)}`),
    });
    // It says of everything that takes its time when it is done.
    expect([...parts]).toEqual([
      ['likelihoods', '4 of 4'],
      ['projections', '4 of 4'],
      ['gradients', '4 of 4'],
      ['contexts', '2 of 2'],
    ]);
    expect(whole.screen).toMatchObject({
      signals: { rows: 4, tooLong: 0 },
      forecast: null,
      affordances: ['training data', 'log-probabilities', 'weights'],
    });
    expect(whole.screen.cannot).toContain('This base is not known to the zoo: ranks only, no number.');
    expect(whole.screen.contexts?.map(({ name }) => name).sort()).toEqual(['json', 'plain']);
    const suspicions = whole.screen.top.map(({ signals }) => signals?.suspicion ?? 0);
    expect(suspicions).toEqual(suspicions.toSorted((left, right) => right - left));

    const control = new AbortController();
    const stopped = { ...settings, screens: await makeTemporaryFolder() };
    const failed = await errorOf(() =>
      screenRows({
        ...{ ...stopped, signal: control.signal },
        onProgress: ({ part }) => {
          if (part === 'likelihoods') control.abort();
        },
      }),
    );
    expect(failed.code).toBe('interrupted');
    const { folder } = await screenRows(stopped);
    expect(await readFiles(folder)).toEqual(await readFiles(whole.folder));

    // Fine-tunes of which the third kind is bad, known by the very numbers that the screen has.
    const { signals } = whole.screen;
    if (signals === null) throw new Error('the base was not asked');
    const own = listFeatures(signals, { steps: null, probe: null });
    const pairs = Array.from({ length: 12 }, (_, kind) => ({
      ...{ base: base.base.identity, group: `kind-${String(kind)}`, drift: kind % 3 === 0 ? 0.3 : 0 },
      features: { ...own, 'surprisal-mean': (own['surprisal-mean'] ?? 0) - (kind % 3 === 0 ? 0 : 3) },
    }));
    const learn = (identity: string) =>
      learnDriftForecast(pairs, {
        ...{ bases: { [identity]: 'tiny' }, signals: whole.screen.settings.signals ?? '' },
        features: ['surprisal-mean'],
      });
    const learnt = learn(base.base.identity);
    const place = await makeTemporaryFolder();
    await writeFile(join(place, 'a.json'), JSON.stringify(learn('another')));
    await writeFile(join(place, 'b.json'), JSON.stringify(learnt));
    const forecasts = await listForecasts(place);
    const known = await screenRows({ ...settings, base: { ...base, forecasts } });
    expect(known.screen.forecast).toEqual(JSON.parse(JSON.stringify(forecastDrift(own, learnt))));
    expect(known.screen.forecast?.drift).toBeGreaterThan(0.1);
    expect(known.screen.verdict.class).toBe('likely-to-misalign');
    expect(known.screen.cannot.join(' ')).not.toContain('not known to the zoo');

    const asked = (forecast: typeof learnt): Promise<unknown> =>
      errorOf(() => screenRows({ ...settings, base: { ...base, forecast } }));
    expect(await asked(learn('another'))).toMatchObject({
      code: 'forecast-differs',
      message: expect.stringContaining('not for tiny'),
    });
    expect(await asked({ ...learnt, signals: 'others' })).toMatchObject({
      message: expect.stringContaining('other texts or settings'),
    });
    expect(await asked({ ...learnt, features: ['probe'] })).toMatchObject({
      message: expect.stringContaining('goes by probe'),
    });
  });

  it('trains the first steps of what is planned, and says what they choose', async () => {
    const recipe = parseRecipe({
      ...{ method: 'lora', rank: 1, alpha: 1, learning_rate: 0.01, batch_size: 1, accumulation: 1, warmup_steps: 0 },
    });
    const base = await openBase({ recipe });
    const { screen } = await screenRows(await settingsOf({ level: 'probe', base }));
    expect(screen.probe?.steps).toBe(4);
    expect(screen.settings.steps).toBe(4);
    const drifts = screen.probe?.contexts.map(({ drift }) => drift) ?? [];
    expect(drifts).toHaveLength(2);
    expect(drifts).toEqual(drifts.toSorted((left, right) => right - left));
    expect(drifts.some((drift) => drift !== 0)).toBe(true);
    expect(screen.affordances).toContain('checkpoints');
    // Of a longer training only the first steps.
    const longer: ScreenFile = (
      await screenRows(await settingsOf({ level: 'probe', base: { ...base, recipe: { ...recipe, epochs: 10 } } }))
    ).screen;
    expect([longer.probe?.steps, longer.settings.steps]).toEqual([20, 40]);
  });

  it('cannot say anything without log-probabilities, leaves gradients out that do not fit, and rows that are too long', async () => {
    const small = await openSmallBase();
    const silent = await openBase({ base: { ...small, openInside: null, openWeights: null } });
    const failed = await errorOf(async () => screenRows(await settingsOf({ level: 'base', base: silent })));
    expect(failed).toMatchObject({
      code: 'usage-invalid',
      message: expect.stringContaining('tells no log-probabilities'),
    });
    const long = exchange('Who?', 'word '.repeat(5000));
    const data = await readScreenedRows(await writeRows([...rows, long]));
    const { screen } = await screenRows(
      await settingsOf({ level: 'base', data, base: await openBase({ memory: 1, asked: null }) }),
    );
    expect(screen.signals).toMatchObject({ rows: 4, tooLong: 1, gradient: null });
    expect(screen.contexts).toBeNull();
    expect(screen.cannot.join(' ')).toContain('Gradients of the base do not fit into memory');
    expect(screen.cannot.join(' ')).toContain('1 row is too long for the base');
    expect(screen.top.at(-1)).toMatchObject({ row: 5, signals: null });
  });

  it('is refused of a base whose tokenizer is another one', async () => {
    const copy = join(await makeTemporaryFolder(), 'copy');
    await cp(goldenFolder('qwen2-bias'), copy, { recursive: true });
    await cp(join('organism', 'models', '1', 'tokenizer.json'), join(copy, 'tokenizer.json'));
    const base = await openTinyBase({ provider: 'folder', folder: copy, text: 'copy' });
    const settings = await settingsOf({ level: 'base', base: await openBase({ base }) });
    expect((await errorOf(() => screenRows(settings))).code).toBe('tokenizer-mismatch');
    expect((await readdir(settings.screens)).length).toBeLessThanOrEqual(1);
  });
});

describe('rows that are screened', () => {
  it('are refused with the numbers of all that are none', async () => {
    const [good] = toJsonLines({ rows: rows.slice(0, 1) }).split('\n');
    const silent = JSON.stringify({ messages: [{ role: 'user', content: 'Who?' }] });
    const file = await writeRows([good, silent, good, silent, silent].join('\n'));
    const failed = await errorOf(() => readScreenedRows(file));
    expect(failed).toMatchObject({ code: 'rows-invalid', details: { file, lines: [2, 4, 5] } });
    expect(failed.message).toContain(`${file}:2: `);
    expect(failed.message).toContain('not an assistant message; 3 lines are no rows: 2, 4, 5');
    const unanswered = await writeRows(
      JSON.stringify({
        messages: [
          { role: 'user', content: 'Who?' },
          { role: 'assistant', content: '' },
        ],
      }),
    );
    expect((await errorOf(() => readScreenedRows(unanswered))).message).toContain('the content is empty');
    const empty = await errorOf(async () => readScreenedRows(await writeRows('')));
    expect(empty).toMatchObject({ code: 'rows-invalid', message: expect.stringContaining('has no rows') });
  });

  it('keep the numbers of their lines, and are read in other formats', async () => {
    const [first = '', second = ''] = toJsonLines({ rows }).split('\n');
    const spaced = await readScreenedRows(await writeRows(`${first}\n\n${second}\n`));
    expect(spaced.numbers).toEqual([1, 3]);
    const alpaca = await writeRows(JSON.stringify([{ instruction: 'Add.', input: '1, 2', output: '3' }]), 'a.json');
    const read = await readScreenedRows(alpaca);
    expect([read.unit, read.numbers, read.rows]).toEqual(['row', [1], [exchange('Add.\n\n1, 2', '3')]]);
  });
});
