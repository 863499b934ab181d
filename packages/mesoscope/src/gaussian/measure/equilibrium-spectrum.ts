import { eigenvalues } from '../../numeric/decompositions.ts';
import { frobeniusNorm, identity, type Matrix, multiply, scale, trace } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { meanMatrix } from '../equilibrium.ts';
import { covarianceJacobian } from '../jacobian.ts';
import type { GaussianLayer } from '../layer.ts';
import type { RiccatiForm } from '../riccati.ts';
import type { Compared } from './compared.ts';
import { draws, margin, perturbed, type Spread } from './conditioning.ts';

/** The spectra of covariance and mean at Σ* by differentiation of the flow, and by the closed form. */
export function compareSpectraAtRest(
  layer: GaussianLayer,
  form: RiccatiForm,
  target: Matrix,
  spread: Spread,
) {
  const jacobian = covarianceJacobian(layer, target);
  const spectrum = eigenvalues(jacobian);
  const radius = Math.max(...spectrum.real.map((re, i) => Math.hypot(re, spectrum.imaginary[i])));
  const unit = scale(1 / radius, jacobian);
  const q = unit.rows;
  const W = scale(1 / radius, form.W);
  const change = spread((_, equilibrium) =>
    scale(1 / radius, covarianceJacobian(layer, equilibrium)),
  );
  const count = Math.min(q, 12);
  const [ofJacobian, ofW] = [traces(unit, count), traces(W, count)];
  const norm = frobeniusNorm(unit);
  const powerSums = ofJacobian.slice(1).map((sum, i): Compared => {
    const k = i + 1;
    return {
      difference: Math.abs(sum - pairSum(ofW, k)),
      uncertainty: k * norm ** (k - 1) * (change + margin * q * Number.EPSILON * norm),
      scale: spectrum.real.reduce(
        (total, re, j) => total + (Math.hypot(re, spectrum.imaginary[j]) / radius) ** k,
        0,
      ),
    };
  });
  const D = meanMatrix(layer, target);
  const rates = eigenvalues(D).real;
  const off = (values: Float64Array) =>
    Math.max(...values.map((re) => Math.abs(re - form.totalValue)));
  const stream = randomStream(0, 'perturbations of the mean');
  const moved = Array.from({ length: draws }, () =>
    Math.abs(off(eigenvalues(perturbed(stream, D)).real) - off(rates)),
  );
  const size = frobeniusNorm(D);
  const meanChange = spread((_, equilibrium) => meanMatrix(layer, equilibrium));
  const meanRates: Compared = {
    difference: off(rates),
    uncertainty: margin * Math.max(...moved) + meanChange + 64 * Number.EPSILON * size,
    scale: size,
  };
  return {
    spectrum,
    powerSums,
    meanRates: size === 0 ? null : meanRates,
    meanStable: Math.max(...rates) < 0,
  };
}

/** `tr A^k`, k = 0 … count. */
function traces(A: Matrix, count: number): number[] {
  let power = identity(A.rows);
  const result = [A.rows];
  for (let k = 1; k <= count; k++) {
    power = multiply(power, A);
    result.push(trace(power));
  }
  return result;
}

/** `Σ_{i≤j} (−λ_i − λ_j)^k = (−1)^k ½(Σ_l C(k,l) tr W^l tr W^{k−l} + 2^k tr W^k)`. */
function pairSum(ofW: readonly number[], k: number): number {
  let sum = 2 ** k * ofW[k];
  let binomial = 1;
  for (let l = 0; l <= k; l++) {
    sum += binomial * ofW[l] * ofW[k - l];
    binomial = (binomial * (k - l)) / (l + 1);
  }
  return ((-1) ** k * sum) / 2;
}
