"""How FlyMQ does beside each peer, drawn from what was measured."""

from pathlib import Path
from typing import Any

import tables
from scenario import Scenario

COLOURS = {"kafka": "#4477aa", "nats": "#228833", "redis": "#cc3311"}


def draw(results: dict[str, Any], folder: Path) -> str:
    """Draws one plot a language into the folder. Returns the words that show them in the page beside it."""
    import matplotlib

    matplotlib.use("svg")
    # The same bytes for the same figures.
    matplotlib.rcParams["svg.hashsalt"] = "flymq"
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for language, name in tables.NAMES.items():
        bars = [
            (Scenario.from_dict(result["scenario"]).name, result["servers"][system], better)
            for result in results["results"]
            if result["language"] == language
            for system in result["runs"]
            if (better := tables.advantage(result, system)) is not None
        ]
        if not bars:
            continue
        bars.reverse()
        figure, axes = pyplot.subplots(figsize=(8, 0.8 + 0.22 * len(bars)), layout="constrained")
        for server, colour in COLOURS.items():
            places = [at for at, (_, of, _) in enumerate(bars) if of == server]
            if places:
                # From 1, to the right or to the left.
                axes.barh(places, [bars[at][2] - 1 for at in places], left=1, color=colour,
                          label=tables.SERVERS[server])  # fmt: skip
        axes.set_yticks(range(len(bars)), [scenario for scenario, _, _ in bars], fontsize=7)
        axes.axvline(1, color="black", linewidth=1)
        axes.set_xscale("log")
        axes.set_xlabel("times as well as the peer: right of 1 FlyMQ is better")
        axes.set_title(f"From {name}", fontsize=9)
        axes.legend(fontsize=7)
        file = folder / f"peers-{language}.svg"
        figure.savefig(file, metadata={"Date": None})
        pyplot.close(figure)
        shown.append(f"![FlyMQ beside its peers, from {name}]({folder.name}/{file.name})")
    return "\n\n".join(["", *shown])
