import type { Attribute, ElementType, Graph, GraphConstant, GraphNode, Shape } from './graph.js';
import { ProtobufWriter } from './protobuf-writer.js';

/** Numbers of onnx.proto3: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 */
const elementTypeNumber: Record<ElementType, number> = { float32: 1, int64: 7, bool: 9 };
const attributeTypeNumber = { float: 1, integer: 2, text: 3, integers: 7 };
const intermediateVersion = 10;
const standardOperatorSet = 21;

export interface OnnxModel {
  readonly bytes: Uint8Array;
  /** Buffers that the model refers to by path instead of containing them. */
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[];
}

/** Serialises a graph as an ONNX model. */
export function encodeOnnxModel(graph: Graph): OnnxModel {
  const model = new ProtobufWriter();
  model.integer(1, intermediateVersion).text(2, 'driftline');
  model.message(7, (writer) => {
    // ONNX Runtime schedules by a depth-first search backwards from the outputs that prefers the node with the highest
    // index. Writing the nodes last to first makes it run them in the order they were added, so that a gradient is
    // computed, and its inputs freed, as soon as possible, and what the backward pass recomputes is recomputed late.
    for (const node of [...graph.nodes].reverse())
      writer.message(1, (nested) => {
        writeNode(nested, node);
      });
    writer.text(2, 'decoder');
    for (const constant of graph.constants)
      writer.message(5, (nested) => {
        writeConstant(nested, constant);
      });
    for (const input of graph.inputs) {
      writer.message(11, (nested) => {
        writeValueInfo(nested, input.name, input.type, input.shape);
      });
    }
    for (const value of new Set(graph.outputs.map((output) => output.value))) {
      writer.message(12, (nested) => {
        writeValueInfo(nested, value.name, value.type, value.shape);
      });
    }
  });
  model.message(8, (writer) => {
    writer.text(1, '').integer(2, standardOperatorSet);
  });
  model.message(8, (writer) => {
    writer.text(1, 'com.microsoft').integer(2, 1);
  });
  const externalData = graph.constants
    .filter((constant) => constant.external)
    .map(({ value, data }) => ({ path: value.name, data: bytesOf(data) }));
  return { bytes: model.finish(), externalData };
}

function writeNode(writer: ProtobufWriter, node: GraphNode): void {
  for (const input of node.inputs) writer.text(1, input?.name ?? '');
  for (const output of node.outputs) writer.text(2, output.name);
  writer.text(3, node.outputs[0]?.name ?? '');
  writer.text(4, node.operator);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    writer.message(5, (nested) => {
      writeAttribute(nested.text(1, name), attribute);
    });
  }
  writer.text(7, node.domain);
}

function writeAttribute(writer: ProtobufWriter, attribute: Attribute): void {
  if (typeof attribute === 'number') writer.integer(3, attribute).integer(20, attributeTypeNumber.integer);
  else if (typeof attribute === 'string') writer.text(4, attribute).integer(20, attributeTypeNumber.text);
  else if ('float' in attribute) writer.float(2, attribute.float).integer(20, attributeTypeNumber.float);
  else {
    for (const element of attribute) writer.integer(8, element);
    writer.integer(20, attributeTypeNumber.integers);
  }
}

function writeConstant(writer: ProtobufWriter, { value, data, external }: GraphConstant): void {
  for (const size of value.shape) writer.integer(1, Number(size));
  writer.integer(2, elementTypeNumber[value.type]).text(8, value.name);
  if (!external) {
    writer.bytes(9, bytesOf(data));
    return;
  }
  for (const [key, text] of [
    ['location', value.name],
    ['offset', '0'],
    ['length', String(data.byteLength)],
  ] as const) {
    writer.message(13, (nested) => {
      nested.text(1, key).text(2, text);
    });
  }
  writer.integer(14, 1);
}

function writeValueInfo(writer: ProtobufWriter, name: string, type: ElementType, shape: Shape): void {
  writer.text(1, name);
  writer.message(2, (valueType) => {
    valueType.message(1, (tensorType) => {
      tensorType.integer(1, elementTypeNumber[type]);
      tensorType.message(2, (dimensions) => {
        for (const size of shape) {
          dimensions.message(1, (dimension) => {
            if (typeof size === 'number') dimension.integer(1, size);
            else dimension.text(2, size);
          });
        }
      });
    });
  });
}

function bytesOf(data: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
