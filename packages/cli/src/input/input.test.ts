import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { readConfigurationFile } from './configuration-file.ts';
import { decodeSafetensors } from './safetensors.ts';

const directory = mkdtempSync(join(tmpdir(), 'input-'));

function safetensors(header: object, data: readonly number[]): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

describe('safetensors', () => {
  it('reads F32, BF16, F16 and I64', () => {
    const header = {
      __metadata__: { format: 'pt' },
      single: { dtype: 'F32', shape: [1, 1], data_offsets: [0, 4] },
      brain: { dtype: 'BF16', shape: [2], data_offsets: [4, 8] },
      half: { dtype: 'F16', shape: [2], data_offsets: [8, 12] },
      whole: { dtype: 'I64', shape: [], data_offsets: [12, 20] },
    };
    const data = [
      ...[0, 0, 0xc0, 0x3f], // 1.5
      ...[0x80, 0x3f, 0x20, 0xc1], // 1, −10
      ...[0x00, 0x3c, 0x01, 0x00], // 1, 2^−24
      ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // −1
    ];
    const arrays = decodeSafetensors(safetensors(header, data), 'x');
    expect(Object.keys(arrays)).toEqual(['single', 'brain', 'half', 'whole']);
    expect(arrays.single).toEqual({ shape: [1, 1], data: Float64Array.of(1.5) });
    expect([...Array.from(arrays.brain.data)]).toEqual([1, -10]);
    expect([...Array.from(arrays.half.data)]).toEqual([1, 2 ** -24]);
    expect([...Array.from(arrays.whole.data)]).toEqual([-1]);
  });

  it('refuses data that does not fit, and unknown types', () => {
    const bad = { a: { dtype: 'F64', shape: [2], data_offsets: [0, 8] } };
    expect(() => decodeSafetensors(safetensors(bad, [0, 0, 0, 0, 0, 0, 0, 0]), 'x')).toThrow(
      'does not fit',
    );
    const unknown = { a: { dtype: 'F8', shape: [1], data_offsets: [0, 1] } };
    expect(() => decodeSafetensors(safetensors(unknown, [0]), 'x')).toThrow('type F8');
    expect(() => decodeSafetensors(new Uint8Array([255, 255, 255, 255, 0, 0, 0, 0]), 'x')).toThrow(
      'longer than the file',
    );
  });
});

describe('readConfigurationFile', () => {
  it('puts arrays at the paths that their names spell', () => {
    const arrays = encodeNpz({
      'heads.1.Q': { shape: [1, 2], data: Float64Array.of(3, 4) },
      'heads.0.Q': { shape: [1, 2], data: Float64Array.of(1, 2) },
      horizon: { shape: [], data: Float64Array.of(2) },
    });
    writeFileSync(join(directory, 'instance.npz'), arrays);
    expect(readConfigurationFile('instance.npz', directory)).toEqual({
      heads: [{ Q: [[1, 2]] }, { Q: [[3, 4]] }],
      horizon: 2,
    });
  });

  it('says what is wrong with a file', () => {
    writeFileSync(join(directory, 'broken.json'), '{');
    expect(() => readConfigurationFile('broken.json', directory)).toThrow('no valid JSON');
    expect(() => readConfigurationFile('missing.json', directory)).toThrow('no such file');
  });
});
