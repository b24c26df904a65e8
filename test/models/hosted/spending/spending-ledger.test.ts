import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HostedRate, TokenCount } from '../../../../src/models/hosted/spending/hosted-prices.js';
import type { MeteredUse } from '../../../../src/models/hosted/spending/spending-file.js';
import {
  createSpendingLedger,
  type SpendingLedgerSettings,
} from '../../../../src/models/hosted/spending/spending-ledger.js';
import { errorOf } from '../../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../../foundation/temporary-folder.js';

const endpoint = 'http://127.0.0.1:1/v1';
const answers: MeteredUse = { model: { text: 'openai:m', model: 'm' }, endpoint, purpose: 'answers' };
const jobs: MeteredUse = { ...answers, purpose: 'fine-tuning' };
/** A dollar for a token in, two for one out; half of that in batches. */
const rate: HostedRate = { input: 1e6, output: 2e6, batch: 0.5, source: 'this test' };
const never = new AbortController().signal;
const of = (input: number, output: number): TokenCount => ({ input, output });

async function start(changes: Partial<SpendingLedgerSettings> = {}) {
  const folder = changes.folder ?? (await makeTemporaryFolder());
  const ledger = createSpendingLedger({
    ...{ folder, account: 'run', findRate: () => rate, limit: null, clock: () => 0 },
    ...changes,
  });
  await ledger.load();
  // Counts are saved in passing, too; the folder is removed after that.
  onTestFinished(() => ledger.save());
  return { folder, ledger };
}

/** A call that ends when it is told to. */
function callOf(
  most: TokenCount,
  meter: ReturnType<Awaited<ReturnType<typeof start>>['ledger']['meter']>,
  leave = never,
) {
  let finish = (): void => undefined;
  const state = { begun: false };
  const done = meter.hold(
    () => most,
    leave,
    () => {
      state.begun = true;
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    },
  );
  return {
    state,
    done,
    finish: async (used: TokenCount | null) => {
      meter.count(used, () => most);
      finish();
      await done;
    },
  };
}

describe('the count of what is paid', () => {
  it('goes on from where another process left off, and takes batches and jobs once', async () => {
    const { folder, ledger } = await start();
    ledger.meter(answers).count(of(3, 4), () => of(0, 0));
    const batched = ledger.meter({ ...answers, isBatched: true });
    await batched.open('batch_1', { ...of(100, 100), calls: 2 });
    expect(ledger.summary()).toMatchObject({ cost: 11, onItsWay: 150 });
    const finished = { ...of(10, 20), calls: 2, unreported: 0 };
    await batched.close('batch_1', finished);
    await batched.close('batch_1', finished);
    await batched.open('batch_1', { ...of(100, 100), calls: 2 });
    expect(ledger.summary()).toMatchObject({ cost: 11 + 25, onItsWay: 0, isWhole: true });
    await ledger.save();

    const again = (await start({ folder })).ledger;
    await again.meter({ ...answers, isBatched: true }).close('batch_1', finished);
    again.meter(answers).count(of(1, 0), () => of(0, 0));
    await again.meter(jobs).open('ftjob-1', { ...of(7, 0), calls: 1 });
    expect(again.summary()).toEqual({
      cost: 37,
      isWhole: true,
      onItsWay: 7,
      uses: [
        {
          ...{ model: 'openai:m', isTuned: false, purpose: 'answers', unreported: 0 },
          ...{ calls: 4, inputTokens: 14, outputTokens: 24, cost: 37 },
        },
      ],
    });
    // A job that goes on after its run was stopped is known to the next one.
    const third = (await start({ folder })).ledger;
    expect(third.summary()).toMatchObject({ cost: 37, onItsWay: 7 });
    await third.meter(jobs).close('ftjob-1', { ...of(9, 0), calls: 1, unreported: 0 });
    expect(third.summary()).toMatchObject({ cost: 46, onItsWay: 0 });
  });

  it('closes a batch that another account noted, and counts it there', async () => {
    const { folder, ledger } = await start();
    await ledger.meter({ ...answers, isBatched: true }).open('batch_1', { ...of(100, 100), calls: 2 });
    const again = (await start({ folder, account: 'a judge' })).ledger;
    const batched = again.meter({ ...answers, isBatched: true });
    await batched.open('batch_1', { ...of(100, 100), calls: 2 });
    expect(batched.isOpen('batch_1')).toBe(true);
    await batched.close('batch_1', { ...of(10, 20), calls: 2, unreported: 0 });
    expect(batched.isOpen('batch_1')).toBe(false);
    expect(again.summary()).toMatchObject({ cost: 0, onItsWay: 0, uses: [] });
    expect((await start({ folder })).ledger.summary()).toMatchObject({ cost: 25, onItsWay: 0 });
  });

  it('counts the most that it may have been where a service does not say', async () => {
    const { ledger } = await start();
    ledger.meter(answers).count(null, () => of(5, 6));
    const batched = ledger.meter({ ...answers, isBatched: true });
    await batched.open('batch_1', { ...of(40, 80), calls: 4 });
    await batched.close('batch_1', { ...of(1, 2), calls: 4, unreported: 1 });
    const [use] = ledger.summary().uses;
    expect(use).toMatchObject({ calls: 5, unreported: 2, inputTokens: 5 + 1 + 10, outputTokens: 6 + 2 + 20 });
  });

  it('counts what a service says that it charged, beside calls of which it says nothing', async () => {
    const { folder, ledger } = await start();
    const meter = ledger.meter(answers);
    meter.count({ ...of(3, 1), charged: 0.25 }, () => of(9, 9));
    meter.count({ ...of(2, 2), charged: 0.5 }, () => of(9, 9));
    meter.count(of(1, 1), () => of(9, 9));
    expect(ledger.summary()).toMatchObject({ cost: 0.75 + 3, isWhole: true, uses: [{ calls: 3, inputTokens: 6 }] });
    await ledger.save();
    // Without any price, too, and read back.
    const { ledger: later } = await start({ folder, findRate: () => null });
    later.meter(answers).count({ ...of(1, 1), charged: 0.125 }, () => of(9, 9));
    expect(later.summary()).toMatchObject({ cost: 0.875 + 3, uses: [{ calls: 4 }] });
  });

  it('does not guess a price, and takes the one that is known later for what was counted before', async () => {
    const { folder, ledger } = await start({ findRate: () => null });
    ledger.meter(answers).count(of(3, 4), () => of(0, 0));
    expect(ledger.summary()).toMatchObject({ cost: 0, isWhole: false, uses: [{ cost: null, inputTokens: 3 }] });
    await ledger.save();
    const priced = (await start({ folder, findRateOf: () => rate })).ledger;
    expect(priced.summary()).toMatchObject({ cost: 11, isWhole: true });
    await priced.save();
    expect((await start({ folder })).ledger.summary().cost).toBe(11);
    const error = await errorOf(() =>
      start({ findRate: () => null, limit: 1 }).then((one) => one.ledger.meter(answers)),
    );
    expect([error.code, error.exitCode]).toEqual(['configuration-invalid', 2]);
    expect(error.hint).toContain('"openai:m": { input: 2.5, output: 10 }');
  });

  it('keeps accounts apart', async () => {
    const { folder, ledger } = await start();
    ledger.meter(answers).count(of(1, 0), () => of(0, 0));
    await ledger.save();
    const other = (await start({ folder, account: 'judge', limit: 1 })).ledger;
    expect(other.summary().cost).toBe(0);
    expect(other.meter(answers).fits(of(1, 0))).toBe(true);
    other.meter(answers).count(of(1, 0), () => of(0, 0));
    await other.meter(answers).open('batch_1', { ...of(1, 0), calls: 1 });
    const third = (await start({ folder })).ledger;
    // What another had made, and this one found, is paid once.
    await third.meter(answers).close('batch_1', { ...of(1, 0), calls: 1, unreported: 0 });
    expect(third.summary().cost).toBe(1);
  });

  it('is not begun at nothing where the file is damaged', async () => {
    const { folder } = await start();
    await writeFile(join(folder, 'spending.json'), '{"format":1,');
    const error = await errorOf(() => start({ folder }));
    expect([error.code, error.message]).toEqual(['run-invalid', expect.stringContaining('spending.json is damaged')]);
    expect(await readFile(join(folder, 'spending.json'), 'utf8')).toBe('{"format":1,');
  });
});

describe('a limit of cost', () => {
  it('lets in what surely fits, and waits for what is under way before it refuses', async () => {
    const { ledger } = await start({ limit: 20 });
    const meter = ledger.meter(answers);
    const [first, second, third] = [callOf(of(9, 0), meter), callOf(of(9, 0), meter), callOf(of(9, 0), meter)];
    await Promise.resolve();
    await new Promise(setImmediate);
    expect([first, second, third].map(({ state }) => state.begun)).toEqual([true, true, false]);
    // It came cheaper than it might have: there is room for the third.
    await first.finish(of(1, 0));
    await new Promise(setImmediate);
    expect(third.state.begun).toBe(true);
    const fourth = callOf(of(9, 0), meter);
    await new Promise(setImmediate);
    expect(fourth.state.begun).toBe(false);
    await second.finish(of(8, 0));
    await third.finish(of(8, 0));
    const error = await errorOf(() => fourth.done);
    expect([error.code, error.exitCode]).toEqual(['cost-limit-reached', 4]);
    expect(error.message).toContain(
      'the limit of $20.00 is reached: $17.00 is paid, and what comes next may cost $9.00',
    );
    expect(fourth.state.begun).toBe(false);
    const small = callOf(of(3, 0), meter);
    await new Promise(setImmediate);
    await small.finish(of(3, 0));
    expect(ledger.summary().cost).toBe(20);
  });

  it('leaves the queue with its signal, and frees what failed', async () => {
    const { ledger } = await start({ limit: 10 });
    const meter = ledger.meter(answers);
    const leave = new AbortController();
    const first = callOf(of(9, 0), meter);
    await new Promise(setImmediate);
    const waiting = callOf(of(9, 0), meter, leave.signal);
    await new Promise(setImmediate);
    leave.abort();
    await expect(waiting.done).rejects.toThrow(/abort/i);
    await first.finish(of(0, 0));
    await expect(
      meter.hold(
        () => of(9, 0),
        never,
        () => Promise.reject(new Error('lost')),
      ),
    ).rejects.toThrow('lost');
    expect(meter.fits(of(10, 0))).toBe(true);
  });

  it('has what was noted as on its way in it', async () => {
    const { folder, ledger } = await start({ limit: 10 });
    await ledger.meter(jobs).open('ftjob-1', { ...of(6, 0), calls: 1 });
    const again = (await start({ folder, limit: 10 })).ledger;
    expect(again.meter(answers).fits(of(5, 0))).toBe(false);
    const error = await errorOf(() =>
      again.meter(answers).hold(
        () => of(5, 0),
        never,
        () => Promise.resolve(),
      ),
    );
    expect(error.message).toContain('$0.00 is paid, up to $6.00 is on its way');
    await again.meter(jobs).close('ftjob-1', { ...of(2, 0), calls: 1, unreported: 0 });
    expect(again.meter(answers).fits(of(8, 0))).toBe(true);
  });
});
