import { azureService } from './azure-service.js';
import { fireworksService } from './fireworks-service.js';
import type { HostedService } from './hosted-service.js';
import { llamaCppService } from './llama-cpp-service.js';
import { ollamaService } from './ollama-service.js';
import { openaiService, otherService } from './openai-service.js';
import { togetherService } from './together-service.js';
import { vllmService } from './vllm-service.js';

/** All services, by what model names begin with. What is known of them anywhere comes from here. */
export const services = {
  openai: openaiService,
  together: togetherService,
  fireworks: fireworksService,
  azure: azureService,
  vllm: vllmService,
  ollama: ollamaService,
  'llama-cpp': llamaCppService,
} as const satisfies Readonly<Record<string, HostedService>>;

export type ServiceName = keyof typeof services;

// Its keys are the names of the type.
export const serviceNames = Object.keys(services) as readonly ServiceName[];

/** The service of a name, at an address: under OpenAI's name anybody may answer elsewhere. */
export function findService(name: ServiceName, endpoint: string): HostedService {
  const service: HostedService = services[name];
  return service === openaiService && endpoint !== openaiService.endpoint ? otherService : service;
}
