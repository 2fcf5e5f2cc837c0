"""A picture of the bits that each learner needs: one line a stream, one dot a learner."""

from html import escape

from benchmarks.learners import Row

_COLOURS = (
    *("#c1121f", "#e76f51", "#f4a261", "#2a9d8f", "#8ab17d", "#9b5de5"),
    *("#adb5bd", "#6c757d", "#90a8c3", "#457b9d", "#111111", "#b5838d"),
)
_LEFT, _WIDTH, _LINE, _TOP = 130, 620, 34, 40


def draw(rows: list[Row]) -> str:
    """Return an SVG. Learners of more than 4 bits a byte are left out."""
    shown = [row for row in rows if row.bits is not None and row.bits <= 4]
    streams = list(dict.fromkeys(row.stream for row in shown))
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(dict.fromkeys(row.learner for row in shown))}
    most = max((row.bits or 0 for row in shown), default=1)
    bottom = _TOP + _LINE * len(streams)
    parts = [_text(_LEFT, 20, "bits a byte, each predicted before it is learnt; further left is better")]
    for tick in range(int(2 * most) + 1):
        x = _LEFT + _WIDTH * tick / 2 / most
        parts.append(f'<path d="M{x:.1f} {_TOP - 8}V{bottom - 20}" stroke="#ddd"/>')
        parts.append(_text(x - 8, bottom, f"{tick / 2:g}"))
    for number, name in enumerate(streams):
        y = _TOP + _LINE * number + 8
        parts.append(_text(8, y + 4, name[:18]))
        for row in reversed([row for row in shown if row.stream == name]):
            x, note = _LEFT + _WIDTH * (row.bits or 0) / most, escape(f"{row.learner}: {row.bits:.3f}")
            dot = f'<circle cx="{x:.1f}" cy="{y}" r="5.5" fill="{colours[row.learner]}" fill-opacity=".85">'
            parts.append(f"{dot}<title>{note}</title></circle>")
    for number, (name, colour) in enumerate(colours.items()):
        x, y = _LEFT + 200 * (number % 3), bottom + 28 + 20 * (number // 3)
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="5.5" fill="{colour}"/>' + _text(x + 12, y, name))
    width, height = _LEFT + _WIDTH + 20, bottom + 48 + 20 * (len(colours) // 3)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#fff"/>', *parts, "</svg>\n"])


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" font-size="13">{escape(text)}</text>'
