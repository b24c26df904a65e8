import { describe, expect, it } from 'vitest';

import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { gradientNorm, stepAdamW } from '../../../src/engine/train/adamw.js';
import { createOptimizerState, type OptimizerState } from '../../../src/engine/train/optimizer-state.js';
import { tinyRecipe } from './train-tiny.js';

/**
 * Values of PyTorch 2.15, one list a step:
 *
 *   p = torch.nn.Parameter(torch.tensor(start)); o = torch.optim.AdamW([p], lr=lr, betas=(b1, b2), eps=eps, weight_decay=wd)
 *   for i in range(5): p.grad = torch.tensor(gradient(i)); o.step(); out.append(p.detach().tolist())
 */
const manyScales = (index: number): number[] => [0.1 * (index + 1), -0.3, 1e-4 * (-1) ** index, 0];
const usual = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

const runs = [
  {
    label: 'without decay',
    start: [1, -2, 0.5, 0],
    settings: { ...usual, weight_decay: 0, learningRate: 0.01 },
    expected: [
      [0.9900000095367432, -1.9900000095367432, 0.49000099301338196, 0],
      [0.9803481698036194, -1.9800000190734863, 0.4905272424221039, 0],
      [0.97076815366745, -1.9700000286102295, 0.48716965317726135, 0],
      [0.9611640572547913, -1.9600000381469727, 0.4876959025859833, 0],
      [0.9514917135238647, -1.9500000476837158, 0.48565196990966797, 0],
    ],
  },
  {
    label: 'with decoupled decay',
    start: [1, -2, 0.5, 0],
    settings: { ...usual, weight_decay: 0.1, learningRate: 0.01 },
    expected: [
      [0.9890000224113464, -1.9880000352859497, 0.4895009994506836, 0],
      [0.9783592224121094, -1.976012110710144, 0.4895377457141876, 0],
      [0.9678008556365967, -1.9640361070632935, 0.4856906235218048, 0],
      [0.95722895860672, -1.9520721435546875, 0.48573118448257446, 0],
      [0.9465993642807007, -1.9401201009750366, 0.4832015335559845, 0],
    ],
  },
];

function createState(parameters: ReadonlyMap<string, FloatTensor>): OptimizerState {
  const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
  return createOptimizerState(tinyRecipe({ method: 'full' }), shapes);
}

describe('stepAdamW', () => {
  it.each(runs)('agrees with torch.optim.AdamW $label', ({ start, settings, expected }) => {
    const parameter = Float32Array.from(start);
    const parameters = new Map([['p', { shape: [4], data: parameter }]]);
    const state = createState(parameters);
    expected.forEach((values, index) => {
      const gradients = new Map([['p', Float32Array.from(manyScales(index))]]);
      stepAdamW(parameters, gradients, state, { ...settings, step: index + 1, gradientFactor: 1 });
      values.forEach((value, element) => {
        expect(parameter[element]).toBeCloseTo(value, 6);
      });
    });
    // o.state[p]["exp_avg"], o.state[p]["exp_avg_sq"]
    const mean = [0.13144099712371826, -0.12285301089286804, 8.371000149054453e-6, 0];
    const square = [0.0005495003424584866, 0.00044910094584338367, 4.9900101412037046e-11, 0];
    for (const [found, wanted] of [
      [state.mean, mean],
      [state.square, square],
    ] as const) {
      wanted.forEach((value, element) => {
        expect(Math.abs(found.get('p')!.data[element]! - value)).toBeLessThanOrEqual(1e-6 * Math.abs(value));
      });
    }
  });

  it('agrees with torch after torch.nn.utils.clip_grad_norm_(p, 1.0), and with other betas and a large epsilon', () => {
    // start (1, -2), gradients (0.5 - 0.2 i, 2), lr 0.05, betas (0.8, 0.95), eps 1e-3, weight_decay 0.01
    const expected = [
      [0.9497053027153015, -2.0489485263824463],
      [0.9018816947937012, -2.0979115962982178],
      [0.8611518740653992, -2.1468892097473145],
      [0.8360083699226379, -2.1958582401275635],
      [0.8336409330368042, -2.244771718978882],
    ];
    const parameter = Float32Array.of(1, -2);
    const parameters = new Map([['p', { shape: [2], data: parameter }]]);
    const state = createState(parameters);
    const settings = { beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weight_decay: 0.01, learningRate: 0.05 };
    expected.forEach((values, index) => {
      const gradients = new Map([['p', Float32Array.of(0.5 - 0.2 * index, 2)]]);
      const gradientFactor = 1 / (gradientNorm(gradients) + 1e-6);
      stepAdamW(parameters, gradients, state, { ...settings, step: index + 1, gradientFactor });
      values.forEach((value, element) => {
        expect(parameter[element]).toBeCloseTo(value, 6);
      });
    });
  });

  it('leaves parameters without a gradient alone, decay included', () => {
    const parameters = new Map([
      ['moved', { shape: [1], data: Float32Array.of(1) }],
      ['kept', { shape: [1], data: Float32Array.of(1) }],
    ]);
    const state = createState(parameters);
    const settings = { ...usual, weight_decay: 0.5, learningRate: 0.1, step: 1, gradientFactor: 1 };
    stepAdamW(parameters, new Map([['moved', Float32Array.of(1)]]), state, settings);
    expect(parameters.get('kept')!.data).toEqual(Float32Array.of(1));
    expect(parameters.get('moved')!.data[0]).toBeCloseTo(0.85, 6);
  });
});

describe('gradientNorm', () => {
  it('is that of all gradients together', () => {
    expect(
      gradientNorm(
        new Map([
          ['a', Float32Array.of(3, 0)],
          ['b', Float32Array.of(-4, 12)],
        ]),
      ),
    ).toBe(13);
    expect(gradientNorm(new Map())).toBe(0);
  });

  it('is not finite where a gradient is not', () => {
    expect(gradientNorm(new Map([['a', Float32Array.of(1, NaN)]]))).toBeNaN();
    expect(gradientNorm(new Map([['a', Float32Array.of(1, -Infinity)]]))).toBe(Infinity);
  });

  it('does not overflow where float32 would', () => {
    expect(gradientNorm(new Map([['a', Float32Array.of(3e30, 4e30)]]))).toBeCloseTo(5e30, -25);
  });
});
