import { add, scale } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { classifyLayer } from '../classify.ts';
import { gaussianLayer } from '../layer.ts';
import { randomLaw } from '../random-flows.ts';
import { randomCovariance, randomMatrix } from '../random-matrices.ts';
import { sufficientCondition } from '../sufficient.ts';

/** Layers with general V on which the sufficient tests speak: what they say next to what is found. */
export interface SufficientRecord {
  readonly conclusion: string;
  readonly regime: string;
  readonly contradicted: boolean;
}

/** A random layer with V ≻ 0 and B of either sign. */
export function sufficientRecord(seed: number, index: number): SufficientRecord {
  const stream = randomStream(seed, 'C.stability sufficient', index);
  const d = 2;
  const sign = index % 2 === 0 ? -1 : 1;
  const skew = randomMatrix(stream, d, d, 0.3);
  skew.data.set([0, skew.data[1], -skew.data[1], 0]);
  const layer = gaussianLayer({
    heads: [
      {
        V: randomCovariance(stream, d, d, 0.3),
        B: add(scale(sign, randomCovariance(stream, d, d, 0.3)), skew),
      },
    ],
    W: randomMatrix(stream, d, d, 0.3),
  });
  const law = randomLaw(stream, d);
  const { conclusion, time } = sufficientCondition(layer, law);
  const { regime, blowUpTime } = classifyLayer(layer, law);
  const contradicted =
    conclusion === 'bounded'
      ? regime === 'growth' || regime === 'blow-up'
      : conclusion === 'blow-up' &&
        !(blowUpTime !== null && blowUpTime <= (time as number) * 1.000001);
  return { conclusion, regime, contradicted };
}
