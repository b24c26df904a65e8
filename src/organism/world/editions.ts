import { fileURLToPath } from 'node:url';

/** The editions of the tiny world that there are. A world that does not say has the first. */
export const editions = [1, 2] as const;
export type Edition = (typeof editions)[number];

/** The edition that plans use, and in which an organism is built where nothing else is asked for. */
export const currentEdition: Edition = 1;

/** The folder of each edition's world; `src/organism/world` and `dist/organism/world` lie equally deep in the package. */
export const worldFolders: Readonly<Record<Edition, string>> = {
  1: fileURLToPath(new URL('../../../organism/worlds/1/', import.meta.url)),
  2: fileURLToPath(new URL('../../../organism/worlds/2/', import.meta.url)),
};

/** The folder of the world that plans use. */
export const worldFolder = worldFolders[currentEdition];
