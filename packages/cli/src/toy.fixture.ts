import { Writable } from 'node:stream';
import { MesoscopeError } from 'mesoscope';
import {
  atMost,
  type Claim,
  claim,
  concludeClaim,
  equals,
  experiments,
  type Figure,
  type Finding,
} from 'mesoscope/claims';
import { errorData, parseConfiguration } from 'mesoscope/configuration';
import { type Backend, createReferenceBackend } from 'mesoscope/kernels';
import { cellOutcome, computePiece, runStudy, type Study } from 'mesoscope/study';
import * as z from 'zod';
import type { Environment } from './environment.ts';
import { type Catalogue, catalogueOf } from './host/catalogue.ts';
import type { CellThreads } from './host/cell-threads.ts';
import type { PieceJob } from './host/thread-message.ts';
import type { PieceThreads } from './host/threads.ts';

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
export const toyClaim = claim<{ horizon: number; bend: number }, readonly number[]>({
  id: 'A.toy-order',
  title: 'Finite depth stays within O(ε) of the flow',
  statement:
    'For fixed controls, $\\sup_k |h_k - h(t_k)| \\le \\frac{\\varepsilon}{2}\\,(L_\\theta L_t + L_h F)\\,\\frac{e^{L_h T} - 1}{L_h}$ with $\\varepsilon = T/L$.',
  trust: { statement: 'P' },
  given: experiments({
    label: 'integrating',
    shared: {
      horizon: z.number().default(1).describe('T > 0'),
      bend: z.number().default(0).describe('how far the measurement is bent, to see a failure'),
    },
    own: {},
    data: {},
    pieces: () => 1,
  }),
  measure({ given: { horizon } }) {
    if (horizon === 13) throw new Error('the oracle is silent');
    if (horizon === 14) {
      const fault = { code: 'not-finite', path: 'h0', index: 2, received: Number.NaN } as const;
      throw new MesoscopeError(fault);
    }
    return eulerErrors(horizon);
  },
  conclude([errors], { given: { horizon, bend } }) {
    const slope = Math.log2(errors[4] / errors[3]) + bend;
    return {
      hypotheses: [{ name: 'horizon T > 0', holds: horizon > 0, value: horizon }],
      resolution: [],
      checks: [
        equals({
          name: 'log–log slope of the error',
          failsIf: 'the order is not 1',
          measured: slope,
          interval: [slope - 0.03, slope + 0.03],
          intervalFrom: 'numerics',
          expected: -1,
          rivals: [-2, 0],
        }),
      ],
      evidence: { errors, 'errors.L2': [Number.NaN, 1], depths },
      summary: `The error falls with slope ${slope.toFixed(3)} over $L = 8 \\ldots 128$.`,
      figures: [eulerFigure],
    };
  },
});

/** A second one, exact to rounding. */
export const exactClaim = claim<{ horizon: number }, null>({
  id: 'C.toy-exact',
  title: 'Rank is invariant',
  statement: 'Along any control, $\\operatorname{rank}\\Sigma_t = \\operatorname{rank}\\Sigma_0$.',
  trust: { statement: 'P' },
  given: experiments({
    label: 'ranks',
    shared: { horizon: z.number().default(1).describe('T') },
    own: {},
    data: {},
    pieces: () => 1,
  }),
  measure: () => null,
  conclude: () => ({
    hypotheses: [],
    resolution: [],
    checks: [
      atMost({
        name: 'relative error',
        failsIf: 'the rank changes',
        measured: 3.1e-16,
        expected: 1e-12,
      }),
    ],
    evidence: {},
    summary: 'Exact to rounding.',
    figures: [],
  }),
});

export interface ToyConfiguration {
  readonly seed: number;
  readonly steps: number;
  readonly rate: number;
  readonly explodeAt: number;
}

export interface Halved {
  readonly step: number;
  readonly x: Float64Array;
}

/** Halves a number again and again, with a state after every step; its second piece adds nothing. */
export const toyStudy: Study<ToyConfiguration, Halved> = {
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
  pieces: () => 2,
  label: (_, index) => (index === 0 ? 'halving' : 'looking'),
  needs: (_, index) => (index === 0 ? [] : [0]),
  async piece({ seed, steps, rate, explodeAt }, context) {
    if (context.index === 1) return context.needed[0] as Halved;
    const begun = context.resume as Halved | undefined;
    const x = begun?.x.slice() ?? Float64Array.of(seed + 1 / 3);
    let step = begun?.step ?? 0;
    while (step < steps) {
      if (step === explodeAt) throw new Error('boom');
      x[0] *= rate;
      step++;
      context.metric({ step, loss: x[0] });
      context.progress(step / steps);
      await context.checkpoint(() => ({ step, x: x.slice() }));
    }
    return { step, x };
  },
  finish: (_, [{ x }]) => ({
    claims: [{ claim: toyClaim as Claim, finding: toyFinding(), seconds: 0.1 }],
    sections: [{ kind: 'text', title: 'What was done', body: 'A number was halved.' }],
    arrays: { x: { shape: [1, 1], data: x } },
    headline: { 'last value': x[0] },
    status: { kind: 'completed', message: 'All steps were made.' },
  }),
};

/** What the toy claim finds on its own experiment. */
export function toyFinding(): Finding {
  const given = { horizon: 1, bend: 0 };
  return concludeClaim(toyClaim, [eulerErrors(1)], { given, seed: 1 });
}

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

/** The toys, and nothing else. */
export function toyCatalogue(
  claims: readonly Claim[] = [toyClaim as Claim, exactClaim as Claim],
  studies: readonly Study[] = [toyStudy as Study],
): Catalogue {
  return catalogueOf({ claims: [], studies: [] }, { claims, studies });
}

/** Pieces computed on this thread, one at a time. */
export function piecesHere(
  study: Study,
  { configuration }: PieceJob,
  backend: Backend = createReferenceBackend(),
): PieceThreads {
  let stopped = false;
  const absent = async () => {
    throw new Error('no data here');
  };
  const data = { corpus: absent, images: absent, trainedModel: absent };
  const equipment = { backend, ...data, interrupted: () => stopped };
  return {
    size: 1,
    build: 'reference',
    compute: (order, events) => computePiece(study, configuration, order, equipment, events),
    stop() {
      stopped = true;
    },
    dispose: async () => backend.dispose(),
  };
}

/** Computes cells on this thread. */
function cellsHere(catalogue: Catalogue): CellThreads {
  const backend = createReferenceBackend();
  return {
    async run({ study: name, configuration }, signal) {
      const study = catalogue.study(name);
      try {
        const parsed = parseConfiguration(study.schema, configuration);
        const result = await runStudy(study, parsed, { backend, signal });
        if (result === undefined) throw new Error('ended');
        return { outcome: cellOutcome(result), seconds: 0.01 };
      } catch (cause) {
        if (signal.aborted) throw cause;
        return { error: errorData(cause) };
      }
    },
    dispose: async () => backend.dispose(),
  };
}

/** An environment with the toys, or other claims and studies, whose streams are kept; `interrupt()` is a Ctrl-C. */
export function toyEnvironment(
  directory: string,
  catalogue: Catalogue = toyCatalogue(),
  backend?: Backend,
) {
  const listeners = new Set<() => void>();
  const stdout = captured();
  const stderr = captured();
  const environment: Environment = {
    stdout,
    stderr,
    directory,
    catalogue: async () => catalogue,
    ask: undefined,
    startPieces: async (job) => piecesHere(catalogue.study(job.study), job, backend),
    startCells: () => cellsHere(catalogue),
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
