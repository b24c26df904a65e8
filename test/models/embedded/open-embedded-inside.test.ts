import { createAdapterFolder } from '../adapter-folder.js';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { openEmbeddedInside } from '../../../dist/models/embedded/open-embedded-inside.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { describeInside } from '../inside-conformance.js';

const folder = goldenFolder('qwen2-bias');
const adapter = await createAdapterFolder(folder);

describeInside('a model folder', { folder, open: () => openEmbeddedInside({ model: folder, threads: 1 }) });
describeInside('a model folder with an adapter', {
  ...{ folder, adapter },
  open: () => openEmbeddedInside({ model: folder, adapter, threads: 1 }),
});
