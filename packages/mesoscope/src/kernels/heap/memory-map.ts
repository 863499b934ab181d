// Plain constants, so that the host (TypeScript) and the kernels (AssemblyScript) read one file.
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
