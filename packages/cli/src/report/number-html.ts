import type { Expected, Finding } from 'mesoscope';
import { formatNumber } from '../terminal/number.ts';

/** A number as it is printed: a real minus, powers of ten raised. */
export function numberHtml(value: number, digits = 4): string {
  const [mantissa, exponent] = formatNumber(value, digits).split('e');
  const minus = (text: string) => text.replace('-', '−');
  if (exponent === undefined) return minus(mantissa);
  return `${minus(mantissa)} × 10<sup>${minus(exponent)}</sup>`;
}

/** `= −1 ± 0.05`. */
export function expectedHtml(expected: Expected): string {
  const sign = { value: '=', 'at-most': '≤', 'at-least': '≥' }[expected.kind];
  const tolerance = expected.kind === 'value' ? (expected.tolerance ?? 0) : 0;
  return `${sign} ${numberHtml(expected.value)}${tolerance > 0 ? ` ± ${numberHtml(tolerance, 2)}` : ''}`;
}

/** `−1.003` and its interval. */
export function measuredHtml({ measured, interval }: Finding): string {
  const range =
    interval === null
      ? ''
      : ` <span class="interval">[${numberHtml(interval[0])}, ${numberHtml(interval[1])}]</span>`;
  return `${numberHtml(measured)}${range}`;
}
