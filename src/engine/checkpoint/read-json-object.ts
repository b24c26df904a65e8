import { readFile } from 'node:fs/promises';

import { DriftlineError } from '../../foundation/driftline-error.js';
import { readFault } from './read-fault.js';
import type { DamageCode } from './safetensors-header.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads a file that must hold one JSON object. */
export async function readJsonObject(path: string, damage: DamageCode): Promise<JsonObject> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw readFault(error, path, damage);
  });
  let value: unknown;
  let cause: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    cause = error;
  }
  if (!isJsonObject(value)) {
    throw new DriftlineError({
      code: damage,
      message: `${path} does not hold a JSON object`,
      hint: 'Download or copy the file again.',
      cause,
      details: { file: path },
    });
  }
  return value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
