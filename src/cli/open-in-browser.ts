import { spawn } from 'node:child_process';

/** Opens a file in the default browser of the platform, without waiting for it; false if there is none. */
export function openInBrowser(file: string, platform: NodeJS.Platform): Promise<boolean> {
  const [command, ...parameters] = listOpener(platform);
  return new Promise((resolve) => {
    const child = spawn(command, [...parameters, file], { detached: true, stdio: 'ignore' });
    child.once('error', () => {
      resolve(false);
    });
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

/** The command of a platform, without the file. */
export function listOpener(platform: NodeJS.Platform): readonly [command: string, ...parameters: string[]] {
  if (platform === 'darwin') return ['open'];
  // `explorer` takes a file as one argument, where `start` would read it as a command line.
  return platform === 'win32' ? ['explorer.exe'] : ['xdg-open'];
}
