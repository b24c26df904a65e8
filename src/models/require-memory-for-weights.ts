import { countWeights } from '../engine/checkpoint/decoder-tensors.js';
import type { DecoderConfig } from '../engine/checkpoint/decoder-config.js';
import { floatBytes } from '../engine/memory/process-memory.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { formatMemory } from '../foundation/format-memory.js';

/** Refuses a model whose weights alone are more than the memory that there is, before they are read. Others may still not fit. */
export function requireMemoryForWeights(model: string, config: DecoderConfig, memory: number): void {
  const bytes = countWeights(config) * floatBytes;
  if (bytes <= memory) return;
  throw new DriftlineError({
    code: 'memory-exceeded',
    message: `${model} does not fit into memory: its weights alone take ${formatMemory(bytes)}, and there is ${formatMemory(memory)}`,
    hint: 'Take a smaller model or a machine with more memory, or have the model served elsewhere (docs/services.md). --ignore-memory goes on all the same.',
    details: { model, bytes, memory },
  });
}
