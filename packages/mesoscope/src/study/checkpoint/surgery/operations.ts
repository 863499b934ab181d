import type { Checkpoint } from '../../../checkpoint/checkpoint.ts';
import { type LayerField, layerFields } from '../../../checkpoint/depth/layer-fields.ts';
import {
  nextTokenLoss,
  type OutputChange,
  type OutputMetric,
  outputChange,
} from '../../../checkpoint/depth/output-change.ts';
import { type RefinementRecord, refinementRecord } from '../../../checkpoint/depth/refinement.ts';
import { runPlans } from '../../../checkpoint/depth/run-plans.ts';
import {
  type Coarsening,
  checkSegment,
  coarsened,
  coarsenings,
  interior,
  refined,
  refinedBoundary,
  type Segment,
  type StackPlan,
  unchanged,
} from '../../../checkpoint/depth/stack-plan.ts';
import type { Model } from '../../../checkpoint/model.ts';
import { MesoscopeError } from '../../../errors.ts';
import type { Backend } from '../../../kernels/backend.ts';
import { requireThat } from '../../../numeric/checks.ts';
import type { Matrix } from '../../../numeric/matrix.ts';
import type { Surgery } from './schema.ts';

/** A version of a network, named by what was done to it. */
export interface Operation {
  readonly kind: 'refined' | 'interior' | 'boundary' | 'layer' | Coarsening;
  /** m of a refinement, l of a layer; 0 elsewhere. */
  readonly number: number;
  readonly plan: StackPlan;
}

/** All versions that are asked for, besides the network as it is. Without pairs to coarsen there is no coarsening, unless one was asked for. */
export function operations(layers: number, surgery: Surgery): Operation[] {
  const { refine, perLayer, ends } = surgery;
  const segment = segmentOf(layers, surgery);
  const [from, to] = segment;
  const inside = Array.from({ length: to - from }, (_, i) => from + i);
  return [
    ...refine.flatMap((m): Operation[] => [
      { kind: 'refined', number: m, plan: refined(layers, segment, m) },
      ...(ends && layers > 2 ? besides(layers, m) : []),
    ]),
    ...coarseningsOf(layers, surgery).map(
      (kind): Operation => ({ kind, number: 0, plan: coarsened(layers, segment, kind) }),
    ),
    ...(perLayer ? inside : []).map(
      (l): Operation => ({ kind: 'layer', number: l, plan: refined(layers, [l, l + 1], 2) }),
    ),
  ];
}

/** All layers but the first and the last, and these two alone. */
function besides(layers: number, m: number): Operation[] {
  return [
    { kind: 'interior', number: m, plan: refined(layers, interior(layers), m) },
    { kind: 'boundary', number: m, plan: refinedBoundary(layers, m) },
  ];
}

export function segmentOf(layers: number, { segment = [0, layers] }: Surgery): Segment {
  return segment;
}

function coarseningsOf(layers: number, surgery: Surgery): readonly Coarsening[] {
  const [from, to] = segmentOf(layers, surgery);
  return surgery.coarsen ?? (to - from > 1 ? coarsenings : []);
}

/** The metric that is asked for: what costs the model itself is trained for, where it has one. */
export function metricOf({ blueprint }: Model, { metric }: Surgery): OutputMetric {
  return metric ?? (blueprint.head === undefined ? 'state' : 'nll');
}

/**
 * Refuses what cannot be done to a model, before any work.
 *
 * @throws MesoscopeError `invalid-value`, `unsupported`
 */
export function checkSurgery(model: Model, { tokenizer }: Checkpoint, surgery: Surgery): void {
  const { source, blueprint } = model;
  const { layers, embedding, head, longest } = blueprint;
  const { coarsen, ids, metric, tokens } = surgery;
  checkSegment(
    layers,
    segmentOf(layers, surgery),
    coarsen === undefined || coarsen.length === 0 ? 1 : 2,
  );
  const unsupported = (what: string, wayOut: string) =>
    new MesoscopeError({ code: 'unsupported', what, by: source, wayOut });
  if (embedding.kind === 'patches') {
    throw unsupported('surgery without a text: it reads images', 'Take a model of texts.');
  }
  if (metric === 'nll' && head === undefined) {
    throw unsupported(
      'the cross-entropy of next tokens: it has no logits',
      'Compare outputs instead: --metric state, or --metric cosine.',
    );
  }
  if (ids !== undefined) return;
  if (tokenizer === undefined) {
    throw unsupported(
      'a text as input: there is no tokeniser beside the weights',
      'Give numbers of tokens: --ids 5,3,…, at least 8.',
    );
  }
  requireThat(
    tokens <= longest,
    'tokens',
    tokens,
    `at most ${longest}, for so many positions ${source} has`,
  );
}

/** What an operation did to the output on one input. */
export interface OperationRecord extends OutputChange, Pick<Operation, 'kind' | 'number'> {
  /** Cross-entropy of the next token above that of the network as it is, in nats; null where it is not measured. */
  readonly nll: number | null;
}

/** One input through all versions of a network. */
export interface OperatedRecord {
  /** Cross-entropy of the network as it is. */
  readonly nll: number | null;
  readonly operations: readonly OperationRecord[];
  readonly refinement: RefinementRecord;
}

interface Place {
  readonly initial: Matrix;
  readonly ids: readonly number[];
  readonly metric: OutputMetric;
  readonly progress: (share: number) => void | Promise<void>;
}

export async function operate(
  backend: Backend,
  model: Model,
  all: readonly Operation[],
  { initial, ids, metric, progress }: Place,
): Promise<OperatedRecord> {
  const plans = [unchanged(model.blueprint.layers), ...all.map(({ plan }) => plan)];
  // Logits of a large vocabulary take as long as many layers.
  const half = metric === 'nll' ? 0.5 : 1;
  const outputs = await runPlans(backend, model, initial, plans, (share) => progress(half * share));
  const losses: (number | null)[] = [];
  for (const output of outputs) {
    const loss = metric === 'nll' ? await nextTokenLoss(backend, model, output, ids) : undefined;
    losses.push(loss ?? null);
    await progress(half + ((1 - half) * losses.length) / outputs.length);
  }
  const [own, ...others] = outputs;
  const [before, ...after] = losses;
  return {
    nll: before,
    operations: all.map(({ kind, number }, i) => {
      const loss = after[i];
      const nll = loss === null || before === null ? null : loss - before;
      return { kind, number, nll, ...outputChange(own, others[i]) };
    }),
    refinement: refinementRecord([own, ...others.filter((_, i) => all[i].kind === 'refined')]),
  };
}

/** One piece of a surgery: one input, of the trained model or of one with random weights. */
export interface InputRecord {
  readonly operated: OperatedRecord;
  readonly fields: readonly LayerField[];
}

/** All versions of a network on one input, and the fields of its layers. */
export async function operateOn(
  backend: Backend,
  model: Model,
  surgery: Surgery,
  place: Omit<Place, 'metric'>,
): Promise<InputRecord> {
  return {
    operated: await operate(backend, model, operations(model.blueprint.layers, surgery), {
      ...place,
      metric: metricOf(model, surgery),
      progress: (share) => place.progress(operationsShare * share),
    }),
    fields: await layerFields(backend, model, place.initial, {
      lipschitz: surgery.perLayer,
      progress: (share) => place.progress(operationsShare + (1 - operationsShare) * share),
    }),
  };
}

/** What is asked of the same network with random weights: nobody wants to know which of its layers mind, nor what it guesses. */
export function nullOf(surgery: Surgery): Surgery {
  return { ...surgery, perLayer: false, ends: false, metric: 'state' };
}

/** About the share of the time. */
const operationsShare = 0.7;
