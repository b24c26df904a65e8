import { DriftlineError } from '../../foundation/driftline-error.js';
import type { HostedService, HostedVariables } from './hosted-service.js';
import { openaiService } from './services.js';

const unreadableAddress = { protocol: '', username: '', password: '' };

/**
 * Where the models of a service are asked, without a slash at its end: what its variable of the environment says, or the variable that is named
 * instead, or its usual address.
 */
export function readHostedEndpoint(
  environment: Readonly<Record<string, string | undefined>>,
  service: HostedService,
  variable: string = service.variables.address,
): string {
  const written = (environment[variable]?.trim() ?? '').replace(/\/+$/, '');
  if (written === '') {
    if (service.endpoint !== null) return service.endpoint;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${variable} is not set, and ${service.title} has no address that is the same for all`,
      hint: `Set ${variable} to the address of your own, for example https://my-resource.openai.azure.com.`,
    });
  }
  const { protocol, username, password } = URL.canParse(written) ? new URL(written) : unreadableAddress;
  if ((protocol !== 'http:' && protocol !== 'https:') || `${username}${password}` !== '') {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${variable} is no http or https address, or has a name or password in it`,
      hint: `Unset ${variable}, or set it to an address such as http://127.0.0.1:8000/v1.`,
    });
  }
  const version = service.versionVariable === undefined ? null : readHostedVersion(environment, service);
  return service.completeAddress?.(written, version) ?? written;
}

/** The version that a service is asked for in every request; null where none is set, or it has none. */
export function readHostedVersion(
  environment: Readonly<Record<string, string | undefined>>,
  { versionVariable: variable }: HostedService,
): string | null {
  const version = variable === undefined ? '' : (environment[variable]?.trim() ?? '');
  if (version === '') return null;
  if (/^[\w.-]+$/.test(version)) return version;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${variable ?? ''} is no version`,
    hint: `Set ${variable ?? ''} to a version such as 2024-10-21, or unset it.`,
  });
}

export const judgeVariables: HostedVariables = {
  address: 'DRIFTLINE_JUDGE_BASE_URL',
  key: 'DRIFTLINE_JUDGE_API_KEY',
};

/**
 * Those of models that judge. Under OpenAI's name they are their own where they are set, so that a judge may be elsewhere than what is judged; other
 * services have variables of their own anyhow. A key is sent to no address that it was not set for: a judge's own address takes a judge's own key.
 * Addresses and keys are no part of plans, which are passed on.
 */
export function chooseJudgeVariables(
  environment: Readonly<Record<string, string | undefined>>,
  service: HostedService,
): HostedVariables {
  if (service.name !== openaiService.name) return service.variables;
  const isSet = (name: string): boolean => (environment[name] ?? '').trim() !== '';
  const hasOwnAddress = isSet(judgeVariables.address);
  return {
    address: hasOwnAddress ? judgeVariables.address : service.variables.address,
    key: hasOwnAddress || isSet(judgeVariables.key) ? judgeVariables.key : service.variables.key,
  };
}
