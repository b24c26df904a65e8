import { DriftlineError } from '../foundation/driftline-error.js';
import { usualVariables } from './hosted-variables.js';

export const officialEndpoint = 'https://api.openai.com/v1';

const unreadableAddress = { protocol: '', username: '', password: '' };

/** Where hosted models are asked: OPENAI_BASE_URL or the variable that is named, or OpenAI's own address; without a slash at its end. */
export function readHostedEndpoint(
  environment: Readonly<Record<string, string | undefined>>,
  variable: string = usualVariables.address,
): string {
  const written = environment[variable]?.trim() ?? '';
  const endpoint = (written === '' ? officialEndpoint : written).replace(/\/+$/, '');
  const { protocol, username, password } = URL.canParse(endpoint) ? new URL(endpoint) : unreadableAddress;
  if ((protocol !== 'http:' && protocol !== 'https:') || `${username}${password}` !== '') {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${variable} is no http or https address, or has a name or password in it`,
      hint: `Unset ${variable}, or set it to an address such as http://127.0.0.1:8000/v1.`,
    });
  }
  return endpoint;
}
