import { exponential, exponentialError, gamma, tiny } from '../../rigorous/rounding.ts';
import { type Context, scoreRoom, softmaxScores } from './contexts.ts';

/** Matrices `B = B_0 + E`, `|E_ij| ≤ h_ij`. */
export interface Box {
  /** d × d, row-major. */
  readonly centre: Float64Array;
  readonly half: Float64Array;
}

/** Numbers with what is left open on either side of each. */
export interface Enclosed {
  readonly middle: Float64Array;
  readonly open: Float64Array;
}

/**
 * `M(B) = Σ_c r_c ȳ_c(B)ᵀ` (C × d) and its derivative `T_{ca,ij} = ∂M_ca/∂B_ij = Σ r_c C_ai x_j` with tilted covariances C, on a box;
 * what is left open holds all roundings. Overwritten by the next box.
 */
export interface Moments {
  /** M at the centre. */
  readonly centre: Enclosed;
  /** M on the whole box. */
  readonly box: Enclosed;
  /** T at the centre. */
  readonly slope: Enclosed;
  /** T on the whole box. */
  readonly slopes: Enclosed;
  /** By how much M may leave `M(B_0) + T(B_0)[E]`: half of its second derivative, a third cumulant, on the box. */
  readonly remainder: Float64Array;
}

/** Roundings that one after the other make a number here; more than there are. */
export const roundings = 4096;

/** Encloses the moments of some contexts on one box after the other. */
export function createMoments(
  contexts: readonly Context[],
  d: number,
  C: number,
): (box: Box) => Moments {
  const most = Math.max(...contexts.map(({ count }) => count));
  const room = scoreRoom(most);
  /** |⟨Ex, x_v − x_w⟩| on the box. */
  const reaches = new Float64Array(most * most);
  const spread = new Float64Array(most);
  const low = new Float64Array(most);
  const high = new Float64Array(most);
  const mean = new Float64Array(d);
  const shiftLow = new Float64Array(d);
  const shiftHigh = new Float64Array(d);
  const meanError = new Float64Array(d);
  const enclosed = (length: number): Enclosed => ({
    middle: new Float64Array(length),
    open: new Float64Array(length),
  });
  const moments: Moments = {
    centre: enclosed(C * d),
    box: enclosed(C * d),
    slope: enclosed(C * d ** 3),
    slopes: enclosed(C * d ** 3),
    remainder: new Float64Array(C * d),
  };
  const { centre: M, box: MBox, slope: T, slopes: TBox, remainder } = moments;
  const sums = [M, MBox, T, TBox].flatMap(({ middle, open }) => [middle, open]);
  const loss = gamma(roundings);

  /** `a_v(B) ∈ [low_v, high_v]` on the box. */
  function weightsOnBox(context: Context, { centre, half }: Box): number {
    const { query, count, tokens } = context;
    const { scores, scoreError, weights, weightError } = softmaxScores(context, centre, room);
    const error = 2.02 * (2 * scoreError + exponentialError) + gamma(count + 8);
    for (let v = 0; v < count; v++) {
      let most = 0;
      let least = 0;
      for (let w = 0; w < count; w++) {
        let reach = 0;
        for (let i = 0; i < d; i++) {
          const apart = Math.abs(tokens[w * d + i] - tokens[v * d + i]);
          for (let j = 0; j < d; j++) reach += half[i * d + j] * Math.abs(query[j]) * apart;
        }
        reach *= 1 + loss;
        reaches[v * count + w] = reach;
        const difference = scores[w] - scores[v];
        most += exponential(difference + reach);
        least += w === v ? 1 : exponential(difference - reach);
      }
      low[v] = Math.max(0, (1 - error) / most - tiny);
      high[v] = Math.min(1, (1 + error) / least + tiny);
      // The weight at the centre lies in both; where rounding says otherwise the larger interval is right.
      low[v] = Math.min(low[v], weights[v]);
      high[v] = Math.max(high[v], weights[v]);
    }
    return weightError;
  }

  return (box) => {
    for (const sum of [...sums, remainder]) sum.fill(0);
    for (const context of contexts) {
      const { query, count, tokens, residual } = context;
      const weightError = weightsOnBox(context, box);
      const { weights } = room;
      for (let a = 0; a < d; a++) {
        let value = 0;
        let size = 0;
        for (let v = 0; v < count; v++) {
          value += weights[v] * tokens[v * d + a];
          size += weights[v] * Math.abs(tokens[v * d + a]);
        }
        mean[a] = value;
        let lowest = 0;
        let highest = 0;
        let shifted = 0;
        for (let v = 0; v < count; v++) {
          const apart = tokens[v * d + a] - value;
          lowest += apart > 0 ? low[v] * apart : high[v] * apart;
          highest += apart > 0 ? high[v] * apart : low[v] * apart;
          shifted += high[v] * Math.abs(apart);
        }
        shiftLow[a] = lowest - loss * shifted - tiny;
        shiftHigh[a] = highest + loss * shifted + tiny;
        const error = (weightError + loss) * size + tiny;
        meanError[a] = error;
        for (let c = 0; c < C; c++) {
          const weight = Math.abs(residual[c]);
          M.middle[c * d + a] += residual[c] * value;
          M.open[c * d + a] += weight * (error + loss * Math.abs(value));
          const middle = value + (shiftLow[a] + shiftHigh[a]) / 2;
          const reach = (shiftHigh[a] - shiftLow[a]) / 2;
          MBox.middle[c * d + a] += residual[c] * middle;
          MBox.open[c * d + a] +=
            weight * (reach + loss * (Math.abs(middle) + reach + Math.abs(value)));
        }
      }
      for (let v = 0; v < count; v++) {
        // |⟨Ex, x_v − ȳ⟩| at any weights of the box.
        let reach = 0;
        for (let w = 0; w < count; w++) reach += high[w] * reaches[v * count + w];
        spread[v] = high[v] * reach * reach * (1 + loss);
      }
      for (let a = 0; a < d; a++) {
        const shift = Math.max(-shiftLow[a], shiftHigh[a]);
        let third = 0;
        for (let v = 0; v < count; v++) {
          third += spread[v] * (Math.abs(tokens[v * d + a] - mean[a]) + shift);
        }
        for (let c = 0; c < C; c++) {
          remainder[c * d + a] += Math.abs(residual[c]) * (third / 2) * (1 + loss);
        }
        for (let i = 0; i <= a; i++) {
          // Tilted covariance of coordinates a and i, about the mean at the centre: there, and on the box.
          let covariance = 0;
          let size = 0;
          let lowest = 0;
          let highest = 0;
          let most = 0;
          for (let v = 0; v < count; v++) {
            const product = (tokens[v * d + a] - mean[a]) * (tokens[v * d + i] - mean[i]);
            covariance += weights[v] * product;
            size += weights[v] * Math.abs(product);
            lowest += product > 0 ? low[v] * product : high[v] * product;
            highest += product > 0 ? high[v] * product : low[v] * product;
            most += high[v] * Math.abs(product);
          }
          const error = (weightError + loss) * size + meanError[a] * meanError[i] + tiny;
          const [aLow, aHigh, iLow, iHigh] = [shiftLow[a], shiftHigh[a], shiftLow[i], shiftHigh[i]];
          const largest = Math.max(aLow * iLow, aLow * iHigh, aHigh * iLow, aHigh * iHigh);
          const smallest =
            a === i ? 0 : Math.min(aLow * iLow, aLow * iHigh, aHigh * iLow, aHigh * iHigh);
          const rounding = loss * (most + Math.abs(largest) + Math.abs(smallest)) + tiny;
          const from = lowest - largest - rounding;
          const to = highest - smallest + rounding;
          const middle = (from + to) / 2;
          const reach = (to - from) / 2 + loss * (Math.abs(from) + Math.abs(to));
          for (let c = 0; c < C; c++) {
            for (let j = 0; j < d; j++) {
              const by = residual[c] * query[j];
              const weight = Math.abs(by);
              const places = [((c * d + a) * d + i) * d + j, ((c * d + i) * d + a) * d + j];
              for (const at of a === i ? places.slice(1) : places) {
                T.middle[at] += by * covariance;
                T.open[at] += weight * (error + loss * Math.abs(covariance));
                TBox.middle[at] += by * middle;
                TBox.open[at] += weight * (reach + loss * Math.abs(middle));
              }
            }
          }
        }
      }
    }
    return moments;
  };
}
