/** One implementation of one workload, ready to be timed. */
export interface Contender {
  /** Column of the table: `mesoscope wasm f64, 1 thread`. */
  readonly name: string;
  readonly precision: 'f64' | 'f32';
  readonly threads: number;
  /** Seconds of one repetition, measured inside the contender. */
  run(repeats: number): Promise<number>;
  /** Output of the last run, flat, in the layout of the reference. */
  output(): Promise<Float64Array>;
  close(): Promise<void>;
}
