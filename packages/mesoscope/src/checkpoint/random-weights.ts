import { type RandomStream, randomStream } from '../numeric/random.ts';
import { type LoadedLayer, type Model, withLayers } from './model.ts';

/**
 * The model with matrices drawn anew in every layer: independent normal entries, each matrix of the Frobenius norm that it has;
 * gains, biases, scales, embedding and norms as they are. What a statistic says of it, it says of the architecture. Layers that share their weights share the new
 * ones.
 */
export function withRandomWeights(model: Model, seed: number): Model {
  return withLayers(model, (layer) =>
    redrawn(layer, randomStream(seed, `random weights of ${layer.plan.prefix}`)),
  );
}

function redrawn(layer: LoadedLayer, random: RandomStream): LoadedLayer {
  const parameters = layer.parameters.slice();
  for (const { rows, columns, offset } of layer.field.parameters.blocks) {
    if (columns === 1) continue;
    const entries = parameters.subarray(offset, offset + rows * columns);
    const before = norm(entries);
    random.normals(entries);
    const factor = before / norm(entries);
    for (let k = 0; k < entries.length; k++) entries[k] *= factor;
  }
  return { ...layer, parameters };
}

function norm(entries: Float64Array): number {
  return Math.sqrt(entries.reduce((sum, x) => sum + x * x, 0));
}
