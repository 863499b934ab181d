import type { Field } from './field.ts';

/**
 * `f(h)_i ↦ P^⊥_{h_i} f(h)_i = f(h)_i − h_i ⟨h_i, f(h)_i⟩/|h_i|²`: the field projected onto the tangent space of the sphere
 * through each token, so that the flow keeps every |h_i| (arXiv 2312.10794). Parameters are those of f.
 */
export function tangent(field: Field): Field {
  return {
    name: `${field.name}, tangent to the sphere`,
    dimension: field.dimension,
    parameters: field.parameters,
    trace: (builder, input) => builder.tangent(input.state, field.trace(builder, input)),
  };
}
