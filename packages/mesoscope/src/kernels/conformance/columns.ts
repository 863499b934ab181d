import type { ActivationKind, NormalisationKind, RotationLayout } from '../instruction.ts';
import { activationKinds, normalisationKinds, rotationLayouts } from '../instruction-table.ts';
import { scaled } from '../program.ts';
import {
  type ConformanceCase,
  constant,
  type Entry,
  normal,
  normalTimes,
  trialCase,
  uniform,
  whole,
} from './trial.ts';

/** Instructions that work column by column or entry by entry: activations, normalisations, loss, gather, Adam. */
export function columnCases(): ConformanceCase[] {
  return [
    ...activationKinds.flatMap((kind) => [
      activationCase(kind, 7, 21, 'standard normal', normal),
      activationCase(kind, 1, 1, 'one entry', normal),
      activationCase(kind, 3, 130, 'wide', wide),
    ]),
    ...normalisationKinds.flatMap((kind) =>
      shapes.flatMap(([d, n]) => [
        normaliseCase(kind, d, n, 1e-5, normal),
        normaliseCase(kind, d, n, 1e-5, (random, i) => 100 + i + random.normal()),
      ]),
    ),
    ...rotationLayouts.flatMap((layout) => [1, 7, 130].map((n) => rotateCase(layout, n))),
    ...shapes.map(([d, n]) => tangentCase(d, n)),
    ...shapes.flatMap(([classes, n]) => [
      crossEntropyCase(classes, n, 'moderate', normal),
      crossEntropyCase(classes, n, '±1e4', normalTimes(1e4)),
    ]),
    ...shapes.map(([d, n]) => gatherCase(d, n)),
    ...[1, 7, 64, 1003].map(adamCase),
  ];
}

const shapes: readonly (readonly [number, number])[] = [
  [2, 1],
  [3, 7],
  [16, 8],
  [5, 130],
  [65, 33],
];

/** A sweep through the middle, the tails, both saturations, zeros of both signs and large numbers. */
const wide: Entry = (random, i, j) => {
  const sign = i === 1 ? -1 : 1;
  if (j < 100) return sign * (j * 0.1 + 0.01 * random.uniform());
  if (j < 110) return sign * 10 ** (j - 120);
  if (j < 120) return sign * 10 ** (j - 110);
  return j === 120 ? sign * 0 : sign * 50 * random.uniform();
};

function activationCase(
  kind: ActivationKind,
  d: number,
  n: number,
  content: string,
  entry: Entry,
): ConformanceCase {
  return trialCase({
    name: `${kind} and pullback, ${d}×${n}, ${content}`,
    samples: 2,
    growth: 8,
    size: 'entry',
    write({ builder, operand }) {
      const x = operand('x', d, n, { entry });
      const p = operand('p', d, n, { entry: constant(1) });
      const y = operand('y', d, n);
      builder.emit({ op: 'activation', kind, x, y });
      const g = operand('g', d, n);
      builder.emit({ op: 'activationPullback', kind, x, p, g, accumulate: false });
      const sum = operand('g accumulated', d, n);
      builder.emit({ op: 'activationPullback', kind, x, p, g: sum, accumulate: true });
      const inPlace = operand('in place', d, n, { entry });
      builder.emit({ op: 'activation', kind, x: inPlace, y: inPlace });
    },
  });
}

function normaliseCase(
  kind: NormalisationKind,
  d: number,
  n: number,
  epsilon: number,
  entry: Entry,
): ConformanceCase {
  return trialCase({
    name: `normalise ${kind} and pullback, ${d}×${n}, ${entry === normal ? 'centred' : 'far from 0'}`,
    samples: 2,
    // A mean of 100 leaves fewer digits for the deviations from it.
    growth: entry === normal ? 64 : 6400,
    write({ builder, operand }) {
      const x = operand('x', d, n, { entry });
      const p = operand('p', d, n);
      builder.emit({ op: 'normalise', kind, epsilon, x, y: operand('y', d, n) });
      const pull = { op: 'normalisePullback', kind, epsilon, x, p } as const;
      builder.emit({ ...pull, g: operand('g', d, n), accumulate: false });
      builder.emit({ ...pull, g: operand('g accumulated', d, n), accumulate: true });
      builder.emit({ op: 'normalise', kind, epsilon, x, y: x });
    },
  });
}

function rotateCase(layout: RotationLayout, n: number): ConformanceCase {
  return trialCase({
    name: `rotary positions, ${layout}, ${n} columns`,
    samples: 2,
    // An angle of 130 has fewer digits behind the point than one of 1.
    growth: 256,
    write({ builder, operand }) {
      const turn = { op: 'rotate', layout, dimension: 6, theta: 1e4 } as const;
      const x = operand('x', 18, n);
      builder.emit({ ...turn, x, y: operand('y', 18, n), inverse: false, accumulate: false });
      builder.emit({ ...turn, x, y: operand('sum', 18, n), inverse: true, accumulate: true });
      builder.emit({ ...turn, x, y: x, inverse: true, accumulate: false });
    },
  });
}

function tangentCase(d: number, n: number): ConformanceCase {
  return trialCase({
    name: `tangent and pullback, ${d}×${n}`,
    samples: 2,
    growth: 256,
    write({ builder, operand }) {
      const x = operand('x', d, n, { entry: (random) => 0.5 + random.uniform() });
      const f = operand('f', d, n);
      const p = operand('p', d, n);
      builder.emit({ op: 'tangent', x, f, y: operand('y', d, n) });
      const gx = operand('gx', d, n);
      const gf = operand('gf', d, n);
      builder.emit({ op: 'tangentPullback', x, f, p, gx, gf });
      builder.emit({ op: 'tangentPullback', x, f, p, gx, gf: gx });
      builder.emit({ op: 'tangent', x, f, y: f });
    },
  });
}

function crossEntropyCase(
  classes: number,
  n: number,
  content: string,
  entry: Entry,
): ConformanceCase {
  return trialCase({
    name: `cross-entropy, ${classes} classes, ${n} columns, logits ${content}`,
    samples: 2,
    growth: content === 'moderate' ? 64 : 64e4,
    write({ builder, operand }) {
      const logits = operand('logits', classes, n, { entry });
      const labels = operand('labels', 1, n, { entry: whole(-1, classes - 1) });
      const weights = operand('weights', 1, n, { entry: uniform });
      const residual = operand('residual', classes, n);
      const loss = operand('loss', 1, n);
      builder.emit({ op: 'crossEntropy', logits, labels, weights, loss, residual });
      const noClass = operand('no such class', 1, n, { entry: whole(classes - 1, classes + 1) });
      const lossOfNone = operand('loss of no class', 1, n);
      builder.emit({
        op: 'crossEntropy',
        logits,
        labels: noClass,
        weights,
        loss: lossOfNone,
        residual: logits,
      });
    },
  });
}

function gatherCase(d: number, n: number): ConformanceCase {
  return trialCase({
    name: `gather and scatter, ${d}×11 by ${n} indices`,
    samples: 4,
    write({ builder, operand }) {
      const table = operand('table', d, 11, { kind: 'shared', dense: true });
      const indices = operand('indices', 1, n, { entry: whole(0, 10) });
      const beyond = operand('indices beyond', 1, n, { entry: whole(-2, 12) });
      const y = operand('y', d, n);
      builder.emit({ op: 'gather', table, indices, y, accumulate: false });
      builder.emit({ op: 'gather', table, indices, y, accumulate: true });
      builder.emit({
        op: 'gather',
        table,
        indices: beyond,
        y: operand('y beyond', d, n),
        accumulate: false,
      });
      const g = operand('g', d, 11, { kind: 'accumulator', dense: true });
      builder.emit({ op: 'scatter', indices, p: y, g });
      const p = operand('p', d, n);
      builder.emit({ op: 'scatter', indices: beyond, p, g });
    },
  });
}

function adamCase(n: number): ConformanceCase {
  return trialCase({
    name: `adam, ${n} parameters`,
    write({ builder, operand, scalar }) {
      const parameters = { kind: 'shared', dense: true } as const;
      builder.emit({
        op: 'adam',
        x: operand('x', 1, n, parameters),
        g: operand('g', 1, n, parameters),
        m: operand('m', 1, n, parameters),
        v: operand('v', 1, n, { ...parameters, entry: uniform }),
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        rate: scaled(scalar('rate', 1e-2), 0.5),
        correction1: scalar('correction 1', 1 / (1 - 0.9 ** 3)),
        correction2: scalar('correction 2', 1 / (1 - 0.999 ** 3)),
      });
    },
  });
}
