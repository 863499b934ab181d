import { Writable } from 'node:stream';
import {
  type Claim,
  createReferenceBackend,
  type Figure,
  type Finding,
  judge,
  localRunner,
  MesoscopeError,
  type Study,
} from 'mesoscope';
import { z } from 'zod';
import type { Environment } from './environment.ts';

const depths = [8, 16, 32, 64, 128];

/** Forward Euler for ẋ = −x on [0, T]: the error at T, per number of steps. */
function eulerErrors(horizon: number): number[] {
  return depths.map((steps) => Math.abs((1 - horizon / steps) ** steps - Math.exp(-horizon)));
}

export const eulerFigure: Figure = {
  id: 'A.toy-order',
  title: 'Error of the finite-depth recursion against the flow',
  caption:
    'Sup error over depth for L = 8 … 128 layers at fixed controls. The dashed line is the expected rate; the band is the 95 % interval over seeds.',
  x: { label: 'layers L', scale: 'log', base: 2 },
  y: { label: 'sup error  supₖ |hₖ − h(tₖ)|', scale: 'log' },
  marks: [
    {
      kind: 'band',
      series: 'forward Euler',
      x: depths,
      low: eulerErrors(1).map((e) => e * 0.7),
      high: eulerErrors(1).map((e) => e * 1.4),
    },
    { kind: 'line', series: 'forward Euler', x: depths, y: eulerErrors(1) },
    { kind: 'dots', series: 'forward Euler', x: depths, y: eulerErrors(1) },
    {
      kind: 'dots',
      series: 'Heun',
      x: depths,
      y: depths.map((l) => 0.06 / l ** 2),
      low: depths.map((l) => 0.03 / l ** 2),
      high: depths.map((l) => 0.12 / l ** 2),
    },
    { kind: 'reference', label: 'slope −1', x: [8, 128], y: [0.045, 0.045 / 16] },
    { kind: 'reference', label: 'slope −2', x: [8, 128], y: [1e-3 / 2, 1e-3 / 512] },
  ],
};

/** A claim with a known answer: the order of forward Euler on ẋ = −x. */
export const toyClaim: Claim<{ horizon: number; bend: number }> = {
  id: 'A.toy-order',
  paper: 'A',
  title: 'Finite depth stays within O(ε) of the flow',
  statement:
    'For fixed controls, $\\sup_k |h_k - h(t_k)| \\le \\frac{\\varepsilon}{2}\\,(L_\\theta L_t + L_h F)\\,\\frac{e^{L_h T} - 1}{L_h}$ with $\\varepsilon = T/L$.',
  trust: 'P',
  quantity: 'log–log slope of the error',
  instance: z.strictObject({
    horizon: z.number().default(1).describe('T > 0'),
    bend: z.number().default(0).describe('how far the measurement is bent, to see a failure'),
  }),
  async run({ instance, progress }): Promise<Finding> {
    const { horizon, bend } = instance ?? { horizon: 1, bend: 0 };
    if (horizon === 13) throw new Error('the oracle is silent');
    if (horizon === 14) {
      const fault = { code: 'not-finite', path: 'h0', index: 2, received: Number.NaN } as const;
      throw new MesoscopeError(fault);
    }
    progress(1, 2, 'integrating');
    const errors = eulerErrors(horizon);
    const slope = Math.log2(errors[4] / errors[3]) + bend;
    const assumptions = [{ name: 'horizon T > 0', holds: horizon > 0, value: horizon }];
    const interval = [slope - 0.03, slope + 0.03] as const;
    const expected = { kind: 'value', value: -1 } as const;
    return {
      assumptions,
      evidence: { errors, 'errors.L2': [Number.NaN, 1], depths },
      measured: slope,
      expected,
      interval,
      verdict: judge(assumptions, slope, interval, expected),
      summary: `The error falls with slope ${slope.toFixed(3)} over $L = 8 \\ldots 128$.`,
      figures: [eulerFigure],
    };
  },
};

/** A second one, exact to rounding. */
export const exactClaim: Claim<{ horizon: number }> = {
  ...toyClaim,
  id: 'C.toy-exact',
  paper: 'C',
  title: 'Rank is invariant',
  statement: 'Along any control, $\\operatorname{rank}\\Sigma_t = \\operatorname{rank}\\Sigma_0$.',
  trust: 'P',
  quantity: 'relative error',
  instance: z.strictObject({ horizon: z.number().default(1) }),
  async run(): Promise<Finding> {
    return {
      assumptions: [],
      evidence: {},
      measured: 3.1e-16,
      expected: { kind: 'at-most', value: 1e-12 },
      interval: null,
      verdict: 'holds',
      summary: 'Exact to rounding.',
      figures: [],
    };
  },
};

interface ToyConfiguration {
  readonly seed: number;
  readonly steps: number;
  readonly rate: number;
  readonly explodeAt: number;
}

/** Halves a number again and again, checkpointing after every step. */
export const toyStudy: Study<ToyConfiguration> = {
  name: 'toy/decay',
  title: 'A decaying number',
  description: 'Halves a number again and again.',
  papers: ['D'],
  schema: z.strictObject({
    seed: z.int().nonnegative().default(1).describe('seed'),
    steps: z.int().positive().default(5).describe('steps'),
    rate: z.number().positive().default(0.5).describe('factor of one step'),
    explodeAt: z.int().default(-1).describe('step at which the study throws'),
  }),
  async run({ seed, steps, rate, explodeAt }, context) {
    const x = context.resume?.arrays.x.slice() ?? Float64Array.of(seed + 1 / 3);
    let step = Number(context.resume?.meta.step ?? 0);
    while (step < steps) {
      if (step === explodeAt) throw new Error('boom');
      x[0] *= rate;
      step++;
      context.metric({ step, loss: x[0] });
      context.progress(step, steps, 'halving');
      await context.checkpoint(() => ({ meta: { step }, arrays: { x: x.slice() } }));
      if (context.signal?.aborted && step < steps) {
        return {
          ...{ claims: [], sections: [], arrays: {}, headline: {} },
          status: { kind: 'interrupted', message: `stopped after step ${step}` },
        };
      }
    }
    return {
      claims: [{ claim: toyClaim, finding: await toyClaim.run(quiet), seconds: 0.1 }],
      sections: [{ kind: 'text', title: 'What was done', body: 'A number was halved.' }],
      arrays: { x: { shape: [1, 1], data: x } },
      headline: { 'last value': x[0] },
      status: { kind: 'completed', message: 'All steps were made.' },
    };
  },
};

const quiet = {
  backend: createReferenceBackend(),
  seed: 1,
  setting: 'quick',
  progress: () => {},
} as const;

/** A stream that keeps what is written to it. */
export function captured(): NodeJS.WritableStream & { text(): string } {
  const parts: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      parts.push(String(chunk));
      done();
    },
  });
  return Object.assign(stream, { text: () => parts.join('') });
}

/** An environment with the toys, whose streams are kept; `interrupt()` is a Ctrl-C. */
export function toyEnvironment(directory: string) {
  const listeners = new Set<() => void>();
  const stdout = captured();
  const stderr = captured();
  const environment: Environment = {
    stdout,
    stderr,
    directory,
    claims: [toyClaim as Claim, exactClaim as Claim],
    studies: [toyStudy as Study],
    createBackend: async () => createReferenceBackend(),
    createClaimRunners: async () => ({
      runners: [localRunner(createReferenceBackend())],
      build: 'reference',
      dispose: async () => {},
    }),
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    environment,
    stdout,
    stderr,
    interrupt: () => {
      for (const listener of listeners) listener();
    },
  };
}
