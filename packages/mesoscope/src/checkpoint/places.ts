import type { CheckpointFormat } from './checkpoint.ts';
import { type Folder, fileName, folderOf, pathIn } from './files.ts';

/** Where a checkpoint lies in a folder. */
export interface CheckpointPlace {
  /** Its folder below the one looked at (`''`: this one), or its weights file where a folder holds several. */
  readonly at: string;
  readonly format: CheckpointFormat;
  /** Path of the weights, or of the index over their parts. */
  readonly weights: string;
}

/** Names that say by themselves which file of a folder holds the weights, best first. */
const usualNames: readonly (readonly [string, CheckpointFormat])[] = [
  ['model.safetensors.index.json', 'safetensors'],
  ['model.safetensors', 'safetensors'],
  ['pytorch_model.bin.index.json', 'pytorch'],
  ['pytorch_model.bin', 'pytorch'],
];

const endings: readonly (readonly [RegExp, CheckpointFormat])[] = [
  [/\.safetensors$/i, 'safetensors'],
  [/\.gguf$/i, 'gguf'],
  [/\.onnx$/i, 'onnx'],
  [/\.(bin|pt|pth)$/i, 'pytorch'],
];

/** What a training run leaves beside its weights. */
const noWeights =
  /^(training_args|optimizer|scheduler|rng_state.*|scaler|adapter_model)\.(bin|pt|pth|safetensors)$/;

/** The format of a file by its name; undefined for one that holds no weights. */
export function formatOf(path: string): CheckpointFormat | undefined {
  const name = fileName(path);
  if (noWeights.test(name)) return undefined;
  const usual = usualNames.find(([known]) => known === name);
  return (usual ?? endings.find(([ending]) => ending.test(name)))?.[1];
}

/**
 * The checkpoints of a folder and of those below it. A folder in the layout of Hugging Face is one checkpoint, and hides
 * what lies below it (`onnx/`, `1_Pooling/`).
 */
export function findCheckpoints({ files: all }: Folder, at = ''): CheckpointPlace[] {
  const format = formatOf(at);
  if (all.has(at) && format !== undefined) return [{ at, format, weights: at }];
  const files = new Map([...all].filter(([path]) => at === '' || path.startsWith(`${at}/`)));
  const folders = [...new Set([...files.keys()].map(folderOf))].sort(
    (a, b) => a.length - b.length || (a < b ? -1 : 1),
  );
  const found: CheckpointPlace[] = [];
  const complete: string[] = [];
  for (const folder of folders) {
    if (complete.some((upper) => upper === '' || folder.startsWith(`${upper}/`))) continue;
    const usual = usualNames.find(([name]) => files.has(pathIn(folder, name)));
    if (usual !== undefined) {
      const [name, format] = usual;
      found.push({ at: folder, format, weights: pathIn(folder, name) });
      complete.push(folder);
      continue;
    }
    const others = [...files.keys()].filter((path) => folderOf(path) === folder).sort();
    const places = others.flatMap((weights): CheckpointPlace[] => {
      const format = formatOf(weights);
      return format === undefined ? [] : [{ at: weights, format, weights }];
    });
    found.push(...(places.length === 1 ? [{ ...places[0], at: folder }] : places));
  }
  return found;
}
