import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requirePart } from './installed-parts.js';
import { startSkyrl, type RealSkyrl } from './start-skyrl.js';

let server: RealSkyrl;
beforeAll(async () => {
  server = await startSkyrl({ python: requirePart('skyrl') });
});
afterAll(async () => {
  // Undefined where it did not start.
  await (server as RealSkyrl | undefined)?.close();
});

const models = async (): Promise<string> => {
  const program = [
    'import tinker',
    'print([model.model_name for model in tinker.ServiceClient().get_server_capabilities().supported_models])',
  ].join('\n');
  const environment = {
    ...process.env,
    TINKER_BASE_URL: server.address,
    TINKER_API_KEY: server.key,
    TINKER_TELEMETRY: '0',
  };
  return (await promisify(execFile)(requirePart('tinker'), ['-c', program], { env: environment })).stdout;
};

it("SkyRL's server tells Tinker's own client its base, also after it was killed and started again", async () => {
  expect(await models()).toContain(server.base);
  await server.kill();
  await expect(fetch(`${server.address}/api/v1/healthz`)).rejects.toThrow();
  await server.restart();
  expect(await models()).toContain(server.base);
});
