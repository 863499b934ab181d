import type { Architecture } from '../architecture.ts';
import { albert } from './albert.ts';
import { bert, roberta } from './bert.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { modernBert } from './modern-bert.ts';
import { deit, dinov2, vit } from './vision.ts';

/** Every architecture that is built; where tensors alone must tell, the first that fits is taken. */
export const architectures: readonly Architecture[] = [
  bert,
  roberta,
  albert,
  gpt2,
  llama,
  modernBert,
  deit,
  vit,
  dinov2,
];
