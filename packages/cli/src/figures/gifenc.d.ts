/** What is used of gifenc, which comes without types. Colours are lists of red, green and blue, 0 … 255. */
declare module 'gifenc' {
  type Palette = readonly (readonly number[])[];
  /** At most so many colours that stand for those of RGBA pixels. */
  export function quantize(pixels: Uint8Array, colours: number): Palette;
  /** The nearest colour of each pixel, by its place in the palette. */
  export function applyPalette(pixels: Uint8Array, palette: Palette): Uint8Array;
  export function GIFEncoder(): {
    writeFrame(
      places: Uint8Array,
      width: number,
      height: number,
      options: { readonly palette: Palette /** Milliseconds. */; readonly delay: number },
    ): void;
    finish(): void;
    bytes(): Uint8Array;
  };
}
