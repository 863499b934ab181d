import { MesoscopeError } from 'mesoscope';
import { formatDuration } from 'mesoscope-view';
import type { Environment } from '../environment.ts';
import type { Progress } from '../terminal/progress.ts';

/** Seconds past which a run goes on only if somebody wants it to. */
const longRun = 600;

/** Seconds of its beginning by which a run is judged. */
const beginning = 10;

/**
 * Seconds left, judged once: with the share s of the work done after t ≥ 10 s, where it was s₀ at the start, they are
 * `(1 − s) t / (s − s₀)`. Undefined before, and ever after.
 */
export function createForecast(): (share: number, seconds: number) => number | undefined {
  let origin: { readonly share: number; readonly seconds: number } | undefined;
  let judged = false;
  return (share, seconds) => {
    origin ??= { share, seconds };
    const passed = seconds - origin.seconds;
    if (judged || passed < beginning || share <= origin.share) return undefined;
    judged = true;
    return ((1 - share) * passed) / (share - origin.share);
  };
}

/** Whether a long run may go on. */
export interface Consent {
  /** The share of the work that is done. */
  heard(share: number): void;
  /** @throws MesoscopeError `too-long` if the run was stopped because nobody could be asked */
  require(): void;
  end(): void;
}

/**
 * Has a run of more than ten minutes asked for. Its first ten seconds are timed and extrapolated; they are its own work, so that
 * nothing is lost, and it goes on while the question waits. A no, and no terminal to ask on, stop it.
 */
export function createConsent({
  yes,
  ask,
  progress,
  stop,
}: Pick<Environment, 'ask'> & {
  readonly yes: boolean;
  readonly progress: Pick<Progress, 'hold'>;
  stop(): void;
}): Consent {
  const forecast = createForecast();
  const ended = new AbortController();
  let refusal: MesoscopeError | undefined;

  async function judge(seconds: number): Promise<void> {
    if (ask === undefined) {
      const wayOut = 'There is no terminal to ask on: add --yes.';
      refusal = new MesoscopeError({
        code: 'too-long',
        seconds,
        secondsBudget: longRun,
        wayOut,
      });
      stop();
      return;
    }
    const question = `This will take about ${formatDuration(seconds)} more. Go on?`;
    const goesOn = await progress.hold(() => ask(question, ended.signal));
    if (!goesOn && !ended.signal.aborted) stop();
  }

  return {
    heard(share) {
      const left = forecast(share, performance.now() / 1000);
      if (!yes && left !== undefined && left > longRun) void judge(left);
    },
    require() {
      if (refusal !== undefined) throw refusal;
    },
    end: () => ended.abort(),
  };
}
