/** The page's style: one column, serif, ink on white; prints on A4 and letter as it stands. */
export const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1a1a1a; --soft: #5c5c5c; --line: #d9d6cf; --wash: #f7f5f1;
  --good: #00614a; --bad: #a33a00; --open: #7a5c00; }
@media (prefers-color-scheme: dark) { :root { --paper: #16171a; --ink: #e6e4df; --soft: #a3a19b; --line: #3a3b40; --wash: #1f2024;
  --good: #58c9a4; --bad: #ff9a66; --open: #e0bd5c; }
  figure svg { filter: invert(.91) hue-rotate(180deg); } }
* { box-sizing: border-box; }
html { font-size: 17px; }
body {
  margin: 0 auto; padding: 3.5rem 1.5rem 5rem; max-width: 46rem; color: var(--ink); background: var(--paper);
  font-family: 'Iowan Old Style', 'Palatino Linotype', Palatino, 'URW Palladio L', 'Book Antiqua', Georgia, serif;
  line-height: 1.5; font-variant-numeric: lining-nums;
}
h1 { font-size: 2rem; line-height: 1.15; margin: 0 0 .5rem; font-weight: 600; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 3rem 0 .8rem; padding-top: .9rem; border-top: 1px solid var(--line); font-weight: 600; }
h3 { font-size: 1.05rem; margin: 2.2rem 0 .4rem; font-weight: 600; }
p { margin: .6rem 0; overflow-wrap: break-word; }
sup { font-size: .68em; line-height: 0; }
a { color: inherit; text-decoration-color: #aaa; text-underline-offset: .15em; }
.kicker, .label, th, .interval, figcaption, .meta, .id, .remark { color: var(--soft); }
.kicker, .label, .id, .meta, th, .verdict { font-family: 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif; }
.kicker { font-size: .72rem; letter-spacing: .09em; text-transform: uppercase; margin: 0 0 .7rem; }
.meta { font-size: .78rem; }
.status { border-left: 3px solid #b8860b; padding: .4rem 1rem; background: var(--wash); }
.headline { display: flex; flex-wrap: wrap; gap: 1.2rem 2.6rem; margin: 2rem 0 .5rem; padding: 0; }
.headline div { min-width: 8rem; }
.headline dd { margin: 0; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: lining-nums tabular-nums; }
.headline dt { font-size: .74rem; line-height: 1.35; max-width: 14rem; }
.headline div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; font-variant-numeric: lining-nums tabular-nums; }
.scroll { overflow-x: auto; }
th { font-size: .7rem; font-weight: 500; text-align: left; letter-spacing: .02em; }
table.plain { width: auto; min-width: 55%; }
th, td { padding: .38rem .9rem .38rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
thead th { border-bottom: 1px solid #999; }
td.number, th.number { text-align: right; }
th:last-child, td:last-child { padding-right: 0; }
td.id, td.measured { white-space: nowrap; }
.id { font-size: .8em; }
.interval { font-size: .92em; }
.verdict { font-size: .74rem; font-weight: 600; white-space: nowrap; }
.holds { color: var(--good); } .fails, .error { color: var(--bad); } .outside, .undecided { color: var(--open); }
.statement { margin: .5rem 0 .8rem; padding: .7rem 1.1rem; background: var(--wash); border-left: 3px solid var(--line); }
math { font-family: 'Latin Modern Math', 'STIX Two Math', 'Cambria Math', 'XITS Math', math; }
.statement math { font-size: 1.04em; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.1rem; font-size: .86rem; margin: .7rem 0; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1.6rem 0 2rem; }
figure svg { width: 100%; height: auto; display: block; }
.figure-title { font-weight: 600; font-size: .95rem; margin: 0 0 .5rem; }
figcaption { font-size: .84rem; line-height: 1.45; margin-top: .3rem; }
pre { font-size: .74rem; line-height: 1.45; background: var(--wash); padding: .9rem 1.1rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
  font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
.prose { white-space: pre-line; }
.remark { font-size: .82rem; }
details { margin: .8rem 0; } details summary { cursor: pointer; font-size: .86rem; color: var(--soft); }
nav ul { columns: 2; column-gap: 2rem; list-style: none; margin: .4rem 0; padding: 0; font-size: .86rem; } nav li { break-inside: avoid; padding: .1rem 0; }
.frames { display: grid; } .frame { grid-area: 1 / 1; background: var(--paper); }
.frames:hover .frame { animation-play-state: paused !important; }
@media (prefers-reduced-motion: reduce) { .frame { grid-area: auto; animation: none !important; } }
@page { margin: 20mm 18mm; }
@media print {
  :root { --paper: #fff; --ink: #1a1a1a; --soft: #5c5c5c; --line: #d9d6cf; --wash: #f7f5f1; } figure svg { filter: none; }

  html { font-size: 10.5pt; } body { padding: 0; max-width: none; }
  figure, .statement, tr, .headline { break-inside: avoid; } h2, h3, .figure-title { break-after: avoid; }
  .frame { animation: none !important; } .frame:not(:last-child) { display: none; }
  .statement, pre, .status { background: none; border: 1px solid var(--line); }
}
@media (max-width: 40rem) { html { font-size: 16px; } body { padding: 2rem 1rem 4rem; } td.measured, td.id { white-space: normal; overflow-wrap: anywhere; }
  .facts { grid-template-columns: 1fr; } .facts dd { margin-bottom: .5rem; } nav ul { columns: 1; } .statement, figure { overflow-x: auto; } figure svg { min-width: 32rem; } .frames svg { min-width: 0; } h1 { overflow-wrap: anywhere; } }
`;
