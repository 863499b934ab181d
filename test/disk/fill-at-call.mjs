// Loaded before the program (`node --import`): fills the disk of a folder just before a chosen call that changes it.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

const at = Number(process.env.FILL_AT_CALL);
const filler = join(process.env.FILL_FOLDER, 'filler');
const original = { ...fs };
let calls = 0;

function fill() {
  const file = original.openSync(filler, 'w');
  for (const size of [65536, 4096, 1]) {
    try {
      for (;;) original.writeSync(file, Buffer.alloc(size, 1));
    } catch (cause) {
      if (cause.code !== 'ENOSPC') throw cause;
    }
  }
  original.closeSync(file);
}

for (const name of [
  'writeFileSync',
  'writeSync',
  'renameSync',
  'mkdirSync',
  'openSync',
  'linkSync',
]) {
  fs[name] = (...given) => {
    if (++calls === at) fill();
    return original[name](...given);
  };
}
syncBuiltinESMExports();
