import type { FigureDocument } from 'mesoscope-view';
import type { RunRecord } from '../bundle/record.ts';
import { arraysName, figuresName } from './finished-run.ts';

interface Cell {
  readonly cell_type: 'markdown' | 'code';
  readonly id: string;
  readonly metadata: Readonly<Record<string, never>>;
  readonly source: readonly string[];
  readonly outputs?: readonly never[];
  readonly execution_count?: null;
}

/** A Jupyter notebook (format 4.5) that draws every figure of a run again with Matplotlib and prints what it found. */
export function notebookOf(
  record: RunRecord,
  figures: readonly Pick<FigureDocument, 'id' | 'title' | 'caption'>[],
): object {
  const { title, study, seed, versions } = record;
  const cells = [
    markdown(
      `# ${title}\n\nStudy \`${study}\`, seed ${seed}, mesoscope ${versions.mesoscope}. Everything here is read from the folder of the run; nothing is computed anew.`,
    ),
    code(reading),
    markdown('## What was found'),
    code(numbers),
    markdown('## Figures'),
    code(drawing),
    ...figures.flatMap(({ id, title: heading, caption }) => [
      markdown(`### ${heading}\n\n${caption}`),
      code(`draw(${JSON.stringify(id)})`),
    ]),
  ];
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' },
      language_info: { name: 'python' },
    },
    cells: cells.map((cell, i) => ({ ...cell, id: `cell-${i}` })),
  };
}

function markdown(text: string): Omit<Cell, 'id'> {
  return { cell_type: 'markdown', metadata: {}, source: linesOf(text) };
}

function code(text: string): Omit<Cell, 'id'> {
  const source = linesOf(text.trim());
  return { cell_type: 'code', metadata: {}, source, outputs: [], execution_count: null };
}

/** Lines with their ends, as the format wants them. */
function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/);
}

const reading = `
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

folder = Path(".")
run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
figures = {f["id"]: f for f in json.loads((folder / "${figuresName}").read_text(encoding="utf-8"))["figures"]}
arrays = np.load(folder / "${arraysName}")
`;

const numbers = `
for name, value in run["headline"].items():
    print(f"{name}: {value!r}")
for claim in run["claims"]:
    print()
    print(claim["id"], claim["verdict"], sep=": ")
    for check in claim["checks"]:
        print("  ", check["name"], check["measured"], check["relation"], check["expected"], check["outcome"], sep=" | ")
`;

const drawing = `
def edges(centres, log):
    c = np.log(centres) if log else np.asarray(centres, dtype=float)
    if len(c) == 1:
        e = np.array([c[0] - 0.5, c[0] + 0.5])
    else:
        middle = (c[1:] + c[:-1]) / 2
        e = np.concatenate([[2 * c[0] - middle[0]], middle, [2 * c[-1] - middle[-1]]])
    return np.exp(e) if log else e


def draw(name):
    figure = figures[name]
    fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
    logs = {d: figure[d].get("scale") == "log" for d in "xy"}
    styles, named = {}, set()

    def style(series):
        return styles.setdefault(series, f"C{len(styles)}")

    def label(series):
        fresh = series not in named
        named.add(series)
        return series if fresh else None

    for mark in figure["marks"]:
        a = {field: arrays[where] for field, where in mark["arrays"].items()}
        kind, series = mark["kind"], mark.get("series")
        if kind == "line":
            ax.plot(a["x"], a["y"], color=style(series), label=label(series))
        elif kind == "dots":
            error = None
            if "low" in a and "high" in a:
                error = np.nan_to_num(np.clip([a["y"] - a["low"], a["high"] - a["y"]], 0, None))
            ax.errorbar(a["x"], a["y"], yerr=error, fmt="o", ms=4, color=style(series), label=label(series))
        elif kind == "band":
            ax.fill_between(a["x"], a["low"], a["high"], color=style(series), alpha=0.18, lw=0)
        elif kind == "bars":
            ax.bar(a["x0"], a["y"], a["x1"] - a["x0"], align="edge", color=style(series), alpha=0.65, label=label(series))
        elif kind == "reference":
            ax.plot(a["x"], a["y"], "--", color="0.4", lw=1)
            if len(a["x"]):
                ax.annotate(mark["label"], (a["x"][-1], a["y"][-1]), color="0.4", fontsize=8)
        elif kind == "rule":
            line = ax.axvline if mark["axis"] == "x" else ax.axhline
            line(a["at"][0], ls="--", color="0.4", lw=1, label=mark["label"])
        elif kind == "points":
            low, high = mark.get("valueDomain", (None, None))
            dots = ax.scatter(a["x"], a["y"], c=a["values"], vmin=low, vmax=high, s=10)
            fig.colorbar(dots, label=mark["valueLabel"])
        else:
            x, y = (edges(a[d], logs[d]) for d in "xy")
            shape = (len(a["y"]), len(a["x"]))
            if kind == "heatmap":
                values = np.ma.masked_invalid(a["values"].reshape(shape))
                log = mark.get("scale") == "log"
                cells = ax.pcolormesh(x, y, np.ma.masked_less_equal(values, 0) if log else values, norm="log" if log else None)
                fig.colorbar(cells, label=mark["valueLabel"])
            else:
                for i, category in enumerate(mark["categories"]):
                    inside = np.ma.masked_equal(a[category].reshape(shape), 0)
                    ax.pcolormesh(x, y, inside * i, cmap="tab10", vmin=0, vmax=10, alpha=0.6)
                    ax.plot([], [], "s", color=plt.get_cmap("tab10")(i), alpha=0.6, label=category)
    for d in "xy":
        axis = figure[d]
        if logs[d]:
            getattr(ax, f"set_{d}scale")("log", base=axis.get("base", 10))
        if "domain" in axis:
            getattr(ax, f"set_{d}lim")(*axis["domain"])
        getattr(ax, f"set_{d}label")(axis["label"].replace("$", r"\\$"))
    if figure.get("equalAxes"):
        ax.set_aspect("equal", adjustable="datalim")
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=8, frameon=False)
    ax.set_title(figure["title"].replace("$", r"\\$"), fontsize=10)
    plt.show()
`;
