import { isObject } from '../configuration/tree.ts';
import { type Folder, folderOf, pathIn, type RandomAccess } from './files.ts';
import { readJsonObject } from './json-file.ts';
import { unreadable } from './refusal.ts';
import type { Tensor } from './tensor.ts';

/**
 * The tensors of a checkpoint that is split over several files, by its index `{weight_map: {tensor: file}}`.
 *
 * @param index - path of the index in the folder
 * @throws MesoscopeError `file`, naming the shard that is missing or the tensor that it lacks
 */
export async function readShards(
  folder: Folder,
  index: RandomAccess,
  indexPath: string,
  readShard: (file: RandomAccess) => Promise<readonly Tensor[]>,
): Promise<Tensor[]> {
  const { weight_map: places } = await readJsonObject(index);
  if (!isObject(places) || !Object.values(places).every((file) => typeof file === 'string')) {
    throw unreadable(index.path, 'it has no "weight_map" of tensors and their files');
  }
  const shards = [...new Set(Object.values(places).map(String))];
  const files = shards.map((shard) => {
    const names = Object.keys(places).filter((name) => places[name] === shard);
    const file = folder.files.get(pathIn(folderOf(indexPath), shard));
    if (file === undefined) {
      const missing = `its part ${shard} is missing, which holds ${names.length} tensors (${names[0]}, …)`;
      throw unreadable(index.path, missing, `Put ${shard} beside it.`);
    }
    return { file, names };
  });
  const tensors: Tensor[] = [];
  for (const { file, names } of files) {
    const inShard = new Map((await readShard(file)).map((tensor) => [tensor.name, tensor]));
    for (const name of names) {
      const tensor = inShard.get(name);
      if (tensor === undefined) {
        throw unreadable(file.path, `it lacks the tensor "${name}", which the index says it holds`);
      }
      tensors.push(tensor);
    }
  }
  return tensors;
}
