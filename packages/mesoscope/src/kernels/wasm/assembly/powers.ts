// The exponential inside attention: powers of two, so that the factor log₂e is folded into the scores' scale.
import { larger, madd, splat } from './lanes';

export const LOG2_E: f64 = 1.4426950408889634;
export const LN_2: f64 = 0.6931471805599453;

/**
 * 2ᵗ. Relative error below 4 ulp for f64 (polynomial of degree 10: 3.0e-16) and 2 ulp for f32 (degree 6: 2.6e-9),
 * exactly 1 at 0; 0 where t < −1022.5 (f64), −126.5 (f32), so also at −∞; +∞ where t ≥ 1023.5, 127.5; NaN at NaN.
 */
// @ts-ignore: decorator
@inline
export function powerOfTwo<T>(t: v128): v128 {
  if (sizeof<T>() == 8) {
    t = f64x2.pmax(t, f64x2.splat(-1023));
    t = f64x2.pmin(t, f64x2.splat(1024));
    // Adding 1.5·2⁵² rounds to an integer that then stands, with the exponent's bias, in the low bits.
    const shifted = f64x2.add(t, f64x2.splat(6755399441056767.0));
    const f = f64x2.sub(t, f64x2.sub(shifted, f64x2.splat(6755399441056767.0)));
    let p = madd<f64>(f64x2.splat(7.1117578104966217e-9), f, f64x2.splat(1.0210506320316116e-7));
    p = madd<f64>(p, f, f64x2.splat(1.321523564006805e-6));
    p = madd<f64>(p, f, f64x2.splat(1.5252647748458753e-5));
    p = madd<f64>(p, f, f64x2.splat(0.00015403530800807628));
    p = madd<f64>(p, f, f64x2.splat(0.001333355824647934));
    p = madd<f64>(p, f, f64x2.splat(0.0096181291073807219));
    p = madd<f64>(p, f, f64x2.splat(0.055504108664346595));
    p = madd<f64>(p, f, f64x2.splat(0.24022650695910472));
    p = madd<f64>(p, f, f64x2.splat(0.69314718055995161));
    p = madd<f64>(p, f, f64x2.splat(1));
    return f64x2.mul(p, i64x2.shl(shifted, 52));
  }
  t = f32x4.pmax(t, f32x4.splat(-127));
  t = f32x4.pmin(t, f32x4.splat(128));
  const shifted = f32x4.add(t, f32x4.splat(12583039.0));
  const f = f32x4.sub(t, f32x4.sub(shifted, f32x4.splat(12583039.0)));
  let p = madd<f32>(f32x4.splat(0.00015594677015105411), f, f32x4.splat(0.0013406643847480061));
  p = madd<f32>(p, f, f32x4.splat(0.0096176929761431877));
  p = madd<f32>(p, f, f32x4.splat(0.055503105512069807));
  p = madd<f32>(p, f, f32x4.splat(0.24022652782876178));
  p = madd<f32>(p, f, f32x4.splat(0.69314721496788501));
  p = madd<f32>(p, f, f32x4.splat(1));
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}
