import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../program.ts';
import { toyEnvironment } from '../toy.fixture.ts';

/** The notebook of a run, executed, where a Python with nbclient, NumPy and Matplotlib is found. */
const python = process.env.MESOSCOPE_PYTHON ?? 'python3';
const needed = 'import ipykernel, matplotlib, nbclient, numpy';
const found = spawnSync(python, ['-c', needed]).status === 0;
const title = found
  ? 'the notebook of a run'
  : `the notebook of a run (skipped: ${python} cannot ${needed}; pip install them, or name a Python that has them in MESOSCOPE_PYTHON)`;

const script = `
import json, sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
nbclient.NotebookClient(notebook, timeout=100, resources={"metadata": {"path": sys.argv[2]}}).execute()
outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
json.dump({
    "text": "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout"),
    "warnings": "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"),
    "images": sum("image/png" in o.get("data", {}) for o in outputs),
}, sys.stdout)
`;

interface Executed {
  readonly text: string;
  readonly warnings: string;
  readonly images: number;
}

describe.skipIf(!found)(title, () => {
  it('draws every figure and prints the numbers of run.json', { timeout: 120_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mesoscope-'));
    const { environment } = toyEnvironment(directory);
    expect(await run(['study', 'toy/decay', '--out', 'run'], environment)).toBe(0);
    expect(await run(['notebook', 'run'], environment)).toBe(0);
    const folder = join(directory, 'run');
    const { stdout, stderr, status } = spawnSync(
      python,
      ['-c', script, join(folder, 'notebook.ipynb'), folder],
      { encoding: 'utf8' },
    );
    expect(status, stderr).toBe(0);
    const { text, warnings, images } = JSON.parse(stdout) as Executed;
    const record = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'));
    expect(warnings).toBe('');
    expect(images).toBe(1);
    const printed = /last value: (.*)/.exec(text)?.[1];
    expect(Number(printed)).toBe(record.headline['last value']);
    const [check] = record.claims[0].checks;
    const line = text.split('\n').find((one) => one.includes(check.name));
    const [, , measured, relation, expected] = (line ?? '').split(' | ');
    expect(Number(measured)).toBe(check.measured);
    expect([relation, Number(expected)]).toEqual([check.relation, check.expected]);
  });
});
