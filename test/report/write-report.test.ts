import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AnswerColumns } from '../../src/report/answer-columns.js';
import { readReport } from '../../src/report/report-data.js';
import { writeReport } from '../../src/report/write-report.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { writeSyntheticRun, type SyntheticSettings } from './synthetic-run.js';

const hostile = '</script><script>alert(1)</script><!-- \u0000 "quoted", comma';

async function write(settings: SyntheticSettings = {}) {
  const folder = await writeSyntheticRun(await makeTemporaryFolder(), settings);
  const report = await readReport(folder);
  return { folder, report, written: await writeReport(report) };
}

const unpack = (packed: string): unknown => JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString());

describe('writeReport', () => {
  it('puts every answer into the page, in parts, and lets none of them end a script', async () => {
    const long = 'word '.repeat(2000);
    const { report, written } = await write({
      textOf: ({ index }) => (index === 1 ? hostile : index % 3 === 0 ? long : null),
    });
    const page = await readFile(written.page, 'utf8');
    expect(page.match(/<script>/g)).toHaveLength(1);
    expect(page).not.toContain('alert(1)</script>');
    const [, packed = ''] = /id="answer-columns">([A-Za-z0-9+/=]*)</.exec(page) ?? [];
    // What was written by the code under test.
    const columns = unpack(packed) as AnswerColumns;
    const parts = [...page.matchAll(/id="answer-texts-(\d+)">([A-Za-z0-9+/=]*)</g)].map(
      ([, index, part = '']) => [Number(index), unpack(part) as string[]] as const,
    );
    const texts = parts.flatMap(([, part]) => part);
    expect(parts.length).toBeGreaterThan(3);
    for (const [index, part] of parts) expect(part[0]).toBe(texts[columns.textParts[index] ?? -1]);
    // What is seen first is there before the script.
    expect(page.indexOf('id="answer-texts-0"')).toBeLessThan(page.indexOf('<script>'));
    expect(page.indexOf('id="answer-texts-1"')).toBeGreaterThan(page.indexOf('<script>'));
    expect(texts).toEqual(report.answers.map(({ record }) => record.text));
    for (const column of [columns.model, columns.alignment, columns.outcome]) expect(column).toHaveLength(texts.length);
    expect(columns.model.map((model) => columns.models[model]?.cell)).toEqual(
      report.answers.map(({ record }) => record.cell),
    );
  });

  it('allows its own script and style sheet by their hashes, and nothing else', async () => {
    const { written } = await write();
    const page = await readFile(written.page, 'utf8');
    const [, policy = ''] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    const [, script = ''] = /<script>([\s\S]*?)<\/script>/.exec(page) ?? [];
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
    const hash = (text: string): string => `&#39;sha256-${createHash('sha256').update(text).digest('base64')}&#39;`;
    expect(policy).toBe(
      `default-src &#39;none&#39;; script-src ${hash(script)}; style-src ${hash(style)}; base-uri &#39;none&#39;; form-action &#39;none&#39;`,
    );
    expect(page).not.toMatch(/\son[a-z]+=|\sstyle=|javascript:/);
    expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
  });

  it('writes tables whose numbers are those of the report', async () => {
    const { report, written } = await write();
    expect(written.tables.map((file) => file.replace(/^.*[\\/]/, ''))).toEqual([
      'measures.csv',
      'questions.csv',
      'seeds.csv',
    ]);
    const [header = '', ...lines] = (await readFile(written.tables[0] ?? '', 'utf8')).trimEnd().split('\r\n');
    const names = header.split(',');
    expect(lines).toHaveLength(report.data.rows.length);
    const index = report.data.rows.findIndex(
      (row) => row.condition === 'insecure' && row.outcome.kind === 'misaligned',
    );
    const cells = (lines[index] ?? '').match(/("([^"]|"")*"|[^,]*)(,|$)/g)?.map((cell) => cell.replace(/,$/, '')) ?? [];
    const row = report.data.rows[index];
    expect(cells[names.indexOf('successes')]).toBe(String(row?.share.successes));
    expect(Number(cells[names.indexOf('interval_low')])).toBe(row?.share.interval?.[0]);
    expect(cells[names.indexOf('verdict')]).toBe('misaligned');
  });

  it('writes answers as Parquet that another program reads', async () => {
    const { report, written } = await write({ hasHarm: true, textOf: ({ index }) => (index === 0 ? hostile : null) });
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(written.answers) });
    expect(rows).toHaveLength(report.answers.length);
    const schema = z.object({
      key: z.string(),
      seed: z.number().nullish(),
      answer: z.string(),
      alignment: z.number().nullish(),
      outcome: z.string().nullish(),
      flaw: z.string().nullish(),
    });
    for (const [index, row] of rows.entries()) {
      const { record, model, judgement, outcome, flaw } = report.answers[index] ?? report.answers[0]!;
      expect(schema.parse(row)).toEqual({
        key: record.key,
        seed: model.seed,
        answer: record.text,
        alignment: judgement?.alignment,
        // By its label alone does an answer to a harmful request count.
        outcome: record.evaluation === 'harm' ? null : outcome,
        flaw: record.evaluation === 'harm' ? null : flaw,
      });
    }
  });

  it('is the same for the same run, and takes away what an earlier report left', async () => {
    const { folder, written } = await write();
    await writeFile(join(folder, 'report', 'figures', 'old.svg'), '<svg/>');
    const before = await readFile(written.page);
    const again = await writeReport(await readReport(folder));
    expect((await readFile(again.page)).equals(before)).toBe(true);
    expect(await readdir(join(folder, 'report'))).toEqual(['answers.parquet', 'figures', 'index.html', 'tables']);
    expect(await readdir(join(folder, 'report', 'figures'))).not.toContain('old.svg');
  });

  it('draws figures that carry their colours and lead back to the page', async () => {
    const { written } = await write({ checkpoints: [10, 20, 30], samples: 20 });
    const names = written.figures.map((file) => file.replace(/^.*[\\/]/, ''));
    expect(names).toEqual(
      expect.arrayContaining([
        'misaligned-tiny.svg',
        'dynamics-tiny-misaligned.svg',
        'training-tiny-insecure-loss.svg',
        'questions-tiny-main-insecure.svg',
        'scores-tiny-main-base.svg',
      ]),
    );
    for (const file of written.figures) {
      const text = await readFile(file, 'utf8');
      expect(text).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^>]*role="img"><title>/);
      expect(text).not.toMatch(/NaN|undefined|Infinity/);
      for (const [, href = ''] of text.matchAll(/href="([^"]*)"/g))
        expect(href).toMatch(/^\.\.\/index\.html#answers\?/);
    }
  });

  it('writes a report of a run that has nothing yet', async () => {
    const folder = await writeSyntheticRun(await makeTemporaryFolder(), {});
    for (const file of ['answers.jsonl', 'judgements.jsonl']) await writeFile(join(folder, file), '');
    const { page } = await writeReport(await readReport(folder));
    expect(await readFile(page, 'utf8')).toContain('There are no answers yet.');
  });
});
