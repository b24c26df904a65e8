import { homedir } from 'node:os';
import { join } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { readPrivateFile } from '../../foundation/read-private-file.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The token of Ray where Ray's own tools find it: RAY_AUTH_TOKEN, the file of RAY_AUTH_TOKEN_PATH, or
 * ~/.ray/auth_token; null without one.
 */
export async function readRayToken(environment: Environment): Promise<string | null> {
  const given = environment['RAY_AUTH_TOKEN']?.trim() ?? '';
  if (given !== '') return checkToken(given, 'RAY_AUTH_TOKEN');
  const named = environment['RAY_AUTH_TOKEN_PATH']?.trim() ?? '';
  if (named !== '') return checkToken((await readPrivateFile(named)).trim(), named);
  const usual = join(environment['HOME'] ?? homedir(), '.ray', 'auth_token');
  const found = await readPrivateFile(usual).catch((cause: unknown) => {
    if (DriftlineError.isInstance(cause) && cause.code === 'file-unreadable') return '';
    throw cause;
  });
  return found.trim() === '' ? null : checkToken(found.trim(), usual);
}

function checkToken(token: string, source: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${source} holds no token: it is empty, or has spaces or other characters that no token has`,
    hint: 'Put there what `ray get-auth-token` prints on the head of the cluster.',
  });
}

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * The address of a Ray that may be used. One that others reach, too, runs anybody's code unless it asks for a token:
 * without one it is refused, unless the user says that this is known.
 */
export function requireSafeAddress(
  address: string,
  { token, allowsOpen }: { readonly token: string | null; readonly allowsOpen: boolean },
): { readonly address: string; readonly notices: readonly string[] } {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new DriftlineError({
      code: 'configuration-invalid',
      message: `cluster: ray: ${url === null ? 'it' : url.host} is no address of a Ray${url?.username === '' ? '' : ', or has a name or password in it'}`,
      hint: 'Write the address of the dashboard, such as http://127.0.0.1:8265, without name, password and token.',
    });
  const isHere = loopback.test(url.hostname);
  if (!isHere && token === null && !allowsOpen)
    throw new DriftlineError({
      code: 'cluster-open',
      message: `Ray at ${url.origin} is reached over a network, and there is no token for it: whoever reaches it runs code there`,
      hint: 'Start Ray with RAY_AUTH_MODE=token and set RAY_AUTH_TOKEN here, or reach it by `ssh -L 8265:127.0.0.1:8265 HOST`. --insecure-ray (allowOpenRay in the library) goes on all the same.',
      details: { address: url.origin },
    });
  const isReadable = !isHere && token !== null && url.protocol === 'http:';
  return {
    address: `${url.origin}${url.pathname.replace(/\/$/, '')}`,
    notices: isReadable
      ? [`the token goes to ${url.origin} as it is: whoever listens on the way can read it, unlike by ssh -L or https`]
      : [],
  };
}

const secretName = /key|token|secret|passw|credential/i;

/** Refuses variables of jobs that hold keys: anybody at the dashboard can read them. */
export function refuseSecrets(variables: Readonly<Record<string, string>>, environment: Environment): void {
  const secrets = new Set(
    Object.entries(environment).flatMap(([name, value = '']) =>
      secretName.test(name) && value.trim().length >= 8 ? [value.trim()] : [],
    ),
  );
  for (const [name, value] of Object.entries(variables)) {
    if (!secretName.test(name) && ![...secrets].some((secret) => value.includes(secret))) continue;
    throw new DriftlineError({
      code: 'configuration-invalid',
      message: `cluster: environment: ${name} looks like a key or a token, and anybody at the dashboard of Ray can read the variables of jobs`,
      hint: 'Leave it out, and log in on the nodes: `hf auth login` there, for the hub.',
      details: { variable: name },
    });
  }
}
