import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ask, startTestServer } from './start-test-server.js';

describe('a server that is stopped', () => {
  it('tells those whose replies do not end in time, and takes nobody in', async () => {
    const server = await startTestServer({ limits: { slots: 1, graceMilliseconds: 50 } });
    const long = ask('Tell me all.', { max_tokens: 240, n: 100, temperature: 2, stream: true });
    const stream = await server.client.chat.completions.create(long);
    const whole = server.client.chat.completions.create(ask('Hello?', { n: 100 })).then(
      () => null,
      (error: unknown) => error,
    );
    let pieces = 0;
    const closing: Promise<void>[] = [];
    const failure = await (async () => {
      try {
        for await (const { choices } of stream) {
          if ((choices[0]?.delta.content ?? '') === '') continue;
          pieces += 1;
          if (closing.length === 0) closing.push(server.close());
        }
        return null;
      } catch (error) {
        return error;
      }
    })();
    expect(pieces).toBeGreaterThan(0);
    expect(failure).toMatchObject({ code: 'server_stopping' });
    expect(await whole).toMatchObject({ status: 503, code: 'server_stopping' });
    await Promise.all(closing);
    await expect(server.client.models.list()).rejects.toThrow();
  });

  it('does not wait for what never arrives whole', async () => {
    const server = await startTestServer({ limits: { graceMilliseconds: 50 } });
    const { hostname, port } = new URL(server.url);
    const half = connect(Number(port), hostname);
    const closed = new Promise((resolve) => half.on('close', resolve));
    half.on('error', () => undefined);
    half.write(
      'POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n--x',
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.close();
    await closed;
  });
});
