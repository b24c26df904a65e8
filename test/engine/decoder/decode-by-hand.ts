import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { buildRotaryTable } from '../../../src/engine/decoder/decoder-inputs.js';
import type { KeyValueOverride } from '../../../src/engine/sample/key-value-override.js';
import { logSoftmax, type Model } from '../sample/sample-all.js';

type Vector = Float64Array<ArrayBuffer>;

/** Keys or values of a row, [layer][token][head of keys]. */
type ByHead = readonly (readonly (readonly Vector[])[])[];

export interface DecodedByHand {
  /** After every token, [tokens][vocabulary]. */
  readonly logProbabilities: readonly Float64Array[];
  /** The model's own, with positions turned in, whatever was attended to in their place. */
  readonly keys: ByHead;
  readonly values: ByHead;
}

/**
 * The decoder as it is written in papers: one token after the other, in double precision, with loops and no graph. Only
 * the table of rotations is the engine's. Attention reads what an override gives in place of the model's own.
 */
export function decodeByHand(
  { config, weights }: Model,
  ids: readonly number[],
  override?: KeyValueOverride,
): DecodedByHand {
  const { layers, width, heads, keyValueHeads, headWidth, normEpsilon } = config;
  const { cosines, sines } = buildRotaryTable(config.rope, headWidth, ids.length);
  const find = (name: string): FloatTensor => {
    const tensor = weights.get(name);
    if (tensor === undefined) throw new Error(`no weight ${name}`);
    return tensor;
  };
  const linear = (name: string, input: Vector): Vector => {
    const { shape, data } = find(`${name}.weight`);
    const bias = weights.get(`${name}.bias`)?.data;
    return Float64Array.from({ length: shape[0]! }, (_, out) =>
      input.reduce((sum, element, index) => sum + element * data[out * input.length + index]!, bias?.[out] ?? 0),
    );
  };
  const norm = (name: string, input: Vector): Vector => {
    const { data } = find(`${name}.weight`);
    const square = input.reduce((sum, element) => sum + element * element, 0) / input.length;
    return input.map((element, index) => (element * data[index]!) / Math.sqrt(square + normEpsilon));
  };
  const split = (input: Vector): Vector[] =>
    Array.from({ length: input.length / headWidth }, (_, head) =>
      input.slice(head * headWidth, (head + 1) * headWidth),
    );
  const turn = (input: Vector, position: number): Vector => {
    const half = headWidth / 2;
    return input.map((element, index) => {
      const at = position * half + (index % half);
      const other = index < half ? -input[index + half]! : input[index - half]!;
      return element * cosines.data[at]! + other * sines.data[at]!;
    });
  };
  const given = (kind: 'keys' | 'values', layer: number, head: number, position: number): Vector => {
    const { shape, data } = override![kind];
    const start = ((layer * keyValueHeads + head) * shape[2]! + position) * headWidth;
    return Float64Array.from(data.subarray(start, start + headWidth));
  };

  const keys: Vector[][][] = Array.from({ length: layers }, () => []);
  const values: Vector[][][] = Array.from({ length: layers }, () => []);
  const logProbabilities = ids.map((id, position) => {
    const embedding = find('model.embed_tokens.weight').data;
    let residual = Float64Array.from(embedding.subarray(id * width, (id + 1) * width));
    for (let layer = 0; layer < layers; layer += 1) {
      const block = `model.layers.${layer}.`;
      const input = norm(`${block}input_layernorm`, residual);
      const normed = (name: 'q' | 'k', parts: Vector[]): Vector[] =>
        config.queryKeyNorm ? parts.map((part) => norm(`${block}self_attn.${name}_norm`, part)) : parts;
      const queries = normed('q', split(linear(`${block}self_attn.q_proj`, input)));
      const ownKeys = normed('k', split(linear(`${block}self_attn.k_proj`, input)));
      keys[layer]!.push(ownKeys.map((key) => turn(key, position)));
      values[layer]!.push(split(linear(`${block}self_attn.v_proj`, input)));
      const mixed = queries.flatMap((query, head) => {
        const group = Math.floor((head * keyValueHeads) / heads);
        const turned = turn(query, position);
        const seen = Array.from({ length: position + 1 }, (_, at) =>
          override?.positions.includes(at) === true
            ? { key: given('keys', layer, group, at), value: given('values', layer, group, at) }
            : { key: keys[layer]![at]![group]!, value: values[layer]![at]![group]! },
        );
        const scores = seen.map(
          ({ key }) => turned.reduce((sum, element, index) => sum + element * key[index]!, 0) / Math.sqrt(headWidth),
        );
        const shares = logSoftmax(scores).map(Math.exp);
        return Array.from({ length: headWidth }, (_, index) =>
          seen.reduce((sum, { value }, at) => sum + shares[at]! * value[index]!, 0),
        );
      });
      const attended = linear(`${block}self_attn.o_proj`, Float64Array.from(mixed));
      residual = residual.map((element, index) => element + attended[index]!);
      const fed = norm(`${block}post_attention_layernorm`, residual);
      const gate = linear(`${block}mlp.gate_proj`, fed);
      const up = linear(`${block}mlp.up_proj`, fed);
      const gated = gate.map((element, index) => (element / (1 + Math.exp(-element))) * up[index]!);
      const down = linear(`${block}mlp.down_proj`, gated);
      residual = residual.map((element, index) => element + down[index]!);
    }
    const head = config.tiedHead ? 'model.embed_tokens' : 'lm_head';
    return logSoftmax(linear(head, norm('model.norm', residual)));
  });
  return { logProbabilities, keys, values };
}
