import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { requireSameShape, type ModuleUpdate, type WeightUpdate } from './weight-update.js';

/**
 * The inner product of two updates, the sum over all elements of U o V and over the modules that both change. Its unit is that of
 * squared weights. Throws `adapter-mismatch` where a module has two shapes.
 */
export function multiplyUpdates(left: WeightUpdate, right: WeightUpdate): number {
  let sum = 0;
  for (const [name, module] of left) {
    const other = right.get(name);
    if (other === undefined) continue;
    requireSameShape(name, module, other);
    sum += multiplyModules(module, other);
  }
  return sum;
}

/**
 * The inner product of what two updates add to the same matrix [out, in]: for scale B A and scale' B' A' it is
 * scale scale' sum over i and j of (B^T B')_ij (A A'^T)_ij, rank rank' (in + out) operations, with no update written out.
 */
export function multiplyModules(left: ModuleUpdate, right: ModuleUpdate): number {
  let sum = 0;
  for (const one of left.terms)
    for (const other of right.terms) {
      const ofA = multiplyRows(one.a, other.a);
      const ofB = multiplyColumns(one.b, other.b);
      let product = 0;
      for (let place = 0; place < ofA.length; place += 1) product += ofA[place]! * ofB[place]!;
      sum += one.scale * other.scale * product;
    }
  return sum;
}

/**
 * The inner product of an update with a matrix G [out, in] in row-major order: for scale B A it is
 * scale sum over o and i of B_oi (G A^T)_oi, rank out in operations.
 */
export function multiplyMatrix({ outputs, inputs, terms }: ModuleUpdate, matrix: Float32Array): number {
  let sum = 0;
  for (const { scale, a, b } of terms) {
    const [rank = 0] = a.shape;
    let product = 0;
    for (let output = 0; output < outputs; output += 1)
      for (let one = 0; one < rank; one += 1) {
        let along = 0;
        for (let input = 0; input < inputs; input += 1)
          along += matrix[output * inputs + input]! * a.data[one * inputs + input]!;
        product += b.data[output * rank + one]! * along;
      }
    sum += scale * product;
  }
  return sum;
}

/** A A'^T of A [rank, in] and A' [rank', in]. */
function multiplyRows(left: FloatTensor, right: FloatTensor): Float64Array {
  const [leftRank = 0, inputs = 0] = left.shape;
  const [rightRank = 0] = right.shape;
  const products = new Float64Array(leftRank * rightRank);
  for (let i = 0; i < leftRank; i += 1)
    for (let j = 0; j < rightRank; j += 1) {
      let sum = 0;
      for (let input = 0; input < inputs; input += 1)
        sum += left.data[i * inputs + input]! * right.data[j * inputs + input]!;
      products[i * rightRank + j] = sum;
    }
  return products;
}

/** B^T B' of B [out, rank] and B' [out, rank'], row by row, as they lie in memory. */
function multiplyColumns(left: FloatTensor, right: FloatTensor): Float64Array {
  const [outputs = 0, leftRank = 0] = left.shape;
  const [, rightRank = 0] = right.shape;
  const products = new Float64Array(leftRank * rightRank);
  for (let output = 0; output < outputs; output += 1)
    for (let i = 0; i < leftRank; i += 1) {
      const factor = left.data[output * leftRank + i]!;
      for (let j = 0; j < rightRank; j += 1)
        products[i * rightRank + j] = products[i * rightRank + j]! + factor * right.data[output * rightRank + j]!;
    }
  return products;
}
