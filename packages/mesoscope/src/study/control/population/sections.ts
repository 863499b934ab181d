import type { Figure } from '../../../claims/figure.ts';
import type { ControlSolution } from '../../../control/solvers/index.ts';
import type { FinitePopulation, PopulationEntropies } from '../../../task/population/index.ts';
import type { Section } from '../../study.ts';
import { percent, short } from '../wording.ts';
import type { SolvedDepth } from './solutions.ts';

const nats = (x: number) => x.toFixed(6);

export function populationSection(
  population: FinitePopulation,
  { bayesRisk, constantRisk, bayesAccuracy }: PopulationEntropies,
): Section {
  const { tokens, dimension, classes, labels } = population;
  return {
    kind: 'table',
    title: 'The population',
    columns: ['quantity', 'value'],
    rows: [
      ['atoms (sequence, class)', labels.length],
      ['tokens, dimension, classes', `${tokens}, ${dimension}, ${classes}`],
      ['H(Y | h₀): no model has a smaller risk (nats)', nats(bayesRisk)],
      ['H(Y): the best model that does not look (nats)', nats(constantRisk)],
      ['accuracy of the likeliest class', percent(bayesAccuracy)],
    ],
    note: 'The sample space is finite and its law known: every risk in this report is an exact sum over atoms, not an estimate.',
  };
}

/** Value and risk at every depth, and how the solver ended there. */
export function depthsSections(
  solved: readonly SolvedDepth[],
  sampled: readonly number[],
  { bayesRisk }: PopulationEntropies,
): Section[] {
  const finest = solved[solved.length - 1].layers;
  return [
    {
      kind: 'table',
      title: 'The problem at every depth',
      columns: [
        'layers',
        'V_L',
        'risk (nats)',
        'above H(Y | h₀)',
        'accuracy',
        'solution',
        `J of the ${finest}-layer solution, sampled`,
      ],
      rows: solved.map(({ layers, solution, accuracy, certificate }, i) => [
        layers,
        nats(solution.objective),
        nats(solution.loss),
        nats(solution.loss - bayesRisk),
        percent(accuracy),
        certificate.kind,
        nats(sampled[i]),
      ]),
      note: `Sampled: the controls of ${finest} layers as a function of depth, in the middles of fewer layers; solving again from there gives V_L or a better one.`,
    },
    {
      kind: 'table',
      title: 'How the solver ended',
      columns: ['layers', 'first-order condition', 'layer gradients', 'seconds', 'why it stopped'],
      rows: solved.map(({ layers, solution }) => [
        layers,
        short(solution.residual),
        solution.layerGradients,
        solution.seconds.toFixed(2),
        solution.reason,
      ]),
      note: `By ${solved[0].solution.solver}, each depth from the solution of the one before, the first from the best of several random starts.`,
    },
  ];
}

export function comparisonSection(
  results: readonly { readonly solver: string; readonly found: ControlSolution | string }[],
  {
    layers,
    regularisation,
    smoothness,
  }: { readonly layers: number; readonly regularisation: number; readonly smoothness: number },
): Section {
  return {
    kind: 'table',
    title: `Solvers from one random start, L = ${layers}, λ = ${regularisation}, μ = ${smoothness}`,
    columns: [
      'solver',
      'J',
      'first-order condition',
      'layer gradients',
      'seconds',
      'why it stopped',
    ],
    rows: results.map(({ solver, found }) =>
      typeof found === 'string'
        ? [solver, '–', '–', '–', '–', found]
        : [
            solver,
            Number.isFinite(found.objective) ? nats(found.objective) : 'diverged',
            Number.isFinite(found.residual) ? short(found.residual) : '–',
            found.layerGradients,
            found.seconds.toFixed(2),
            found.reason,
          ],
    ),
    note: 'A problem that is not convex has many stationary points: solvers may stop at different ones.',
  };
}

/** Value and risk over the number of layers. */
export function valueFigure(
  solved: readonly SolvedDepth[],
  { bayesRisk }: PopulationEntropies,
): Figure {
  const x = solved.map(({ layers }) => layers);
  const line = (series: string, y: readonly number[]) => ({ kind: 'line' as const, series, x, y });
  return {
    id: 'values',
    title: 'Value and risk over depth',
    caption:
      'The optimal value V_L = risk + penalty that was found with L layers, and its risk, exact on the population. Dashed: no model has a smaller risk.',
    x: { label: 'layers L', scale: 'log', base: 2 },
    y: { label: 'nats' },
    marks: [
      line(
        'V_L',
        solved.map(({ solution }) => solution.objective),
      ),
      line(
        'risk',
        solved.map(({ solution }) => solution.loss),
      ),
      { kind: 'rule', axis: 'y', at: bayesRisk, label: 'H(Y | h₀)' },
    ],
  };
}
