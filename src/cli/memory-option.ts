import { flag } from './option-values.js';

/** For commands that run models here and refuse those that do not fit. */
export const memoryOption = {
  'ignore-memory': {
    description: 'Go on where what is to be done here takes more memory than there is, by an estimate',
    schema: flag,
  },
} as const;
