/**
 * A number for reading: `digits` significant digits (default 4), no trailing zeros, scientific below 1e-3 and from
 * 1e6 on.
 */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? '∞' : '-∞';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 1e-3 || size >= 1e6) {
    return value
      .toExponential(digits - 1)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e');
  }
  if (Number.isInteger(value)) return String(value);
  const text = value.toPrecision(digits);
  // A four-digit precision of 12345.6 would print as 1.235e+4.
  return text.includes('e')
    ? String(Math.round(value))
    : text.includes('.')
      ? text.replace(/\.?0+$/, '')
      : text;
}

/** `4.2 s`, `12 s`, `1 min 20 s`, `1 h 2 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
