import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { transport } from './transport.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(instance: unknown) {
  return (await runClaim({ claim: transport as Claim, instance }, { backend })).finding;
}

const law = { B: [[1]], V: [[-0.3]], mean: [0], deviation: 0.7 };

describe('A.transport', () => {
  it('holds on an explicit layer', async () => {
    const finding = await find(law);
    expect(finding.verdict, finding.summary).toBe('holds');
  });

  it.each([
    ['the grid cuts the law', { ...law, mean: [6] }, /stays inside the grid/],
    ['the grid cannot resolve the law', { ...law, deviation: 0.02 }, /two of the finest cells/],
    ['nothing moves', { ...law, V: [[0]] }, /velocity is 0/],
    ['only the mean is seen, and is 0', { ...law, B: [[0]] }, /velocity is 0/],
    ['the context is one point, 0', { ...law, context: [[0]] }, /velocity is 0/],
  ])('is undecided where %s', async (_, instance, sentence) => {
    const finding = await find(instance);
    expect(finding.verdict, finding.summary).toBe('undecided');
    expect(finding.summary).toMatch(sentence);
  });

  it('refuses what would take minutes: a law in the plane that attends to itself on fine grids', async () => {
    const square = [
      [0.3, 0],
      [0, 0.2],
    ];
    const plane = { B: square, V: square, mean: [0, 0], deviation: 0.7 };
    await expect(find({ ...plane, cells: [16, 32, 64, 128] })).rejects.toThrow(
      /at most 64 an axis/,
    );
    const { given } = transport;
    expect(() => given.parse({ ...plane, cells: [8, 16, 32, 64] }, 'quick')).not.toThrow();
    expect(() => given.parse({ ...plane, context: [[1, 0]] }, 'quick')).not.toThrow();
  });

  it('refuses a law beside the grid', async () => {
    await expect(find({ ...law, mean: [100] })).rejects.toThrow(/must lie in the grid/);
  });
});
