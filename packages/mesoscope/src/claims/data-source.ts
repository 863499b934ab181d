import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Picture } from '../checkpoint/image-input.ts';
import { MesoscopeError } from '../errors.ts';
import type { NumberArray } from '../formats/arrays.ts';
import type { LabelledImages } from '../task/images/images.ts';

/** Data that a host supplies by name. */
export interface DataSource {
  /** A text: `moby-dick`. @throws MesoscopeError `unknown-name` */
  corpus(name: string): Promise<string>;
  /** Images with classes: `mnist`. @throws MesoscopeError `unknown-name` */
  images(name: string): Promise<LabelledImages>;
  /** A trained model: the path of its folder or file. @throws MesoscopeError `file` */
  trainedModel(name: string): Promise<Checkpoint>;
  /** Arrays by name: the path of a .npz or .safetensors file. @throws MesoscopeError `file` */
  arrays(name: string): Promise<Readonly<Record<string, NumberArray>>>;
  /** An image: the path of a PNG or JPEG file. @throws MesoscopeError `file` */
  picture(name: string): Promise<Picture>;
}

/** What a host supplies, and a refusal in place of what it does not. */
export function dataSource({
  corpus = absent,
  images = absent,
  trainedModel = absent,
  arrays = absent,
  picture = absent,
}: Partial<DataSource>): DataSource {
  return { corpus, images, trainedModel, arrays, picture };
}

async function absent(name: string): Promise<never> {
  throw new MesoscopeError({
    code: 'unsupported',
    what: `data by the name "${name}"`,
    by: 'a host without a source of them',
    wayOut: 'Hand over `corpus`, `images`, `trainedModel`, `arrays` or `picture`, or name no data.',
  });
}
