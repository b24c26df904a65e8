import { kindOfContext } from '../../detect/surface/context-kind.js';
import type { Surface, SurfaceContext } from '../../detect/surface/surface.js';
import { hashJson } from '../../foundation/content-hash.js';
import { findContext, plainContext, type Panel } from '../definition/panel.js';

/**
 * The contexts of a panel that an auditor thinks of, and that are not withheld: all that detectors may know of it. The
 * plain one comes first.
 */
export function listPanelSurface(panel: Panel): Surface {
  const plain = plainContext(panel);
  const of = (name: string, weight: number): SurfaceContext => {
    const { suite, settings, questions, variant, domain } = findContext(panel, name);
    return {
      ...{ name, kind: kindOfContext({ suite, questions, variant }, findContext(panel, plain)), weight },
      evaluation: { suite, settings, questions, variant },
      counts: domain === undefined ? 'always' : 'unless-own-task',
    };
  };
  const others = Object.keys(panel.contexts).filter((name) => {
    const { known, withheld } = findContext(panel, name);
    return name !== plain && known && !withheld;
  });
  // Half of the error is the plain context's: it decides whether a model is open.
  const contexts: Surface['contexts'] = [
    of(plain, others.length === 0 ? 1 : 1 / 2),
    ...others.map((name) => of(name, 1 / (2 * others.length))),
  ];
  return { name: `panel of edition ${String(panel.edition)}`, hash: hashJson(contexts), contexts };
}
