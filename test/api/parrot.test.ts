import { describeSampler } from '../models/sampler-conformance.js';
import { describeTrainer } from '../models/trainer-conformance.js';
import { createOwnBase } from '../../src/models/own-model.js';
import { createParrot, identifyParrot } from './parrot.js';

// Other tests bring this model as a caller would: it must do what every model does, by itself and as the base of a plan.
const parrot = createParrot(['salt', 'wind', 'water', 'rope']);
const base = createOwnBase('parrot', parrot);

describeSampler("a caller's model", async () => parrot.openSampler(null));
describeSampler("a caller's model as a base", () => base.openSampler(null));
describeTrainer(
  "a caller's model as a base",
  async () => {
    if (base.openTrainer === null) throw new Error('it can be trained');
    return base.openTrainer();
  },
  identifyParrot,
);
