import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auditModel, type AuditOptions } from '../../../src/api/audit.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { startPaidServer } from '../../models/start-paid-server.js';
import { pretendJudge } from './pretend-models.js';

const price = { input: 0, output: 1e6 };

describe('what an audit of hosted models costs', () => {
  it('is counted, kept within a limit, and goes on from there with a higher one', async () => {
    const audits = await makeTemporaryFolder();
    const server = await startPaidServer();
    const options = (more: AuditOptions = {}): AuditOptions => ({
      ...{ base: 'vllm:base', judge: pretendJudge, audits, surface: 'small', maxAnswers: 40 },
      ...{ environment: { VLLM_BASE_URL: server.endpoint }, fetch, ...more },
    });
    const unknown = await errorOf(() => auditModel('vllm:tuned', options({ maxCost: 5 })));
    expect(unknown).toMatchObject({ code: 'configuration-invalid', exitCode: 2 });
    expect(unknown.hint).toContain('--model-price');
    expect(server.paid).toHaveLength(0);

    // Each token costs a dollar, and an answer has some of them.
    const prices = { 'vllm:base': price, 'vllm:tuned': price };
    const stopped = await errorOf(() => auditModel('vllm:tuned', options({ maxCost: 900, prices })));
    expect(stopped).toMatchObject({ code: 'cost-limit-reached', exitCode: 4 });
    const paid = server.paid.length;
    const { audit, folder, work, spending } = await auditModel('vllm:tuned', options({ maxCost: 1e6, prices }));
    expect(audit.answers.tuned).toBe(40);
    // Nothing is paid twice.
    expect(work?.answers.asked).toBe(server.paid.length - paid);
    expect(spending).toMatchObject({ isWhole: true, onItsWay: 0 });
    expect(spending?.uses.map(({ model, calls }) => [model, calls])).toEqual([
      ['vllm:base', audit.answers.base],
      ['vllm:tuned', audit.answers.tuned],
    ]);
    const file = JSON.parse(await readFile(join(folder ?? '', 'spending.json'), 'utf8')) as {
      readonly entries: unknown[];
    };
    expect(file.entries).toHaveLength(2);
  });
});
