import { conformanceCases } from 'mesoscope/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { addonState } from './addon.ts';
import { createNativeBackend } from './index.ts';

const state = addonState();
const levels = state.addon === undefined ? [] : state.levels.filter(({ isThere }) => isThere);
const reason = state.addon === undefined ? state.reason : '';

describe.skipIf(levels.length === 0)(`native kernels at every level ${reason}`, () => {
  const variants = levels.flatMap(({ name }) =>
    (['f64', 'f32'] as const).flatMap((precision) =>
      [1, 2].map((threads) => ({ level: name, precision, threads })),
    ),
  );

  describe.each(variants)('$level, $precision, threads: $threads: conformance', (variant) => {
    const backend = createNativeBackend({ ...variant, heapMegabytes: 64 });
    afterAll(() => backend.dispose());
    test.each(conformanceCases().map((each) => [each.name, each] as const))('%s', (_, { run }) => {
      const { deviation, tolerance } = run(backend);
      expect(deviation).toBeLessThanOrEqual(tolerance);
    });
  });
});
