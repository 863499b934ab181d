import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { MesoscopeError } from '../errors.ts';
import type { LabelledImages } from '../task/images/images.ts';

/** Data that a host supplies by name. */
export interface DataSource {
  /** A text: `moby-dick`. @throws MesoscopeError `unknown-name` */
  corpus(name: string): Promise<string>;
  /** Images with classes: `mnist`. @throws MesoscopeError `unknown-name` */
  images(name: string): Promise<LabelledImages>;
  /** A trained model: the path of its folder or file. @throws MesoscopeError `file` */
  trainedModel(name: string): Promise<Checkpoint>;
}

/** What a host supplies, and a refusal in place of what it does not. */
export function dataSource({ corpus, images, trainedModel }: Partial<DataSource>): DataSource {
  const absent = async () => {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'data by name',
      by: 'a host without a source of them',
      wayOut: 'Hand over `corpus`, `images` or `trainedModel`, or name no data.',
    });
  };
  return {
    corpus: corpus ?? absent,
    images: images ?? absent,
    trainedModel: trainedModel ?? absent,
  };
}
