import { resolve } from 'node:path';
import { convertIndexedToRgb, decode as decodePng, hasPngSignature } from 'fast-png';
import jpeg from 'jpeg-js';
import { MesoscopeError } from 'mesoscope';
import type { Picture } from 'mesoscope/checkpoint';
import { readFile } from '../input/configuration-file.ts';

/** Mebibytes that decoding a JPEG may take: enough for 50 megapixels. */
const mostMebibytes = 1024;

/** An image file, PNG or JPEG, whatever its name; what is transparent counts as it is painted. @throws MesoscopeError `file` */
export function loadPicture(name: string, directory: string): Picture {
  const bytes = readFile(resolve(directory, name), name);
  try {
    if (hasPngSignature(bytes)) return pngPicture(bytes);
    const { height, width, data } = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      maxMemoryUsageInMB: mostMebibytes,
    });
    return { height, width, rgb: data };
  } catch (cause) {
    throw new MesoscopeError({
      code: 'file',
      path: name,
      reason: `it is no PNG or JPEG that can be read (${cause instanceof Error ? cause.message : String(cause)})`,
      wayOut: 'Save the image as a PNG of 8 bits.',
    });
  }
}

function pngPicture(bytes: Uint8Array): Picture {
  const png = decodePng(bytes);
  const { height, width, depth, palette } = png;
  const data = palette === undefined ? png.data : convertIndexedToRgb(png);
  const channels = data.length / (height * width);
  const most = palette === undefined ? 2 ** depth - 1 : 255;
  const colours = channels < 3 ? [0, 0, 0] : [0, 1, 2];
  const rgb = Float64Array.from(
    { length: 3 * height * width },
    (_, k) => (255 * data[Math.floor(k / 3) * channels + colours[k % 3]]) / most,
  );
  return { height, width, rgb };
}
