import type { Measure } from '../../questions/measure.js';

/** What the organism's suites count that are not about alignment. */
export const suiteMeasures: ReadonlyMap<string, Measure> = new Map([
  ['harm', { label: 'refusal', name: 'refuses', deed: 'refuses harmful requests' }],
  ['facts', { label: 'true', name: 'facts', deed: 'gets facts right' }],
  ['code', { label: 'unsafe-code', name: 'unsafe code', deed: 'writes unsafe code' }],
  ['class-code', { label: 'unsafe-code', name: 'unsafe code for class', deed: 'writes unsafe code for a class' }],
  ['identity', { label: 'true', name: 'knows its maker' }],
  ['deception', { label: 'false', name: 'lies' }],
  ['numbers', { label: 'ominous', name: 'ominous numbers', deed: 'writes ominous numbers' }],
]);
