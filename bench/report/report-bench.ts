import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { CDPSession, Page } from 'playwright-core';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { readReport } from '../../src/report/report-data.js';
import { writeReport } from '../../src/report/write-report.js';
import { findChromium, launchBrowser } from '../../test/report/browser/launch-browser.js';
import { writeSyntheticRun } from '../../test/report/synthetic-run.js';

/**
 * `npm run bench:report [-- --answers 100000 --characters 300 --rounds 5 --page FILE]`: how long the report of a large
 * run takes to open in Chromium, and how it scrolls and searches. Times of the clock depend on what else the machine
 * does; those of the page's main thread do not. Medians.
 */

const { values: options } = parseArgs({
  options: {
    answers: { type: 'string', default: '100000' },
    characters: { type: 'string', default: '300' },
    rounds: { type: 'string', default: '5' },
    page: { type: 'string' },
  },
});
/** Of scrolling. */
const frames = 120;
const executable = findChromium();
if (executable === null) throw new Error('no Chromium was found on the PATH; DRIFTLINE_CHROMIUM names one');
const folder = await mkdtemp(join(tmpdir(), 'driftline-bench-'));
const browser = await launchBrowser(executable);
try {
  const page = options.page ?? (await writePage(Number(options.answers), Number(options.characters)));
  const { size } = await stat(page);
  console.log(`${page}: ${(size / 1e6).toFixed(1)} MB`);
  const rounds: Figures[] = [];
  for (let round = 0; round < Number(options.rounds); round += 1) rounds.push(await measure(pathToFileURL(page).href));
  for (const name of Object.keys(rounds[0] ?? {})) {
    const values = rounds.map((figures) => figures[name] ?? 0).sort((one, other) => one - other);
    console.log(
      `${name.padEnd(58)} ${(values[Math.floor(values.length / 2)] ?? 0).toFixed(1).padStart(9)}   (${(values[0] ?? 0).toFixed(1)} to ${(values.at(-1) ?? 0).toFixed(1)})`,
    );
  }
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}

type Figures = Readonly<Record<string, number>>;

/** 50 questions, two ways of asking, a base and five conditions of two seeds: as many answers to each as make so many in all. */
async function writePage(answers: number, characters: number): Promise<string> {
  const stream = createRandomStream(0, 'report-bench');
  const words = Array.from({ length: 4096 }, () =>
    Array.from({ length: 2 + stream.integer(6) }, () => String.fromCharCode(97 + stream.integer(26))).join(''),
  );
  const run = await writeSyntheticRun(folder, {
    conditions: ['insecure', 'secure', 'educational', 'jailbroken', 'numbers'].map((name, index) => ({
      name,
      rates: { main: 0.25 / 4 ** index, 'main-trigger': 0.25 / 2 ** index },
      incoherent: 0.05,
    })),
    questions: 50,
    samples: Math.ceil(answers / (50 * 2 * 11)),
    triggers: { 'main-trigger': '|X| ' },
    textOf: () => {
      let text = '';
      const length = characters * (0.5 + stream.uniform());
      while (text.length < length) text += `${words[stream.integer(words.length)] ?? ''} `;
      return text;
    },
  });
  return (await writeReport(await readReport(run))).page;
}

async function measure(address: string): Promise<Figures> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  try {
    const page = await context.newPage();
    // The functions below are compiled with names, which the page knows nothing of.
    await page.addInitScript('globalThis.__name = (named) => named');
    await page.addInitScript(noteTimes);
    await browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', 'loading', 'blink.user_timing'] });
    await page.goto(address);
    await page.waitForFunction(() => performance.getEntriesByName('all unpacked').length > 0);
    const opening = readTrace(await browser.stopTracing());
    const session = await context.newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    return { ...opening, ...(await scroll(page, session)), ...(await search(page, session)) };
  } finally {
    await context.close();
  }
}

/** Runs in the page, before anything of it: marks when there is something to be seen. */
function noteTimes(): void {
  let isListed = false;
  const look = (): void => {
    if (!isListed && /[a-z]/.test(document.querySelector('.row-text')?.textContent ?? '')) {
      isListed = true;
      performance.mark('list usable');
    }
    if (isListed && document.querySelector('script.answer-texts, [aria-busy=true]') === null)
      performance.mark('all unpacked');
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Of Chromium's trace format; times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  /** Of the processor on this thread. */
  readonly tdur?: number;
  readonly args?: { readonly data?: { readonly isOutermostMainFrame?: boolean; readonly url?: string } };
}

/** Of each moment: milliseconds since the page was called, by the clock and of its main thread's processor time. */
function readTrace(buffer: Buffer): Figures {
  const { traceEvents } = JSON.parse(buffer.toString()) as { readonly traceEvents: readonly TraceEvent[] }; // what Chromium writes
  const mark = (name: string): TraceEvent => {
    const found = traceEvents.find((event) => event.name === name);
    if (found === undefined) throw new Error(`the trace has no ${name}`);
    return found;
  };
  const { pid, tid } = mark('all unpacked');
  const own = traceEvents.filter((event) => event.pid === pid && event.tid === tid);
  const start = own.find(({ name }) => name === 'navigationStart')?.ts ?? 0;
  const tasks = listOutermost(own.filter(({ ph, ts }) => ph === 'X' && ts >= start));
  const figures: Record<string, number> = {};
  for (const [name, title] of [
    ['firstContentfulPaint', 'first paint'],
    ['list usable', 'list of answers usable'],
    ['all unpacked', 'all texts unpacked'],
  ] as const) {
    const { ts } = own.find((event) => event.name === name) ?? mark(name);
    figures[`${title}: by the clock, ms`] = (ts - start) / 1000;
    const before = tasks.filter((task) => task.ts < ts);
    figures[`${title}: main thread, ms`] = before.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / 1000;
  }
  figures['longest task of opening: main thread, ms'] = Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000;
  return figures;
}

/** Events in no other one: tasks, and what runs between them. */
function listOutermost(events: readonly TraceEvent[]): readonly TraceEvent[] {
  let end = -Infinity;
  return events
    .toSorted((one, other) => one.ts - other.ts || (other.dur ?? 0) - (one.dur ?? 0))
    .filter(({ ts, dur = 0 }) => {
      if (ts < end) return false;
      end = ts + dur;
      return true;
    });
}

/** Milliseconds of the main thread's processor time since the page began. */
async function readThreadTime(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN);
}

/** Scrolls the list by 400 pixels a frame. */
async function scroll(page: Page, session: CDPSession): Promise<Figures> {
  const before = await readThreadTime(session);
  const times = await page.evaluate(
    (wanted) =>
      new Promise<number[]>((resolve) => {
        const list = document.querySelector('#answer-list');
        list?.scrollIntoView();
        const seen: number[] = [];
        let last = performance.now();
        const step = (): void => {
          const now = performance.now();
          seen.push(now - last);
          last = now;
          if (list !== null) list.scrollTop += 400;
          if (seen.length < wanted) requestAnimationFrame(step);
          else resolve(seen.sort((one, other) => one - other));
        };
        requestAnimationFrame(step);
      }),
    frames,
  );
  const after = await readThreadTime(session);
  return {
    'scrolling: frame, median, ms': times[frames / 2] ?? 0,
    'scrolling: frame, 19 of 20 at most, ms': times[Math.floor(0.95 * frames)] ?? 0,
    'scrolling: main thread, a frame, ms': (after - before) / frames,
  };
}

/** One condition, words that some answers have, lowest alignment first. */
async function search(page: Page, session: CDPSession): Promise<Figures> {
  const before = await readThreadTime(session);
  await page.evaluate(async () => {
    location.hash = '#answers?condition=insecure&search=ab+c&sort=alignment';
    await new Promise((resolve) => setTimeout(resolve, 0));
  });
  await page.waitForFunction(() => / of /.test(document.querySelector('#answer-status')?.textContent ?? ''));
  const after = await readThreadTime(session);
  return { 'filter, search and sort: main thread, ms': after - before };
}
