/** Text as it may stand in XML and HTML, in content and in quoted attributes. */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** About how wide a text stands in a sans-serif type of this size, in pixels. */
export function textWidth(text: string, fontSize: number): number {
  return Math.round([...text].length * fontSize * 0.54);
}
