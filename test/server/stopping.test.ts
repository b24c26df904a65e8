import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { ask, beginPost, readReply, startTestServer, type Reply } from './start-test-server.js';

async function get(url: string, agent: Agent): Promise<Reply & { readonly isOldConnection: boolean }> {
  const sent = request(url, { agent }).end();
  const [response] = (await once(sent, 'response')) as IncomingMessage[]; // what the event brings
  return { ...(await readReply(response)), isOldConnection: sent.reusedSocket };
}

const stopping = { status: 503, body: { error: expect.objectContaining({ code: 'server_stopping' }) } };

describe('a server that is stopped', () => {
  it('tells those whose replies do not end in time', async () => {
    const server = await startTestServer({ limits: { slots: 1, graceMilliseconds: 50 } });
    const long = ask('Tell me all.', { max_tokens: 240, n: 100, temperature: 2, stream: true });
    const stream = await server.client.chat.completions.create(long);
    const whole = await beginPost(`${server.url}/chat/completions`);
    whole.sent.end(JSON.stringify(ask('Hello?', { n: 100 })));
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
    expect(await whole.reply).toMatchObject(stopping);
    await Promise.all(closing);
    await expect(server.client.models.list()).rejects.toThrow('Connection error');
  });

  it('takes nobody in, on connections old or new, and answers those inside', async () => {
    const server = await startTestServer({ limits: { graceMilliseconds: 60_000 } });
    const inside = await beginPost(`${server.url}/chat/completions`);
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await get(`${server.url}/models`, kept)).toMatchObject({ status: 200, connection: 'keep-alive' });

    const closed = server.close();
    const onOldConnection = await get(`${server.url}/models`, kept);
    expect(onOldConnection).toMatchObject({ ...stopping, connection: 'close', isOldConnection: true });
    expect(await get(server.url.replace('/v1', '/health'), new Agent())).toMatchObject(stopping);
    const late = await beginPost(`${server.url}/fine_tuning/jobs`);
    late.sent.end('{}');
    expect(await late.reply).toMatchObject(stopping);

    inside.sent.end(JSON.stringify(ask('Hello?')));
    expect(await inside.reply).toMatchObject({ status: 200, connection: 'close' });
    await closed;
    expect(server.notices).toEqual([]);
  });

  it('does not wait for what never arrives whole', async () => {
    const server = await startTestServer({ limits: { graceMilliseconds: 50 } });
    const half = await beginPost(`${server.url}/chat/completions`);
    half.sent.write('{');
    await server.close();
    await expect(half.reply).rejects.toThrow();
  });
});
