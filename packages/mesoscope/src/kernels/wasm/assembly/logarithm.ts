export function logarithm<T>(x: v128): v128 {
  if (sizeof<T>() == 8) {
    return f64x2.replace_lane(f64x2.splat(Math.log(f64x2.extract_lane(x, 0))), 1, Math.log(f64x2.extract_lane(x, 1)));
  }
  let y = f32x4.splat(<f32>Math.log(f32x4.extract_lane(x, 0)));
  y = f32x4.replace_lane(y, 1, <f32>Math.log(f32x4.extract_lane(x, 1)));
  y = f32x4.replace_lane(y, 2, <f32>Math.log(f32x4.extract_lane(x, 2)));
  return f32x4.replace_lane(y, 3, <f32>Math.log(f32x4.extract_lane(x, 3)));
}
