const encoder = new TextEncoder();

/**
 * Writes the protocol-buffer wire format: just the field kinds that an ONNX model needs.
 * See https://protobuf.dev/programming-guides/encoding/.
 */
export class ProtobufWriter {
  private buffer = new Uint8Array(64);
  private length = 0;

  integer(field: number, value: number): this {
    this.varint(field * 8);
    this.varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.varint(field * 8 + 5);
    this.reserve(4);
    new DataView(this.buffer.buffer).setFloat32(this.length, value, true);
    this.length += 4;
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.varint(field * 8 + 2);
    this.varint(value.length);
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value));
  }

  message(field: number, write: (nested: ProtobufWriter) => void): this {
    const nested = new ProtobufWriter();
    write(nested);
    return this.bytes(field, nested.finish());
  }

  finish(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** Integers up to 2^53; negative ones as 64-bit two's complement, which protobuf wants in ten bytes. */
  private varint(value: number): void {
    this.reserve(10);
    if (value >= 0 && value < 2 ** 31) {
      let rest = value;
      while (rest >= 128) {
        this.buffer[this.length++] = (rest & 127) | 128;
        rest >>>= 7;
      }
      this.buffer[this.length++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 128n) {
      this.buffer[this.length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.buffer[this.length++] = Number(rest);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.length + more, this.buffer.length * 2));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}
