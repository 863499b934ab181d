import { afterAll, describe, expect, it } from 'vitest';
import { type Matrix, multiply } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { kernelProduct } from './matrix-product.ts';
import { createReferenceBackend } from './reference/backend.ts';
import { createWasmBackend } from './wasm/backend.ts';

const wasm = await createWasmBackend();
afterAll(() => wasm.dispose());

const stream = randomStream(1, 'products');
const random = (rows: number, columns: number): Matrix => ({
  rows,
  columns,
  data: stream.normals(new Float64Array(rows * columns)),
});

describe.each([createReferenceBackend(), wasm])('the product on $name', (backend) => {
  it.each([
    [1, 1, 1],
    [5, 3, 2],
    [3, 70, 130],
    [65, 17, 64],
  ])('of %i × %i and %i columns', (rows, inner, columns) => {
    backend.scoped(() => {
      const product = kernelProduct(backend, { rows, inner, columns });
      const [A, B, C] = [random(rows, inner), random(inner, columns), random(inner, columns)];
      const close = (found: Matrix, right: Matrix) =>
        multiply(A, right).data.forEach((entry, i) => {
          expect(found.data[i]).toBeCloseTo(entry, 11);
        });
      close(product.multiply(B, A.data), B);
      // The left factor stays.
      close(product.multiply(C), C);
    });
  });
});
