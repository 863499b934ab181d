import { eigenvalues, type Spectrum } from './decompositions.ts';
import { frobeniusNorm, type Matrix } from './matrix.ts';
import { randomStream } from './random.ts';

/**
 * Largest distance of two spectra of equal size whose eigenvalues are matched one after the other, each to the nearest that is
 * left. Not the least over all matchings: at most it says too much.
 */
export function spectrumDistance(a: Spectrum, b: Spectrum): number {
  const left = new Set(b.real.keys());
  let largest = 0;
  a.real.forEach((re, i) => {
    const distance = (j: number) => Math.hypot(re - b.real[j], a.imaginary[i] - b.imaginary[j]);
    let nearest = -1;
    for (const j of left) if (nearest < 0 || distance(j) < distance(nearest)) nearest = j;
    left.delete(nearest);
    largest = Math.max(largest, distance(nearest));
  });
  return largest;
}

export interface SpectrumUncertaintyOptions {
  /** Size of the perturbations, as part of |A| (Frobenius); default 8 n · 2⁻⁵², what algorithms may err. */
  readonly perturbation?: number;
}

/** Perturbations that are tried. */
const draws = 8;

/**
 * How far the eigenvalues of a matrix move if its entries are perturbed as much as algorithms round: about `κ 2⁻⁵² |A|` for simple
 * eigenvalues of condition κ, but `|A| 2^{−52/k}` for a Jordan block of size k, five equal eigenvalues of which are known to
 * three digits. Measured on random perturbations, the largest of eight: an estimate, from below, of what no algorithm can
 * avoid; eigenvalues that agree within a few times of it are not told apart (Wilkinson, The Algebraic Eigenvalue Problem, ch. 2).
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`
 */
export function spectrumUncertainty(
  a: Matrix,
  { perturbation = 8 * a.rows * 2 ** -52 }: SpectrumUncertaintyOptions = {},
): number {
  const spectrum = eigenvalues(a);
  const size = perturbation * frobeniusNorm(a);
  let largest = 0;
  for (let draw = 0; draw < draws; draw++) {
    const noise = randomStream(0, 'spectrum', draw).normals(new Float64Array(a.data.length));
    const scale = size / a.rows;
    const perturbed = { ...a, data: a.data.map((entry, i) => entry + scale * noise[i]) };
    largest = Math.max(largest, spectrumDistance(spectrum, eigenvalues(perturbed)));
  }
  return largest;
}
