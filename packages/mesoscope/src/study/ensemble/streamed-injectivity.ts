import {
  averagedKernel,
  type CertifiedEigenvalue,
  certifiedSmallestEigenvalue,
} from '../../ensemble/averaged-kernel.ts';
import type { Injectivity, Modulo } from '../../ensemble/injectivity.ts';
import type { EnsembleInputs } from '../../ensemble/inputs.ts';
import { ensembleLayout, headsAt, randomEnsemble } from '../../ensemble/parameters.ts';
import { streamInjectivity } from '../../ensemble/streamed-injectivity.ts';
import { toRows } from '../../numeric/matrix.ts';
import type { Checkpoint, StudyContext, StudyResult } from '../study.ts';
import { dependencySection, singularValueSection } from './injectivity-sections.ts';

const modulos: readonly Modulo[] = ['affine', 'constant'];

class Interrupted extends Error {}

/**
 * Many contexts: the design's rows are reflected into a triangle one after the other, and of the kernel only products are
 * formed. A run continues after the designs that are finished.
 */
export async function streamedInjectivity(
  inputs: EnsembleInputs,
  seed: number,
  context: StudyContext,
): Promise<StudyResult> {
  const { contexts, tokens, dimension } = inputs;
  const count = contexts.length;
  // A head gives the kernel this rank at one token: four times what N inputs need.
  const rank = dimension + dimension ** 2 + (dimension * (dimension + 1)) / 2;
  const heads = 2 * Math.max(32, Math.ceil((2 * count) / rank));
  const designs = modulos.flatMap((modulo) => unpackDesign(modulo, context.resume));
  const save = () =>
    context.checkpoint(() => ({
      meta: { designs: designs.length },
      arrays: Object.assign({}, ...designs.map((d, i) => packDesign(modulos[i], d))),
    }));
  const observe = async (done: number, total: number, label: string) => {
    context.progress(done, total, label);
    // A macrotask, so that the host can draw and see an interrupt.
    await new Promise((resume) => setTimeout(resume, 0));
    if (context.signal?.aborted) throw new Interrupted();
  };
  try {
    for (const modulo of modulos.slice(designs.length)) {
      const about = (done: number, total: number, label: string) =>
        observe(
          done,
          total,
          `modulo ${modulo === 'affine' ? 'affine functions' : 'constants'}: ${label}`,
        );
      const resamples = modulo === 'affine' ? 40 : 0;
      designs.push(await streamInjectivity(contexts, { modulo, seed, resamples, observe: about }));
      await save();
    }
    const layout = ensembleLayout({ dimension, keyDimension: dimension, layers: 1, heads });
    const sampled = headsAt(layout, randomEnsemble(layout, seed), 0);
    const kernelOf = async (part: 'half' | 'all') => {
      const some = part === 'half' ? sampled.slice(0, heads / 2) : sampled;
      const kernel = await averagedKernel(
        some,
        { contexts, tokens },
        {
          observe: (done, total) => observe(done, total, `kernel of ${part} heads`),
        },
      );
      return certifiedSmallestEigenvalue(kernel);
    };
    return result(inputs, heads, designs, await kernelOf('half'), await kernelOf('all'));
  } catch (cause) {
    if (!(cause instanceof Interrupted)) throw cause;
    await save();
    return {
      claims: [],
      sections: [],
      arrays: {},
      headline: {},
      status: {
        kind: 'interrupted',
        message: `${designs.length} of 2 designs are decided, the kernel is not.`,
      },
    };
  }
}

function result(
  { contexts }: EnsembleInputs,
  heads: number,
  [affine, constant]: readonly Injectivity[],
  half: CertifiedEigenvalue,
  kernel: CertifiedEigenvalue,
): StudyResult {
  const count = contexts.length;
  const values = Array.from(affine.singularValues);
  const [low, high] = affine.interval;
  const singular = kernel.value <= kernel.rounding;
  const seen = singular ? 'dependent' : 'independent';
  const agree = seen === constant.verdict;
  const dependency = toRows(affine.dependencies);
  return {
    claims: [],
    sections: [
      {
        kind: 'table',
        title: 'Two tests of injectivity',
        columns: ['quantity', 'value'],
        rows: [
          ['contexts', count],
          ['log-sum-exp functions modulo affine functions', affine.verdict],
          ['smallest singular value of the design', values[count - 1]],
          ['its 95 % bootstrap interval', `${low.toExponential(3)} … ${high.toExponential(3)}`],
          ['largest singular value', values[0]],
          ['rank', affine.rank],
          ['rank gap', affine.rankGap],
          ['modulo constants', constant.verdict],
          ['smallest singular value modulo constants', constant.singularValues[count - 1]],
          ['rank gap modulo constants', constant.rankGap],
          ['λ_min of the kernel, Q, K, V trained', kernel.value],
          ['certainly at least', kernel.lower],
          ['its residual', kernel.residual],
          ['zero to rounding below', kernel.rounding],
          ['λ_min from the first half of the heads', half.value],
          ['heads of the kernel', heads],
          ['design modulo constants and kernel', agree ? 'agree' : 'disagree'],
        ],
        note: 'The kernel is that of independent values, integrated exactly, over sampled Q and K. λ_min is a Rayleigh quotient, so never below the true one; a Cholesky factor of the kernel less the bound proves the bound. Trained scores (Q, K) see contexts modulo affine functions; trained values see them modulo constants.',
      },
      ...dependencySection(dependency, count),
      singularValueSection(values),
    ],
    arrays: {
      'design.singularValues': { shape: [count], data: affine.singularValues },
      'designModuloConstants.singularValues': { shape: [count], data: constant.singularValues },
      dependency: { shape: [dependency.length, count], data: affine.dependencies.data },
    },
    headline: {
      verdict: affine.verdict,
      'smallest singular value': values[count - 1],
      'λ_min of the kernel': kernel.value,
      'λ_min of the kernel, at least': kernel.lower,
      'two tests': agree ? 'agree' : 'disagree',
    },
    status: {
      kind: 'completed',
      message: `${count} contexts: ${affine.verdict} modulo affine functions, ${constant.verdict} modulo constants; the kernel is ${singular ? 'singular' : 'injective'}.`,
    },
  };
}

function packDesign(modulo: Modulo, design: Injectivity): Checkpoint['arrays'] {
  const { singularValues, dependencies, rank, rankGap, interval } = design;
  return {
    [`${modulo}.values`]: singularValues,
    [`${modulo}.dependencies`]: dependencies.data,
    [`${modulo}.numbers`]: Float64Array.of(rank, rankGap, ...interval),
  };
}

/** The design of a checkpoint; none if it was not finished. */
function unpackDesign(modulo: Modulo, saved: Checkpoint | undefined): Injectivity[] {
  const numbers = saved?.arrays[`${modulo}.numbers`];
  if (saved === undefined || numbers === undefined) return [];
  const singularValues = Float64Array.from(saved.arrays[`${modulo}.values`]);
  const columns = singularValues.length;
  const [rank, rankGap, low, high] = numbers;
  return [
    {
      verdict: rank === columns ? 'independent' : 'dependent',
      singularValues,
      rank,
      rankGap,
      interval: [low, high],
      dependencies: {
        rows: columns - rank,
        columns,
        data: Float64Array.from(saved.arrays[`${modulo}.dependencies`]),
      },
    },
  ];
}
