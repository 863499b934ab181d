import { MesoscopeError, nearest } from '../errors.ts';
import { transformerLayer } from '../field/transformer-layer.ts';
import type { Architecture, Blueprint, LayerPlan } from './architecture.ts';
import { architectures } from './architectures/index.ts';
import { settingsOf } from './settings.ts';
import { blockKey, type Weights } from './weights.ts';

/** Which architecture a checkpoint has, and what of it the forward pass reads. */
export interface Recognised {
  readonly architecture: Architecture;
  readonly blueprint: Blueprint;
  /** What the names of its tensors begin with. */
  readonly prefix: string;
  /** Tensors that the forward pass reads. */
  readonly read: readonly string[];
  /** Tensors that it does not: heads of other tasks, poolers, masks. */
  readonly unread: readonly string[];
}

/**
 * The architecture by `model_type`, else by the name of the class, else the one whose tensors are all there.
 *
 * @throws MesoscopeError `unsupported`, naming the nearest architecture and what differs; `invalid-value` for a configuration that is
 *   not built; `file` for tensors that are missing
 */
export function recognise(weights: Weights): Recognised {
  const { config, source } = weights;
  const modelType = text(config.model_type);
  const className = Array.isArray(config.architectures) ? text(config.architectures[0]) : undefined;
  const named =
    architectures.find((one) => one.modelType === modelType) ??
    (modelType === undefined
      ? longest(architectures.filter((one) => className?.startsWith(one.classes)))
      : undefined);
  if (named !== undefined) {
    const compared = compare(weights, named);
    const { blueprint, missing, foreign } = compared;
    if (blueprint === undefined) throw compared.fault;
    if (missing.length > 0 || foreign.length > 0) {
      throw new MesoscopeError({
        code: 'file',
        path: source,
        reason: `it calls itself ${named.name}, but ${differences(compared)}`,
        wayOut: 'See all tensors with: mesoscope inspect.',
      });
    }
    return { ...compared, blueprint };
  }
  const all = architectures.map((one) => compare(weights, one));
  const fits = all.find(
    ({ missing, foreign, blueprint }) =>
      blueprint !== undefined && missing.length === 0 && foreign.length === 0,
  );
  if (modelType === undefined && fits?.blueprint !== undefined) {
    return { ...fits, blueprint: fits.blueprint };
  }
  throw unknown(modelType ?? className ?? 'not named', source, all);
}

interface Comparison extends Omit<Recognised, 'blueprint'> {
  readonly blueprint: Blueprint | undefined;
  readonly fault: unknown;
  /** Tensors that the architecture has and the checkpoint has not. */
  readonly missing: readonly string[];
  /** Tensors of its layers that the architecture does not know: without them the layer would be another. */
  readonly foreign: readonly string[];
}

function compare(weights: Weights, architecture: Architecture): Comparison {
  const names = [...weights.tensors.keys()];
  let blueprint: Blueprint;
  let layers: readonly LayerPlan[];
  let ofLayers: readonly string[];
  try {
    blueprint = architecture.plan(settingsOf(weights.config, weights.source));
    layers = Array.from({ length: blueprint.layers }, (_, l) => blueprint.layer(l));
    ofLayers = layers.flatMap(layerTensors);
  } catch (fault) {
    const none = { prefix: '', read: [], unread: names, missing: [], foreign: [] };
    return { architecture, blueprint: undefined, fault, ...none };
  }
  const wanted = [...new Set([...outsideLayers(blueprint), ...ofLayers])];
  const prefix = prefixOf(names, wanted[0]);
  const present = (name: string) => {
    const own = `${prefix}${name}`;
    return weights.tensors.has(own) ? own : weights.tensors.has(name) ? name : undefined;
  };
  const head = blueprint.head?.find((name) => present(name) !== undefined);
  const read = new Set([...wanted, ...(head === undefined ? [] : [head])].map(present));
  const prefixes = [...new Set(layers.map((layer) => `${prefix}${layer.prefix}`))];
  const unread = names.filter((name) => !read.has(name));
  return {
    architecture,
    blueprint,
    fault: undefined,
    prefix,
    read: names.filter((name) => read.has(name)),
    unread,
    missing: wanted.filter((name) => present(name) === undefined),
    foreign: unread.filter(
      (name) => prefixes.some((layer) => name.startsWith(layer)) && !architecture.masks?.test(name),
    ),
  };
}

/** Tensors of the embedding and of the normalisation at the end. */
function outsideLayers({ embedding, end }: Blueprint): string[] {
  const module = (name: string) => [`${name}.weight`, `${name}.bias`];
  const ends = end === undefined ? [] : normTensors(end.module, end.options.bias);
  if (embedding.kind === 'patches') {
    const { projection, own, positions } = embedding;
    return [...own, positions, ...module(projection), ...ends];
  }
  const { table, positions, types, norm, map } = embedding;
  return [
    table,
    ...(positions === undefined ? [] : [positions.table]),
    ...(types === undefined ? [] : [types]),
    ...(norm === undefined ? [] : normTensors(norm.module, norm.options.bias)),
    ...(map === undefined ? [] : module(map)),
    ...ends,
  ];
}

function normTensors(module: string, bias: boolean | undefined): string[] {
  return bias ? [`${module}.weight`, `${module}.bias`] : [`${module}.weight`];
}

/** Tensors of the blocks that a layer's field has. */
function layerTensors({ options, weights }: LayerPlan): string[] {
  const keys = new Set(
    transformerLayer(options).parameters.blocks.map(({ name }) => blockKey(name)),
  );
  return weights.filter(({ block }) => keys.has(block)).map(({ tensor }) => tensor);
}

/** What stands before a tensor's name in a checkpoint. */
function prefixOf(names: readonly string[], tensor: string): string {
  const found = names.find((name) => name === tensor || name.endsWith(`.${tensor}`));
  return found?.slice(0, -tensor.length) ?? '';
}

function differences({ missing, foreign }: Pick<Comparison, 'missing' | 'foreign'>): string {
  const listed = (names: readonly string[]) =>
    `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
  return [
    ...(missing.length > 0 ? [`it lacks ${listed(missing)}`] : []),
    ...(foreign.length > 0 ? [`its layers also have ${listed(foreign)}`] : []),
  ].join('; ');
}

/** The nearest architecture is the one most of whose tensors are there, and after that by its name. */
function unknown(received: string, source: string, all: readonly Comparison[]): MesoscopeError {
  const byName = nearest(
    received,
    architectures.map(({ modelType }) => modelType),
  );
  const score = ({ read, missing, foreign, architecture }: Comparison) =>
    read.length / Math.max(1, read.length + missing.length + foreign.length) +
    (architecture.modelType === byName ? 0.01 : 0);
  const [near] = [...all].sort((a, b) => score(b) - score(a));
  const differs = score(near) < 0.1 ? 'it has hardly a tensor of it' : differences(near);
  return new MesoscopeError({
    code: 'unsupported',
    what: `the architecture of ${source} (${received})`,
    by: 'Mesoscope',
    wayOut: `The nearest that is built is ${near.architecture.name}: ${differs === '' ? 'all tensors agree, but its name is not known' : differs}. Built: ${architectures.map(({ name }) => name).join(', ')}.`,
  });
}

function longest(found: readonly Architecture[]): Architecture | undefined {
  return [...found].sort((a, b) => b.classes.length - a.classes.length)[0];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
