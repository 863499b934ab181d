// Numbers of the instructions. Plain constants, so that the encoder (TypeScript) and the interpreter
// (AssemblyScript) read one file.
export const PRODUCT = 0;
export const OUTER = 1;
export const ROW_SUMS = 2;
export const BROADCAST = 3;
export const FILL = 4;
export const AXPY = 5;
export const HADAMARD = 6;
export const DOT = 7;
export const MAX_ABS = 8;
export const ACTIVATION = 9;
export const ACTIVATION_PULLBACK = 10;
export const NORMALISE = 11;
export const NORMALISE_PULLBACK = 12;
export const TANGENT = 13;
export const TANGENT_PULLBACK = 14;
export const ATTENTION = 15;
export const ATTENTION_PULLBACK = 16;
export const CROSS_ENTROPY = 17;
export const GATHER = 18;
export const SCATTER = 19;
export const ADAM = 20;
export const PAIRWISE_LOG_SUM_EXP = 21;
export const GAUSSIAN_MOMENTS = 22;

// Values of the `kind` parameters.
export const TANH = 0;
export const RELU = 1;
export const GELU = 2;
export const SILU = 3;

export const LAYER = 0;
export const RMS = 1;

export const SOFTMAX = 0;
export const L2 = 1;
export const HARDMAX = 2;
export const UNNORMALISED = 3;
export const LINEAR = 4;

// Layout of the heap's first bytes, in bytes. Control words that threads write stand on cache lines of their own.
export const CONTROL = 65536;
/** Units of the job not claimed yet; ≤ 0: none. */
export const TICKETS = 65536;
/** Units of the job not finished yet. */
export const REMAINING = 65664;
/** Changes when a job is posted; idle workers wait on it. */
export const GENERATION = 65792;
/** Workers that wait. */
export const SLEEPERS = 65920;
/** Set by a worker whose kernel trapped. */
export const FAULT = 66048;
/** Set when the workers are to end. */
export const STOP = 66176;
/** The job: see job.ts beside the encoder. */
export const JOB = 66560;
/** One record of 16 bytes per slot. */
export const SLOTS = 67584;
export const MAXIMAL_SLOTS = 1024;
/** Scalars of the run, f64. */
export const SCALARS = 83968;
export const MAXIMAL_SCALARS = 1024;
/** One table of slot addresses (4 bytes a slot) per thread. */
export const THREADS = 92160;
export const MAXIMAL_THREADS = 64;
/** The program. */
export const PROGRAM = 354304;
export const MAXIMAL_PROGRAM_BYTES = 4194304;
/** First byte of the arena. */
export const ARENA = 4587520;
