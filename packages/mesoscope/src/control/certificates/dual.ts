/** A number with its derivative in one direction: forward-mode differentiation, exact to rounding. */
export interface Dual {
  readonly value: number;
  readonly derivative: number;
}

export function constant(value: number): Dual {
  return { value, derivative: 0 };
}

export function add(x: Dual, y: Dual): Dual {
  return { value: x.value + y.value, derivative: x.derivative + y.derivative };
}

export function subtract(x: Dual, y: Dual): Dual {
  return { value: x.value - y.value, derivative: x.derivative - y.derivative };
}

export function multiply(x: Dual, y: Dual): Dual {
  return {
    value: x.value * y.value,
    derivative: x.derivative * y.value + x.value * y.derivative,
  };
}

export function divide(x: Dual, y: Dual): Dual {
  const value = x.value / y.value;
  return { value, derivative: (x.derivative - value * y.derivative) / y.value };
}

export function exponential(x: Dual): Dual {
  const value = Math.exp(x.value);
  return { value, derivative: value * x.derivative };
}

export function logarithm(x: Dual): Dual {
  return { value: Math.log(x.value), derivative: x.derivative / x.value };
}

export function squareRoot(x: Dual): Dual {
  const value = Math.sqrt(x.value);
  return { value, derivative: x.derivative / (2 * value) };
}

export function sum(terms: readonly Dual[]): Dual {
  return terms.reduce(add, constant(0));
}

/** `log Σ e^x`, shifted by the largest x. */
export function logSumExp(terms: readonly Dual[]): Dual {
  const largest = terms.reduce((a, b) => (b.value > a.value ? b : a));
  return add(largest, logarithm(sum(terms.map((x) => exponential(subtract(x, largest))))));
}
