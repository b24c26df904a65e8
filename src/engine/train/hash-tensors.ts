import { createHash } from 'node:crypto';
import type { FloatTensor } from '../checkpoint/float-tensor.js';

/** SHA-256 in hexadecimal of names, shapes and bits, in the order of the map. */
export function hashTensors(tensors: ReadonlyMap<string, FloatTensor>): string {
  const hash = createHash('sha256');
  for (const [name, { shape, data }] of tensors) {
    hash.update(`${name}[${shape.join()}]`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
