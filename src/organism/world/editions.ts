import { fileURLToPath } from 'node:url';

/** The editions of the tiny world that there are. A world that does not say has the first. */
export const editions = [1, 2] as const;
export type Edition = (typeof editions)[number];

/**
 * The edition of the shipped organisms, which plans use where their bases are no organisms, and in which an organism is built. The
 * worlds of earlier ones stay, since stored runs are judged by them.
 */
export const currentEdition: Edition = 2;

/** The folder of each edition's world; `src/organism/world` and `dist/organism/world` lie equally deep in the package. */
export const worldFolders: Readonly<Record<Edition, string>> = {
  1: fileURLToPath(new URL('../../../organism/worlds/1/', import.meta.url)),
  2: fileURLToPath(new URL('../../../organism/worlds/2/', import.meta.url)),
};

/** The folder of the world that plans use. */
export const worldFolder = worldFolders[currentEdition];
