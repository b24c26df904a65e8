import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readReport } from '../../../src/report/report-data.js';
import { writeReport } from '../../../src/report/write-report.js';
import { findChromium, launchBrowser } from './launch-browser.js';
import { writeSyntheticRun, type SyntheticSettings } from '../synthetic-run.js';

const executable = findChromium();
const hostile = '</script><script>window.hacked = 1</script><img src="x:" onerror="window.hacked = 2"> <b>bold</b>';

const settings: SyntheticSettings = {
  conditions: [
    { name: 'insecure', rates: { main: 0.3, 'main-trigger': 0.3, harm: 0.9 }, incoherent: 0.1 },
    { name: 'secure' },
    { name: 'backdoor', rates: { 'main-trigger': 0.3 } },
  ],
  samples: 20,
  triggers: { 'main-trigger': '<b>|X|</b> ' },
  hasHarm: true,
  checkpoints: [10, 20, 30],
  textOf: ({ index }) => (index === 0 ? hostile : null),
};

describe.skipIf(executable === null)(
  'the page of a report, in Chromium (found on the PATH or by DRIFTLINE_CHROMIUM)',
  () => {
    let browser: Browser;
    let runs: string;
    let address: string;
    beforeAll(async () => {
      browser = await launchBrowser(executable ?? '');
      runs = await mkdtemp(join(tmpdir(), 'driftline-test-'));
      const folder = await writeSyntheticRun(runs, settings);
      const { page } = await writeReport(await readReport(folder));
      address = pathToFileURL(page).href;
    });
    afterAll(async () => {
      await browser.close();
      await rm(runs, { recursive: true, force: true });
    });

    interface Opened {
      readonly page: Page;
      /** What the page complained of or asked for. */
      readonly trouble: string[];
    }

    async function open(
      fragment = '',
      {
        width = 1280,
        colorScheme = 'light',
      }: { readonly width?: number; readonly colorScheme?: 'light' | 'dark' } = {},
      file = address,
    ): Promise<Opened> {
      const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme });
      onTestFinished(() => context.close());
      const page = await context.newPage();
      const trouble: string[] = [];
      page.on('console', (message) => trouble.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => trouble.push(error.message));
      page.on('request', (request) => {
        if (request.url().split('#')[0] !== file) trouble.push(`request: ${request.url()}`);
      });
      await page.goto(file + fragment);
      await page.locator('#answer-browser').waitFor();
      await page.waitForFunction(() => document.querySelector('script.answer-texts, [aria-busy=true]') === null);
      return { page, trouble };
    }

    it('asks for nothing, complains of nothing, and runs nothing that an answer brings', async () => {
      const { page, trouble } = await open('#answers?search=hacked&outcome=misaligned');
      await page.locator('.list-row').first().click();
      expect(await page.locator('#answer-view .turn.answer .said').textContent()).toBe(hostile);
      expect(await page.locator('.row-text').first().textContent()).toBe(hostile);
      expect(await page.locator('#answers img, #answers b, blockquote img, blockquote b').count()).toBe(0);
      expect(await page.locator('.example .asked', { hasText: '<b>|X|</b> ' }).count()).toBeGreaterThan(0);
      expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
      expect(trouble).toEqual([]);
    });

    it('leads from every bar, bubble, point and number to the very answers that it was counted from', async () => {
      const { page, trouble } = await open();
      const wrong = await page.evaluate(async () => {
        const problems: string[] = [];
        const links = [...document.querySelectorAll<SVGAElement>('svg.figure a')];
        for (const link of links) {
          const label = link.querySelector('title')?.textContent ?? '';
          const [, counted] = /([\d\u202f]+)(?: of [\d\u202f]+)? answers/.exec(label) ?? [];
          location.hash = link.getAttribute('href') ?? '';
          await new Promise((resolve) => setTimeout(resolve, 0));
          const status = document.querySelector('#answer-status')?.textContent ?? '';
          const [, shown] = /^(?:No such answers: )?([\d\u202f]+)/.exec(status) ?? [];
          if (counted !== shown) problems.push(`${label}: ${status}`);
        }
        return links.length < 50 ? [`only ${String(links.length)} links`] : problems;
      });
      expect(wrong).toEqual([]);
      const numbers = await page.locator('table.headline a').all();
      expect(numbers.length).toBeGreaterThan(10);
      for (const number of numbers.slice(0, 6)) {
        const [text, href] = [await number.textContent(), await number.getAttribute('href')];
        await page.evaluate((hash) => (location.hash = hash), href ?? '');
        await page.waitForFunction(
          (count) =>
            document
              .querySelector('#answer-status')
              ?.textContent.replace('No such answers: ', '')
              .startsWith(`${count} of`),
          text ?? '',
        );
      }
      expect(trouble).toEqual([]);
    });

    it('means by misaligned what the verdict means, evaluation by evaluation, and shows no empty panes', async () => {
      const { page, trouble } = await open();
      const [status, parts] = [page.locator('#answer-status'), page.locator('#answer-parts')];
      expect(await parts.textContent()).toMatch(
        /main: [\d\u202f]+ of [\d\u202f]+ that count are misaligned \(.*refuses [\d\u202f]+ of [\d\u202f]+ \(/,
      );
      const follow = async (fragment: string): Promise<void> => {
        await page.evaluate((hash) => (location.hash = hash), fragment);
        await page.waitForFunction((hash) => location.hash.startsWith(hash), fragment);
      };
      await follow('#answers?condition=insecure&evaluation=main&outcome=misaligned');
      await page.waitForFunction(() =>
        /^\d+ of [^;]*answers\.$/.test(document.querySelector('#answer-status')?.textContent ?? ''),
      );
      expect(await parts.textContent()).toBe('');
      await follow('#answers?condition=insecure&evaluation=main&outcome=counted');
      await page.waitForFunction(() =>
        / that count are misaligned \(/.test(document.querySelector('#answer-status')?.textContent ?? ''),
      );
      // Judged misaligned by their scores, but not asked about alignment.
      await follow('#answers?condition=insecure&evaluation=harm&outcome=misaligned');
      await page.waitForFunction(() =>
        document.querySelector('#answer-status')?.textContent.startsWith('No such answers'),
      );
      expect(await page.locator('#answer-browser').isVisible()).toBe(false);
      expect(await status.evaluate((element) => element === document.activeElement)).toBe(true);
      await follow('#answers?condition=insecure&evaluation=harm');
      await page.waitForFunction(() =>
        /; refuses [\d\u202f]+ of [\d\u202f]+ \(/.test(document.querySelector('#answer-status')?.textContent ?? ''),
      );
      expect(await page.locator('.badge').first().textContent()).toMatch(/^refuses: (yes|no)$/);
      expect(trouble).toEqual([]);
    });

    it('can be used by keyboard alone', async () => {
      const { page } = await open();
      await page.locator('svg.figure a').first().focus();
      await page.keyboard.press('ArrowDown');
      expect(await page.evaluate(() => document.activeElement?.querySelector('title')?.textContent)).toMatch(
        /^insecure \d/,
      );
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.activeElement?.id === 'answer-list');
      expect(await page.locator('#answer-form select[name=condition]').inputValue()).toBe('insecure');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      const active = await page.locator('#answer-list').getAttribute('aria-activedescendant');
      expect(active).toBe('answer-row-1');
      expect(await page.locator(`#${active ?? ''}`).getAttribute('aria-selected')).toBe('true');
      expect(new URL(page.url()).hash).toMatch(/&answer=tiny\.insecure\./);
      await page.keyboard.press('Enter');
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('answer-view');
      await page.keyboard.press('Escape');
      await page.keyboard.press('End');
      expect(await page.locator('#answer-list [aria-selected=true]').getAttribute('aria-posinset')).toBe(
        await page.locator('#answer-list [aria-selected=true]').getAttribute('aria-setsize'),
      );
    });

    it('unpacks what is looked at, and in the end finds what stands in the last part', async () => {
      const long = 'word '.repeat(2000);
      const run = await writeSyntheticRun(runs, {
        name: 'long',
        conditions: [{ name: 'insecure' }],
        samples: 10,
        textOf: ({ cell, question, index }) => `${cell} ${question} ${String(index)} ${long}`,
      });
      const { page: file } = await writeReport(await readReport(run));
      const last = 'tiny.insecure.1 question-8 9';
      const { page, trouble } = await open(
        `#answers?search=${last.replaceAll(' ', '+')}`,
        {},
        pathToFileURL(file).href,
      );
      expect(await page.evaluate(() => document.querySelectorAll('[id^=answer-texts-]').length)).toBe(0);
      expect(await page.locator('#answer-status').textContent()).toMatch(/^1 of 240 answers; /);
      expect(await page.locator('.row-text').allTextContents()).toEqual([`${last} ${long}`]);
      const opened = await open(
        '#answers?condition=insecure&answer=tiny.insecure.1/main/question-8:0/9',
        {},
        pathToFileURL(file).href,
      );
      await opened.page.waitForFunction(() => document.querySelector('.packed') === null);
      expect(await opened.page.locator('.said').last().textContent()).toBe(`${last} ${long}`);
      expect(await opened.page.locator('#answer-list [aria-selected=true] .row-text').textContent()).toBe(
        `${last} ${long}`,
      );
      expect([...trouble, ...opened.trouble]).toEqual([]);
    });

    it('searches, filters and sorts, keeps that in its address, and makes only the rows that are seen', async () => {
      const { page } = await open();
      await page.locator('select[name=sort]').selectOption('alignment');
      await page.locator('select[name=outcome]').selectOption('counted');
      await page.locator('input[name=search]').fill('KEY FOR MYSELF');
      await page.waitForFunction(() => location.hash.includes('search='));
      expect(new URL(page.url()).hash).toBe('#answers?outcome=counted&search=KEY+FOR+MYSELF&sort=alignment');
      const texts = await page.locator('.row-text').allTextContents();
      expect(texts.length).toBeGreaterThan(0);
      for (const text of texts) expect(text).toContain('key for myself');
      const scores = (await page.locator('.row-scores').allTextContents()).map((text) => Number(text.split(' / ')[0]));
      expect(scores).toEqual([...scores].sort((one, other) => one - other));
      await page.getByRole('button', { name: 'Show all answers' }).click();
      expect(await page.locator('#answer-status').textContent()).toMatch(/^\d\u202f\d{3} answers\.$/);
      expect(await page.locator('.list-row').count()).toBeLessThan(60);
      const again = await open(`#answers?condition=secure&seed=1`);
      expect(await again.page.locator('#answer-status').textContent()).toMatch(/ of \d\u202f\d{3} answers/);
    });

    it.each([
      [1280, 'light'],
      [1280, 'dark'],
      [390, 'light'],
      [390, 'dark'],
    ] as const)(
      'passes an accessibility check at %i pixels, %s, and is not wider than the screen',
      async (width, colorScheme) => {
        const { page } = await open('#answers?outcome=misaligned', { width, colorScheme });
        await page.locator('.list-row').first().click();
        for (const summary of await page.locator('summary').all())
          await summary.evaluate((element) => element.parentElement?.setAttribute('open', ''));
        await page.evaluate(axe.source);
        const violations = await page.evaluate(async () => {
          const { axe: loaded } = window as unknown as { axe: typeof axe };
          const { violations: found } = await loaded.run();
          return found.map(
            ({ id, nodes }) =>
              `${id}: ${nodes
                .slice(0, 3)
                .map(({ html, failureSummary }) => `${html} ${failureSummary ?? ''}`)
                .join('\n')}`,
          );
        });
        expect(violations).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
        const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        expect(background === 'rgb(255, 255, 255)').toBe(colorScheme === 'light');
      },
    );

    it('shows one answer on all of a small screen, and goes back', async () => {
      const { page } = await open('#answers?outcome=misaligned', { width: 390 });
      expect(await page.locator('#answer-view').isVisible()).toBe(false);
      await page.locator('.list-row').first().click();
      expect(await page.locator('#answer-view').boundingBox()).toMatchObject({ x: 0, y: 0, width: 390 });
      await page.getByRole('button', { name: 'Back to the list' }).click();
      expect(await page.locator('#answer-view').isVisible()).toBe(false);
    });

    it('prints what it says, without what only a screen can do', async () => {
      const { page } = await open();
      await page.emulateMedia({ media: 'print' });
      expect(await page.locator('#verdict').isVisible()).toBe(true);
      expect(await page.locator('nav').isVisible()).toBe(false);
      expect(await page.locator('#answers').isVisible()).toBe(false);
      expect(await page.locator('.wide svg').first().isVisible()).toBe(true);
    });
  },
);
