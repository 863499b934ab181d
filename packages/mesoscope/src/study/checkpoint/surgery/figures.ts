import type { LayerField } from '../../../checkpoint/depth/layer-fields.ts';
import { type Curve, depthFigure } from '../../../claims/checkpoint/depth-curves.ts';
import { convergenceFigure } from '../../../claims/convergence-figure.ts';
import type { Figure } from '../../../claims/figure.ts';
import { changes, fieldNumbers, metricWords, type Operated } from './operated.ts';
import type { InputRecord } from './operations.ts';

const [trainedName, randomName] = ['trained', 'null: random weights'];

export function surgeryFigures(operated: Operated): Figure[] {
  return [
    ...refinementFigures(operated),
    ...stiffnessFigures(operated),
    ...smoothnessFigures(operated),
  ];
}

function refinementFigures({ trained, random }: Operated): Figure[] {
  const { steps } = trained[0].operated.refinement;
  if (steps.length < 2) return [];
  const curve = (series: string, records: readonly InputRecord[]) => ({
    series,
    scales: steps.slice(0, -1),
    rows: records.map(({ operated }) => operated.refinement.differences),
  });
  return [
    convergenceFigure({
      id: 'refinement',
      title: 'Layers as m steps each',
      caption:
        'Change of the output when steps are halved once more, without outlier tokens; geometric means over inputs, bands their range. A scheme of order 1 that follows its flow falls along the dashed line.',
      scale: 'steps m for each layer',
      quantity: '|X^(m) − X^(2m)|/|X|',
      curves: [{ ...curve(trainedName, trained), slope: -1 }, curve(randomName, random)],
    }),
  ];
}

function stiffnessFigures({ trained, layers, metric }: Operated): Figure[] {
  const halved: Curve = {
    series: 'this layer alone as two steps',
    values: perLayer(layers, (l) => changes(trained, { kind: 'layer', number: l }, metric)),
  };
  if (halved.values.every(({ length }) => length === 0)) return [];
  return [
    depthFigure(
      {
        id: 'halved',
        title: 'What halving one layer costs',
        caption:
          'Change of the output when layer l alone takes two steps of half its length. A layer that follows a flow does not mind; one that is a map of its own does.',
        y: { label: metricWords[metric] },
        rule: { at: 0, label: 'no change' },
      },
      [halved],
    ),
    depthFigure(
      {
        id: 'lipschitz',
        title: 'Stiffness',
        caption:
          'Norm of the derivative of each layer’s increment at the cloud where it acts, from below (power iteration). Steps of length h follow the flow where h times it is well below 1.',
        y: { label: '‖D f_l(x_l)‖₂', scale: 'log' },
        rule: { at: 1, label: 'a step of length 1 is stable below 2, accurate well below 1' },
      },
      [fieldCurve(trainedName, trained, layers, ({ lipschitz }) => lipschitz)],
    ),
  ];
}

function smoothnessFigures({ trained, random, layers, shared }: Operated): Figure[] {
  if (layers < 2) return [];
  const neighbour = ({ neighbour: n }: LayerField) => n?.cosine ?? null;
  return [
    depthFigure(
      {
        id: 'smoothness',
        title: 'Neighbouring fields at one cloud',
        caption: `Cosine of f_l and f_{l+1}, both at x_l: no basis of a head enters. Near 1 for fields that are smooth in depth, 0 for independent ones; beside it the mean over layers two and more away${shared ? '. All layers share their weights here: every field is the same' : ''}.`,
        y: { label: 'cosine' },
      },
      [
        fieldCurve(trainedName, trained, layers, neighbour),
        fieldCurve('null: distant layers', trained, layers, ({ far }) => far),
        fieldCurve(randomName, random, layers, neighbour),
      ],
    ),
    depthFigure(
      {
        id: 'parallel-defect',
        title: 'What a layer sees of the one before',
        caption:
          'Change of f_{l+1} when its input lacks the increment of layer l: O(h) for small steps, so that neighbours could act at once.',
        y: { label: '|f_{l+1}(x_{l+1}) − f_{l+1}(x_l)| / |f_{l+1}|' },
      },
      [
        fieldCurve(trainedName, trained, layers, ({ parallelDefect }) => parallelDefect),
        fieldCurve(randomName, random, layers, ({ parallelDefect }) => parallelDefect),
      ],
    ),
  ];
}

function fieldCurve(
  series: string,
  records: readonly InputRecord[],
  layers: number,
  of: (field: LayerField) => number | null,
): Curve {
  return { series, values: perLayer(layers, (l) => fieldNumbers(records, l, of)) };
}

function perLayer(layers: number, of: (l: number) => number[]): number[][] {
  return Array.from({ length: layers }, (_, l) => of(l));
}
