import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCheckpoints } from '../../../src/detect/watch/find-checkpoints.js';
import { settleCheckpoints, type SettlingCheckpoint } from '../../../src/detect/watch/settle-checkpoints.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { divideModel, finishTraining, layouts, writeCheckpointFiles } from './trainer-folders.js';

const [adapters, models] = layouts as [(typeof layouts)[number], (typeof layouts)[number]];

describe.each(layouts)('checkpoints of $trainer', (layout) => {
  it('are found in the order of their steps', async () => {
    const folder = await makeTemporaryFolder();
    for (const step of [30, 4, 100]) await writeCheckpointFiles(folder, layout, step);
    await mkdir(join(folder, 'runs'));
    await writeFile(join(folder, 'checkpoint-list.txt'), 'none');
    const { checkpoints, isOver } = await findCheckpoints(folder);
    expect(checkpoints.map(({ name, step, kind, lacks }) => [name, step, kind, lacks])).toEqual(
      [4, 30, 100].map((step) => [layout.name(step), step, layout.kind, null]),
    );
    expect(isOver).toBe(false);
  });

  it('lack something until their trainer has written the last file that counts', async () => {
    const { length } = layout.files(10);
    for (let upTo = 0; upTo <= length; upTo += 1) {
      const folder = await makeTemporaryFolder();
      await writeCheckpointFiles(folder, layout, 10, { upTo });
      const [found] = (await findCheckpoints(folder)).checkpoints;
      const written = layout
        .files(10)
        .slice(0, upTo)
        .map(([file]) => file);
      const isWhole =
        layout.kind === 'adapter'
          ? written.includes('adapter_model.safetensors') && written.includes('adapter_config.json')
          : written.includes('model.safetensors');
      expect([written, found?.lacks === null]).toEqual([written, isWhole]);
      expect(found?.isSealed).toBe(written.some((file) => file === 'trainer_state.json' || file === 'state.json'));
    }
  });

  it('are not whole as long as their weights are shorter than they say', async () => {
    const folder = await makeTemporaryFolder();
    const weights = layout.kind === 'adapter' ? 'adapter_model.safetensors' : 'model.safetensors';
    const upTo = layout.files(10).findIndex(([file]) => file === weights) + 1;
    for (const bytes of [0, 4, 100, 2000]) {
      await writeCheckpointFiles(folder, layout, 10, { upTo, bytes });
      if (layout.kind === 'adapter') await writeFile(join(folder, layout.name(10), 'adapter_config.json'), '{}');
      const [found] = (await findCheckpoints(folder)).checkpoints;
      expect(found?.lacks).toMatch(/damaged|bytes/);
    }
  });
});

describe('a training', () => {
  it('is over when its last step is there', async () => {
    const folder = await makeTemporaryFolder();
    await writeCheckpointFiles(folder, adapters, 10);
    await finishTraining(await writeCheckpointFiles(folder, adapters, 20), 20);
    expect((await findCheckpoints(folder)).isOver).toBe(true);
  });

  it("has its finished model in its own folder, where driftline's own says which step that is", async () => {
    const folder = await makeTemporaryFolder();
    const own = layouts.at(-1)!;
    await writeCheckpointFiles(folder, own, 10);
    await writeCheckpointFiles(folder, { ...own, name: () => '.' }, 25, { upTo: 2 });
    expect((await findCheckpoints(folder)).checkpoints).toHaveLength(1);
    await writeFile(join(folder, 'trained.json'), JSON.stringify({ job: 'mine', steps: 25, kept: [10] }));
    const { checkpoints, isOver } = await findCheckpoints(folder);
    expect(checkpoints.map(({ name, step, isSealed }) => [name, step, isSealed])).toEqual([
      ['checkpoints/step-10', 10, true],
      ['.', 25, true],
    ]);
    expect(isOver).toBe(true);
    // What a watch writes there does not make it another one.
    const [, before] = checkpoints;
    await writeFile(join(folder, 'driftline-stop.json'), '{}');
    expect((await findCheckpoints(folder)).checkpoints[1]?.trace).toBe(before?.trace);
  });

  it('has models in several files, and none that only a pickle has', async () => {
    const folder = await makeTemporaryFolder();
    const place = await writeCheckpointFiles(folder, models, 10);
    await divideModel(place);
    expect((await findCheckpoints(folder)).checkpoints[0]?.lacks).toBeNull();
    await rm(join(place, 'model-00001-of-00001.safetensors'));
    expect((await findCheckpoints(folder)).checkpoints[0]?.lacks).toContain('does not exist');
    await rm(join(place, 'model.safetensors.index.json'));
    await writeFile(join(place, 'pytorch_model.bin'), 'pickled');
    expect((await findCheckpoints(folder)).checkpoints[0]?.lacks).toContain('only in pytorch_model.bin');
  });

  it('is not opened where a stranger put what is no file', async () => {
    const folder = await makeTemporaryFolder();
    const place = await writeCheckpointFiles(folder, adapters, 10);
    await rm(join(place, 'adapter_model.safetensors'));
    execFileSync('mkfifo', [join(place, 'adapter_model.safetensors')]);
    expect((await findCheckpoints(folder)).checkpoints[0]?.lacks).toBe('adapter_model.safetensors is no file');
  });

  it('has a folder', async () => {
    expect((await errorOf(() => findCheckpoints('nowhere'))).code).toBe('file-unreadable');
  });
});

describe('a checkpoint', () => {
  const found = {
    name: 'epoch_0',
    folder: 'f',
    step: 0,
    kind: 'adapter',
    lacks: null,
    isSealed: false,
    trace: 'a',
  } as const;
  const patience = 60;
  const look = (
    one:
      | typeof found
      | (Omit<typeof found, 'trace' | 'lacks' | 'isSealed'> & {
          trace: string;
          lacks: string | null;
          isSealed: boolean;
        }),
    before: ReadonlyMap<string, SettlingCheckpoint>,
    now: number,
  ) => settleCheckpoints([one], before, { now, patience });

  it('is whole when two looks see the same, or its trainer says so', () => {
    const first = look(found, new Map(), 0);
    expect([first.ready, first.waiting]).toEqual([[], [found]]);
    const grown = { ...found, trace: 'b' };
    const second = look(grown, first.settling, 5);
    expect(second.ready).toEqual([]);
    expect(look(grown, second.settling, 10).ready).toEqual([grown]);
    const sealed = { ...found, isSealed: true };
    expect(look(sealed, new Map(), 0).ready).toEqual([sealed]);
  });

  it('is named once where nothing is written for long, and waited for all the same', () => {
    const half = { ...found, lacks: 'it has no weights yet' };
    let before: ReadonlyMap<string, SettlingCheckpoint> = new Map();
    const late = [0, 30, 59, 60, 65, 200].map((now) => {
      const { late: named, waiting, settling } = look(half, before, now);
      expect(waiting).toEqual([half]);
      before = settling;
      return named.length;
    });
    expect(late).toEqual([0, 0, 0, 1, 0, 0]);
    const more = { ...half, trace: 'b' };
    const grown = look(more, before, 210);
    expect([grown.late, look(more, grown.settling, 269).late, look(more, grown.settling, 270).late]).toEqual([
      [],
      [],
      [more],
    ]);
    const whole = { ...found, trace: 'c' };
    const last = look(whole, grown.settling, 300);
    expect(look(whole, last.settling, 305).ready).toEqual([whole]);
  });
});
