import { kernelTolerance } from '../../ensemble/attention-kernel.ts';
import {
  averagedKernel,
  type CertifiedEigenvalue,
  certifiedSmallestEigenvalue,
} from '../../ensemble/averaged-kernel.ts';
import type { EnsembleInputs } from '../../ensemble/inputs.ts';
import { ensembleLayout, headsAt, randomEnsemble } from '../../ensemble/parameters.ts';
import {
  type StreamedInjectivity,
  streamInjectivity,
} from '../../ensemble/streamed-injectivity.ts';
import { toRows } from '../../numeric/matrix.ts';
import type { StoredResult } from '../single-piece.ts';
import type { PieceContext } from '../study.ts';
import { dependencySection, singularValueSection } from './injectivity-sections.ts';

/**
 * Many contexts: the design's rows are reflected into a triangle one after the other, and of the kernel only products are
 * formed. A run continues after the designs that are finished.
 */
export async function streamedInjectivity(
  inputs: EnsembleInputs,
  seed: number,
  context: PieceContext,
): Promise<StoredResult> {
  const { contexts, tokens, dimension } = inputs;
  const count = contexts.length;
  // A head gives the kernel this rank at one token: four times what N inputs need.
  const rank = dimension + dimension ** 2 + (dimension * (dimension + 1)) / 2;
  const heads = 2 * Math.max(64, Math.ceil((2 * count) / rank));
  const observe = async (done: number, total: number, label: string) =>
    context.progress(done / total, label);
  const resumed = context.resume as StreamedInjectivity | undefined;
  const designs = resumed ?? (await streamInjectivity(contexts, { seed, observe }));
  await context.checkpoint(() => designs);
  const layout = ensembleLayout({ dimension, keyDimension: dimension, layers: 1, heads });
  const sampled = headsAt(layout, randomEnsemble(layout, seed), 0);
  const kernelOf = async (part: 'half' | 'all') => {
    const some = part === 'half' ? sampled.slice(0, heads / 2) : sampled;
    const kernel = await averagedKernel(
      some,
      { contexts, tokens },
      { observe: (done, total) => observe(done, total, `kernel of ${part} heads`) },
    );
    return certifiedSmallestEigenvalue(kernel);
  };
  return result(inputs, heads, designs, await kernelOf('half'), await kernelOf('all'));
}

function result(
  { contexts }: EnsembleInputs,
  heads: number,
  { affine, constant }: StreamedInjectivity,
  half: CertifiedEigenvalue,
  kernel: CertifiedEigenvalue,
): StoredResult {
  const count = contexts.length;
  const values = Array.from(affine.singularValues);
  const [low, high] = affine.interval;
  const singular = kernel.value <= kernel.rounding;
  const seen = singular ? 'dependent' : 'independent';
  const moduloConstants = constant?.verdict ?? 'independent';
  // The kernel squares what the design has: a design this close to dependence leaves it nothing above rounding.
  const relative = values[count - 1] / values[0];
  const blind = singular && relative ** 2 <= kernelTolerance * count;
  const agreement =
    seen === moduloConstants ? 'agree' : blind ? 'the kernel cannot tell' : 'disagree';
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
          ['modulo constants', moduloConstants],
          ...(constant === undefined
            ? []
            : [
                ['smallest singular value modulo constants', constant.singularValues[count - 1]],
                ['rank gap modulo constants', constant.rankGap],
              ]),
          ['λ_min of the kernel, Q, K, V trained', kernel.value],
          ['certainly at least', kernel.lower],
          ['its residual', kernel.residual],
          ['zero to rounding below', kernel.rounding],
          ['λ_min from the first half of the heads', half.value],
          ['heads of the kernel', heads],
          ['design modulo constants and kernel', agreement],
        ],
        note: 'The kernel is that of independent values, integrated exactly, over sampled Q and K. λ_min is a Rayleigh quotient, so never below the true one; a Cholesky factor of the kernel less the bound proves the bound. Trained scores (Q, K) see contexts modulo affine functions; trained values see them modulo constants.',
      },
      ...dependencySection(dependency, count),
      singularValueSection(values),
    ],
    arrays: {
      'design.singularValues': { shape: [count], data: affine.singularValues },
      dependency: { shape: [dependency.length, count], data: affine.dependencies.data },
    },
    headline: {
      verdict: affine.verdict,
      'smallest singular value': values[count - 1],
      'λ_min of the kernel': kernel.value,
      'λ_min of the kernel, at least': kernel.lower,
      'two tests': agreement,
    },
    status: {
      kind: 'completed',
      message: `${count} contexts: ${affine.verdict} modulo affine functions, ${moduloConstants} modulo constants; the kernel is ${singular ? 'singular to rounding' : 'injective'}.`,
    },
  };
}
