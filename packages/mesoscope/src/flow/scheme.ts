import type { Scheme } from './types.ts';

/** `h ← h + ε f(h, θ(t))`: the residual layer itself. Order 1. */
export const euler: Scheme = { name: 'euler', order: 1, a: [[]], b: [1], c: [0] };

/** Heun's scheme (explicit trapezoidal rule). Order 2. */
export const heun: Scheme = { name: 'heun', order: 2, a: [[], [1]], b: [1 / 2, 1 / 2], c: [0, 1] };

/** The classical scheme of Runge and Kutta. Order 4. */
export const rk4: Scheme = {
  name: 'rk4',
  order: 4,
  a: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]],
  b: [1 / 6, 1 / 3, 1 / 3, 1 / 6],
  c: [0, 1 / 2, 1 / 2, 1],
};

/** A scheme that estimates its own error and interpolates inside its steps. */
export interface EmbeddedScheme extends Scheme {
  /**
   * The scheme with the stage that only the error estimate and the interpolant need: its last stage is f at the
   * end of the step.
   */
  readonly extended: Scheme;
  /** `error = ε Σ_i errorWeights_i k_i`: the difference to the embedded scheme of one order less. */
  readonly errorWeights: readonly number[];
  /** `h(t + xε) ≈ h + ε Σ_i k_i Σ_m dense_im x^{m+1}`. */
  readonly dense: readonly (readonly number[])[];
}

const dormandPrinceStages: readonly (readonly number[])[] = [
  [],
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
];
const dormandPrinceWeights = [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84];
const dormandPrinceNodes = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1];

/**
 * Dormand and Prince's scheme 5(4) (J. Comp. Appl. Math. 6, 1980) with Shampine's interpolant of order 4
 * (Math. Comp. 46, 1986). As a fixed-step scheme it has 6 stages and order 5.
 */
export const dormandPrince: EmbeddedScheme = {
  name: 'dormand-prince',
  order: 5,
  a: dormandPrinceStages,
  b: dormandPrinceWeights,
  c: dormandPrinceNodes,
  extended: {
    name: 'dormand-prince with its last stage',
    order: 5,
    a: [...dormandPrinceStages, dormandPrinceWeights],
    b: [...dormandPrinceWeights, 0],
    c: [...dormandPrinceNodes, 1],
  },
  errorWeights: [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40],
  dense: [
    [1, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432],
    [0, 0, 0, 0],
    [0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799],
    [0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072],
    [0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632],
    [0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844],
    [0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423],
  ],
};

/** The fixed-step schemes, by name. */
export const schemes: Readonly<Record<string, Scheme>> = {
  euler,
  heun,
  rk4,
  'dormand-prince': dormandPrince,
};
