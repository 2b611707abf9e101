"""What figures with sliders are put together from."""

from collections.abc import Iterable, Mapping, Sequence

import altair as alt

from logderiv.figures.palette import CYCLE

MIME = "application/vnd.vegalite.v5+json"
WIDTH, HEIGHT = 270, 210
DOT = {"filled": True, "opacity": 1}
UPRIGHT = alt.Axis(labelAngle=0)


class Live:
    """A figure that shows itself as data.

    Args:
        message: its title, one sentence.
        panels: its charts, side by side.
        knobs: its sliders.
    """

    def __init__(
        self,
        message: str,
        panels: Sequence[alt.Chart | alt.LayerChart],
        knobs: Sequence[alt.Parameter],
    ):
        sized = [
            panel.properties(width=WIDTH, height=HEIGHT) for panel in panels
        ]
        chart = alt.concat(*sized, columns=2, title=message, spacing=28)
        self.spec = (
            chart.add_params(*knobs)
            .resolve_scale(color="independent", xOffset="independent")
            .configure_view(stroke=None)
            .configure_axis(
                gridColor="#999",
                gridOpacity=0.3,
                labelFlush=False,
                labelFontSize=11,
                titleFontSize=12,
            )
            .configure_title(fontSize=14, anchor="start", offset=12)
            .configure_legend(orient="top", title=None, labelFontSize=12)
            .to_dict()
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {MIME: self.spec, "text/plain": f"a figure with sliders: {MIME}"}


def knob(
    name: str, label: str, low: float, high: float, step: float, at: float
) -> alt.Parameter:
    """A slider."""
    range_ = alt.binding_range(min=low, max=high, step=step, name=label)
    return alt.param(name=name, value=at, bind=range_)


def choice(name: str, label: str, options: Sequence[str]) -> alt.Parameter:
    """A list to choose from; the first is chosen."""
    select = alt.binding_select(options=list(options), name=label)
    return alt.param(name=name, value=options[0], bind=select)


def line(
    low: float, high: float, step: float, name: str, **formulas: str
) -> alt.Chart:
    """Points `name` from low to high, and formulas of them."""
    points = alt.sequence(low, high + step / 2, step, as_=name)
    return alt.Chart(points).transform_calculate(**formulas)


def rows(table: Sequence[Mapping[str, object]], **formulas: str) -> alt.Chart:
    """A table, and formulas of its columns."""
    values = alt.Data(values=[dict(row) for row in table])
    chart = alt.Chart(values)
    return chart.transform_calculate(**formulas) if formulas else chart


def text(chart: alt.Chart, words: str) -> alt.Chart:
    """What the formula `words` says, in the upper left corner."""
    marks = chart.transform_calculate(words=words).mark_text(
        align="left", baseline="top", fontSize=13, fontWeight="bold"
    )
    return marks.encode(x=alt.value(6), y=alt.value(4), text="words:N")


def colors(names: Iterable[str], palette: Iterable[str] = CYCLE) -> alt.Scale:
    """A colour a name."""
    pairs = dict(zip(names, palette, strict=False))
    return alt.Scale(domain=list(pairs), range=list(pairs.values()))


def bars(
    chart: alt.Chart,
    group: str,
    kind: str,
    scale: alt.Scale,
    domain: Sequence[float],
    unit: str,
) -> alt.LayerChart:
    """Bars of `value`, each with its figure at its end."""
    base = chart.transform_calculate(
        shown="format(datum.value, '+.2f')"
    ).encode(x=alt.X(f"{group}:N", title=None, sort=None, axis=UPRIGHT))
    if kind != group:
        base = base.encode(xOffset=alt.XOffset(f"{kind}:N", sort=None))
    y = alt.Y("value:Q", title=unit, scale=alt.Scale(domain=list(domain)))
    color = alt.Color(f"{kind}:N", scale=scale)
    ends = base.encode(y=y, text="shown:N")
    above = ends.transform_filter("datum.value >= 0")
    below = ends.transform_filter("datum.value < 0")
    return (
        base.mark_bar().encode(y=y, color=color)
        + above.mark_text(fontSize=11, dy=-8)
        + below.mark_text(fontSize=11, dy=8)
    )


def tens(low: int, high: int) -> alt.Axis:
    """Ticks at the powers of ten alone."""
    return alt.Axis(values=[10.0**k for k in range(low, high + 1)], format="~g")
