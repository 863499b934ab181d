import { it } from 'vitest';
import { createWasmBackend } from '/work/main/packages/mesoscope/src/kernels/wasm/backend.ts';
import { runClaim } from '/work/main/packages/mesoscope/src/claims/run.ts';
const names = (process.env.CLAIMS ?? '').split(',');
it('runs', async () => {
  for (const name of names) {
    const [file, exported] = name.split(':');
    const module = await import(`/work/main/packages/mesoscope/src/claims/ensemble/${file}.ts`);
    const backend = await createWasmBackend();
    const r = await runClaim({ claim: module[exported] }, { backend, seed: Number(process.env.SEED ?? 1) });
    const f = r.finding;
    console.log(name, f.verdict, f.measured, f.interval, r.seconds.toFixed(1) + ' s', '\n', f.summary, '\n', JSON.stringify(f.assumptions));
    if (process.env.SHOW) console.log(JSON.stringify(f.evidence, (k, v) => typeof v === 'number' ? Number(v.toPrecision(4)) : v).slice(0, 6000));
    backend.dispose();
  }
}, 600000);
