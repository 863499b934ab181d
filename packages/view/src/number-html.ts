import type { Check } from 'mesoscope/claims';
import { formatNumber } from './number.ts';

/** A number as it is printed: a real minus, powers of ten raised. */
export function numberHtml(value: number, digits = 4): string {
  const [mantissa, exponent] = formatNumber(value, digits).split('e');
  const minus = (text: string) => text.replace('-', '−');
  if (exponent === undefined) return minus(mantissa);
  return `${minus(mantissa)} × 10<sup>${minus(exponent)}</sup>`;
}

/** `= −1`. */
export function expectedHtml({ relation, expected }: Check): string {
  const sign = { value: '=', 'at-most': '≤', 'at-least': '≥', 'not-slower': '≤' }[relation];
  return `${sign} ${numberHtml(expected)}`;
}

/** `−1.003`, its interval, and a bias bound where one is known apart from it. */
export function measuredHtml({ measured, interval, bias }: Check): string {
  const range =
    interval === null
      ? ''
      : ` <span class="interval">[${numberHtml(interval[0])}, ${numberHtml(interval[1])}]</span>`;
  const widened = bias > 0 ? ` <span class="interval">bias ≤ ${numberHtml(bias, 2)}</span>` : '';
  return `${numberHtml(measured)}${range}${widened}`;
}
