import { spawnSync } from 'node:child_process';
import { createReferenceBackend } from 'mesoscope/kernels';
import {
  buresMap,
  buresWasserstein,
  gaussian,
  lineWasserstein,
  type ParticleLaw,
  particles,
  sinkhornDivergence,
  slicedWasserstein,
  wassersteinDistance,
} from 'mesoscope/law';
import { randomStream, toRows } from 'mesoscope/numeric';
import { describe, expect, it } from 'vitest';

/** Distances of the library beside those of POT (Flamary et al., JMLR 22, 2021), where a Python that has it is found. */
const python = process.env.MESOSCOPE_PYTHON ?? 'python3';
const found = spawnSync(python, ['-c', 'import ot'], { encoding: 'utf8' }).status === 0;
const title = found
  ? 'distances beside POT'
  : `distances beside POT (skipped: ${python} has no POT; pip install pot, or name a Python that has it in MESOSCOPE_PYTHON)`;

const script = `
import json, sys
import numpy as np, ot
q = json.load(sys.stdin)
x, y, a, b = (np.array(q[k]) for k in "xyab")
square = ((x[:, None] - y[None]) ** 2).sum(-1)
def entropic(u, v, p, r, eps):
    c = 0.5 * ((u[:, None] - v[None]) ** 2).sum(-1)
    plan = ot.sinkhorn(p, r, c, eps, method="sinkhorn_log", numItermax=100000, stopThr=1e-11)
    product = p[:, None] * r[None]
    return (plan * c).sum() + eps * (plan * np.log(plan / product)).sum()
eps = q["epsilon"]
S0, S1 = np.array(q["S0"]), np.array(q["S1"])
m0, m1 = np.array(q["m0"]), np.array(q["m1"])
line = [float(ot.wasserstein_1d(x[:, 0], y[:, 0], a, b, p)) for p in (1, 2)]
A, offset = ot.gaussian.bures_wasserstein_mapping(m0, m1, S0, S1)
json.dump({
    "W2": float(np.sqrt(ot.emd2(a, b, square, numItermax=10**7))),
    "W1": float(ot.emd2(a, b, np.sqrt(square), numItermax=10**7)),
    "line1": line[0], "line2": float(np.sqrt(line[1])),
    "sinkhorn": float(entropic(x, y, a, b, eps) - 0.5 * entropic(x, x, a, a, eps) - 0.5 * entropic(y, y, b, b, eps)),
    "sliced": float(ot.sliced_wasserstein_distance(x, y, a, b, n_projections=20000, seed=1)),
    "bures": float(ot.gaussian.bures_wasserstein_distance(m0, m1, S0, S1)),
    "map": A.tolist(),
}, sys.stdout)
`;

interface Answers {
  readonly W1: number;
  readonly W2: number;
  readonly line1: number;
  readonly line2: number;
  readonly sinkhorn: number;
  readonly sliced: number;
  readonly bures: number;
  readonly map: readonly (readonly number[])[];
}

const stream = randomStream(5, 'beside POT');

function cloud(n: number, d: number, shift: number): ParticleLaw {
  const points = stream.normals(new Float64Array(n * d)).map((x) => x + shift);
  const weights = Array.from({ length: n }, () => 0.1 + stream.uniform());
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return particles(
    { rows: n, columns: d, data: points },
    weights.map((weight) => weight / sum),
  );
}

describe.skipIf(!found)(title, () => {
  it.each([1, 2, 5])('d = %i', { timeout: 120_000 }, (d) => {
    const [mu, nu] = [cloud(60, d, 0), cloud(45, d, 0.7)];
    const covariance = (law: ParticleLaw) =>
      Array.from({ length: d }, (_, i) =>
        Array.from({ length: d }, (_, j) =>
          law.weights.reduce(
            (sum, w, k) => sum + w * law.points.data[k * d + i] * law.points.data[k * d + j],
            0,
          ),
        ),
      );
    const [S0, S1] = [covariance(mu), covariance(nu)];
    const [m0, m1] = [mu, nu].map((law) => Array.from(law.points.data.subarray(0, d)));
    const epsilon = 0.3 * d;
    const given = {
      x: toRows(mu.points),
      y: toRows(nu.points),
      a: Array.from(mu.weights),
      b: Array.from(nu.weights),
      S0,
      S1,
      m0,
      m1,
      epsilon,
    };
    const { stdout, stderr, status } = spawnSync(python, ['-c', script], {
      input: JSON.stringify(given),
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    const pot = JSON.parse(stdout) as Answers;
    expect(wassersteinDistance(mu, nu).value).toBeCloseTo(pot.W2, 10);
    expect(wassersteinDistance(mu, nu, { order: 1 }).value).toBeCloseTo(pot.W1, 10);
    const onLine = (law: ParticleLaw) =>
      particles(
        toRows(law.points).map(([first]) => [first]),
        law.weights,
      );
    expect(lineWasserstein(onLine(mu), onLine(nu), { order: 1 }).value).toBeCloseTo(pot.line1, 10);
    expect(lineWasserstein(onLine(mu), onLine(nu)).value).toBeCloseTo(pot.line2, 10);
    const sinkhorn = sinkhornDivergence(createReferenceBackend(), mu, nu, {
      epsilon,
      tolerance: 1e-9,
      maximalIterations: 5000,
    });
    expect(sinkhorn.status.kind).toBe('converged');
    expect(sinkhorn.value).toBeCloseTo(pot.sinkhorn, 8);
    const sliced = slicedWasserstein(mu, nu, { directions: 4000 });
    if (sliced.certificate.kind === 'sampling') {
      // Twice as wide: POT's own directions are random as well.
      const [low, high] = sliced.certificate.interval;
      expect(Math.abs(sliced.value - pot.sliced)).toBeLessThan(high - low);
    } else {
      expect(sliced.value).toBeCloseTo(pot.sliced, 10);
    }
    const [one, other] = [gaussian(m0, S0), gaussian(m1, S1)];
    expect(buresWasserstein(one, other).value).toBeCloseTo(pot.bures, 7);
    toRows(buresMap(one, other)).forEach((row, i) => {
      row.forEach((entry, j) => {
        expect(entry).toBeCloseTo(pot.map[i][j], 8);
      });
    });
  });
});
