import type { FlowStatus } from './types.ts';

/** What happened to a flow, in a sentence, and what to try. */
export function flowStatusSentence(status: FlowStatus): string {
  switch (status.kind) {
    case 'completed':
      return 'The flow reached the end of its depth.';
    case 'diverged':
      return (
        `The flow diverged at step ${status.step} (depth ${format(status.depth)}), sample ${status.sample}: ` +
        `the largest entry is ${format(status.norm)}. ` +
        'Try more layers (a smaller step), smaller parameters or inputs, a normalised field, or a shorter horizon.'
      );
    case 'event':
      return `The event "${status.name}" stopped the flow at depth ${format(status.depth)} (step ${status.step}).`;
    case 'step-too-small':
      return (
        `At depth ${format(status.depth)} (step ${status.step}) the tolerance asks for a step of ` +
        `${format(status.stepSize)}, below what the number format resolves. ` +
        'The solution may blow up there: try an event that stops before it, looser tolerances, or a shorter horizon.'
      );
    case 'step-limit':
      return (
        `The limit of ${status.steps} steps was reached at depth ${format(status.depth)}. ` +
        'Try a higher limit, looser tolerances, or a shorter horizon; a stiff field needs many small steps.'
      );
  }
}

function format(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}
