import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parseAdapterConfig } from '../../../src/engine/checkpoint/adapter-config.js';
import { createModuleSelector, listDecoderModules } from '../../../src/engine/checkpoint/module-selection.js';
import { readDecoderConfig } from '../../../src/engine/checkpoint/read-decoder-config.js';
import { goldenFolder } from './golden-folder.js';

interface Selections {
  readonly modules: readonly string[];
  readonly cases: readonly { readonly config: object; readonly selected: readonly number[] }[];
}

// As its make.py wrote it.
const { modules, cases } = JSON.parse(
  await readFile(new URL('../../fixtures/module-selections/selections.json', import.meta.url), 'utf8'),
) as Selections;

describe('the modules that an adapter is for', () => {
  it('are those of PEFT 0.21, for a hundred configurations', () => {
    for (const { config, selected } of cases) {
      const keyAgainst = createModuleSelector(
        parseAdapterConfig({ peft_type: 'LORA', r: 1, lora_alpha: 1, ...config }, 'adapter_config.json'),
      );
      if (typeof keyAgainst !== 'function') throw new Error(`${keyAgainst.key}: ${keyAgainst.problem}`);
      expect([config, modules.filter((module) => keyAgainst(module) === null)]).toEqual([
        config,
        selected.map((index) => modules[index]),
      ]);
    }
  });

  it('are chosen from all of a decoder', async () => {
    const { config } = await readDecoderConfig(goldenFolder('llama-gqa-tied'));
    expect([...listDecoderModules(config)].sort()).toEqual([...modules].sort());
    const qwen3 = (await readDecoderConfig(goldenFolder('qwen3-qknorm'))).config;
    expect(listDecoderModules(qwen3)).toContain('model.layers.2.self_attn.k_norm');
  });
});
