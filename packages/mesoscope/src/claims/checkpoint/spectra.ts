import { layerSpectra, type SpectrumStatistics } from '../../checkpoint/statistics/spectra.ts';
import { atLeast, sampledMean } from '../check.ts';
import { claim } from '../claim.ts';
import { depthFigure, mean } from './depth-curves.ts';
import { modelOf, onWeights, subject } from './instance.ts';

/** Shares from which a head is far from V = I and from symmetric scores: a choice of this project. */
const clear = 0.05;

const instance = onWeights({ label: 'models', shared: {} });
type Instance = ReturnType<typeof instance.parse>;

interface Measured {
  /** Layer by layer, head by head; layers that share their weights once. */
  readonly layers: readonly (readonly SpectrumStatistics[])[];
}

/** The matrices of trained heads against the hypotheses V = I and QᵀK = KᵀQ. */
export const spectra = claim<Instance, Measured>({
  id: 'P.spectra',
  title: 'Value matrices are not positive, scores are not symmetric',
  statement:
    'In trained heads $\\mathrm{spec}(O_hV_h)$ reaches into $\\mathrm{Re} < 0$ and $B_h = Q_h^\\top K_h$ is not symmetric, $|B - B^\\top|^2/4|B|^2 > 0.05$: the hypotheses $V = I$ and $Q^\\top K = K^\\top Q$ of gradient flows on the sphere do not occur.',
  trust: { statement: 'D', threshold: 'D' },
  given: instance,
  async measure(context) {
    const model = await modelOf(context);
    const { layers } = model.blueprint;
    const found: SpectrumStatistics[][] = [];
    const seen = new Set<string>();
    for (let l = 0; l < layers; l++) {
      const { prefix } = model.blueprint.layer(l);
      if (seen.has(prefix)) continue;
      seen.add(prefix);
      found.push(layerSpectra(await model.layer(l)));
      await context.progress((l + 1) / layers);
    }
    return { layers: found };
  },
  conclude(measured, { given }) {
    const heads = measured.flatMap(({ layers }) => layers.flat());
    const negative = heads.map(({ valueNegative }) => valueNegative);
    const skew = heads.map(({ skewShare }) => skewShare);
    const byLayer = (of: (one: SpectrumStatistics) => number) =>
      measured[0].layers.map((_, l) =>
        measured.flatMap(({ layers }) => (layers[l] ?? []).map((one) => of(one))),
      );
    const check = (name: string, failsIf: string, values: readonly number[]) =>
      atLeast({ ...sampledMean(values, { among: 2 }), name, failsIf, expected: clear });
    return {
      hypotheses: [],
      resolution: [],
      checks: [
        check(
          'skew share of a head’s scores, |B − Bᵀ|²/4|B|²',
          'queries and keys of trained heads are the same up to a sign',
          skew,
        ),
        check(
          'share of eigenvalues of O V with real part below 0',
          'trained heads add what they see, as with V = I',
          negative,
        ),
      ],
      evidence: {
        'skew share, by head': skew,
        'eigenvalues of O V with Re < 0, by head': negative,
        'tr B/(|B|√k), by head': heads.map(({ relativeTrace }) => relativeTrace),
        'of independent random matrices': 'skew share 1/2, eigenvalues with Re < 0 1/2, trace 0',
        'threshold of the shares': `${clear}, a choice of this project`,
      },
      summary: `Over ${heads.length} heads of ${subject(given)} the skew share is ${range(skew)}, and ${range(negative)} of the eigenvalues of O V have a negative real part; of independent random matrices both are 0.5.`,
      figures: [
        depthFigure(
          {
            id: 'P.spectra',
            title: 'Spectra of the heads',
            caption:
              'Means over the heads of a layer with their 95 % intervals. V = I and symmetric scores are at 0, independent random matrices at 1/2.',
            y: { label: 'share', domain: [0, 1] },
            rule: { at: 0.5, label: 'independent random matrices' },
          },
          [
            { series: 'skew share', values: byLayer(({ skewShare }) => skewShare) },
            {
              series: 'eigenvalues of O V with Re < 0',
              values: byLayer(({ valueNegative }) => valueNegative),
            },
          ],
        ),
      ],
    };
  },
});

function range(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `${sorted[0].toFixed(2)} to ${sorted[sorted.length - 1].toFixed(2)} (mean ${mean(values).toFixed(2)})`;
}
