import { describe, expect, it } from 'vitest';

import { ProtobufWriter } from '../../../src/engine/graph/protobuf-writer.js';

// Expected bytes are worked out by hand from https://protobuf.dev/programming-guides/encoding/.
function bytesOf(write: (writer: ProtobufWriter) => unknown): string {
  const writer = new ProtobufWriter();
  write(writer);
  return Buffer.from(writer.finish()).toString('hex');
}

describe('ProtobufWriter', () => {
  it.each([
    [0, '0800'],
    [1, '0801'],
    [127, '087f'],
    [128, '088001'],
    [150, '089601'],
    [300, '08ac02'],
    [16384, '08808001'],
    [2 ** 32, '088080808010'],
    [2 ** 53, '088080808080808010'],
  ])('writes the integer %d as a varint, seven bits a byte, lowest first', (value, expected) => {
    expect(bytesOf((writer) => writer.integer(1, value))).toBe(expected);
  });

  it.each([
    [-1, '08ffffffffffffffffff01'],
    [-2, '08feffffffffffffffff01'],
    [-(2 ** 31), '0880808080f8ffffffff01'],
  ])('writes the negative integer %d as 64-bit two’s complement', (value, expected) => {
    expect(bytesOf((writer) => writer.integer(1, value))).toBe(expected);
  });

  it('writes field numbers from 16 on in two bytes', () => {
    expect(bytesOf((writer) => writer.integer(15, 7))).toBe('7807');
    expect(bytesOf((writer) => writer.integer(16, 7))).toBe('800107');
    expect(bytesOf((writer) => writer.integer(20, 7))).toBe('a00107');
  });

  it('writes floats as 32 bits, little-endian', () => {
    expect(bytesOf((writer) => writer.float(2, 1))).toBe('150000803f');
    expect(bytesOf((writer) => writer.float(2, -0.1))).toBe('15cdccccbd');
    expect(bytesOf((writer) => writer.float(2, -Infinity))).toBe('15000080ff');
  });

  it('writes bytes and text with their length in bytes', () => {
    expect(bytesOf((writer) => writer.bytes(9, Uint8Array.of(1, 0, 255)))).toBe('4a030100ff');
    expect(bytesOf((writer) => writer.text(2, 'testing'))).toBe('120774657374696e67');
    expect(bytesOf((writer) => writer.text(2, 'é€'))).toBe('1205c3a9e282ac');
    expect(bytesOf((writer) => writer.text(2, ''))).toBe('1200');
    expect(bytesOf((writer) => writer.bytes(1, new Uint8Array(200)))).toBe(`0ac801${'00'.repeat(200)}`);
  });

  it('writes nested messages with the length of what is inside', () => {
    expect(bytesOf((writer) => writer.message(3, (nested) => nested.integer(1, 150)))).toBe('1a03089601');
    const twice = bytesOf((writer) =>
      writer.message(7, (outer) => outer.message(1, (inner) => inner.text(4, 'Neg')).integer(2, 1)).integer(8, 2),
    );
    expect(twice).toBe('3a090a0522034e65671001' + '4002');
  });

  it('writes fields in the order in which they come, repeated ones too', () => {
    expect(bytesOf((writer) => writer.integer(8, 3).text(1, 'a').integer(8, 3))).toBe('40030a01614003');
  });
});
