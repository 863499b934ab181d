// Loaded before the program (`node --import`): ends the process without a word at a chosen call that changes the disk.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const at = Number(process.env.DIE_AT_CALL);
const names = [
  'writeFileSync',
  'writeSync',
  'renameSync',
  'rmSync',
  'mkdirSync',
  'openSync',
  'fsyncSync',
  'linkSync',
];
let calls = 0;
for (const name of names) {
  const original = fs[name];
  fs[name] = (...given) => {
    if (++calls === at) process.kill(process.pid, 'SIGKILL');
    return original(...given);
  };
}
syncBuiltinESMExports();
