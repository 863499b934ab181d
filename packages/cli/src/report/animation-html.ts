import type { Section } from 'mesoscope/study';
import { escapeXml } from 'mesoscope-view';
import type { Draw } from './claims-html.ts';

/** Seconds that a frame is shown; the last one stays for three times as long. */
const pace = 1.2;
const lastStays = 3;

/**
 * Frames in one place, shown in turn by style alone: the page has no script. They rest while the pointer is on them; on paper
 * the last one is seen, and whoever wants no motion sees all of them.
 */
export function animationHtml(
  { title, caption, frames }: Extract<Section, { kind: 'animation' }>,
  draw: Draw,
): string {
  const slots = frames.length - 1 + lastStays;
  const name = `frames-${frames.length}`;
  const percent = (slot: number) => `${((100 * slot) / slots).toFixed(4)}%`;
  const keyframes = (suffix: string, stays: number) =>
    `@keyframes ${name}${suffix} { 0% { visibility: visible } ${percent(stays)}, 100% { visibility: hidden } }`;
  const shown = frames.map((frame, i) => {
    const last = i === frames.length - 1;
    const timing = `${name}${last ? '-last' : ''} ${(slots * pace).toFixed(2)}s step-end ${((i - slots) * pace).toFixed(2)}s infinite`;
    return `<div class="frame" style="animation: ${timing}"><p class="meta">${escapeXml(frame.title)}</p>
${draw(frame)}</div>`;
  });
  return `<style>${keyframes('', 1)} ${keyframes('-last', lastStays)}</style>
<figure><p class="figure-title">${escapeXml(title)}</p>
<div class="frames">${shown.join('\n')}</div>
<figcaption>${escapeXml(caption)}</figcaption></figure>`;
}
