import { hiddenStates, throughLayer } from '../../checkpoint/hidden-states.ts';
import { onlyNorms } from '../../checkpoint/model.ts';
import { stepStatistics } from '../../checkpoint/statistics/step.ts';
import { atLeast, sampledMean } from '../check.ts';
import { claim } from '../claim.ts';
import { depthFigure, mean } from './depth-curves.ts';
import { givenModel, onModels, subject } from './instance.ts';

/** The identity defect from which a layer is no residual step: a choice of this project. */
const clear = 0.05;

const instance = onModels({ label: 'inputs', shared: {}, own: {} });
type Instance = ReturnType<typeof instance.parse>;

interface Measured {
  readonly order: 'pre' | 'post';
  /** `|x' − x|/|x|` of each layer whose parts are 0. */
  readonly defects: readonly number[];
}

/** A layer that normalises after its sums is no step of a solver in depth. */
export const postnorm = claim<Instance, Measured>({
  id: 'P.postnorm',
  title: 'Layers that normalise after their sums are no residual steps',
  statement:
    'A layer $x \\mapsto \\mathrm{LN}(x + f(x))$ with $f = 0$ is not the identity: $|\\mathrm{LN}(x) - x| > 0.05\\,|x|$ on its own tokens, so that no step size makes it a step of $\\dot x = f(x)$.',
  trust: { statement: 'D', threshold: 'D' },
  given: instance,
  async measure(context) {
    const { backend, progress } = context;
    const { model, initial } = await givenModel(context);
    const { layers } = model.blueprint;
    const defects: number[] = [];
    for await (const { states, next, depth } of hiddenStates(backend, model, [initial])) {
      if (next === undefined) break;
      const [normed] = backend.scoped(() => throughLayer(backend, onlyNorms(next), states));
      defects.push(stepStatistics(states[0], normed).whole);
      await progress(depth / layers);
    }
    const { order = 'pre' } = model.blueprint.layer(0).options;
    return { order, defects };
  },
  conclude(measured, { given }) {
    const [{ order }] = measured;
    const least = measured.map(({ defects }) => Math.min(...defects));
    const defect = sampledMean(least);
    const depths = measured[0].defects.map((_, l) => measured.map(({ defects }) => defects[l]));
    return {
      hypotheses: [
        {
          name: 'layers normalise after their sums',
          holds: order === 'post',
          value: order === 'post' ? 'after' : `before; identity defect ${Math.max(...least)}`,
        },
      ],
      resolution: [],
      checks: [
        atLeast({
          ...defect,
          name: 'least identity defect of a layer',
          failsIf: 'the normalisation leaves the tokens of some layer where they are',
          expected: clear,
        }),
      ],
      evidence: {
        'identity defect, by layer': depths.map((values) => mean(values)),
        'least identity defect, by input': least,
        'threshold of the defect': `${clear}, a choice of this project`,
      },
      summary: `With their parts 0, layers of ${subject(given)} still move tokens by ${depths.map((values) => mean(values).toFixed(2)).join(', ')} of their size.`,
      figures: [
        depthFigure(
          {
            id: 'P.postnorm',
            title: 'Identity defect of each layer',
            caption:
              '|x′ − x|/|x| of a layer whose attention and feed-forward part are 0. A residual step is at 0. Bands: 95 % over inputs.',
            y: { label: 'identity defect' },
            rule: { at: clear, label: 'no residual step from here on' },
          },
          [{ series: 'identity defect', values: depths }],
        ),
      ],
    };
  },
});
