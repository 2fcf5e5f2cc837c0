"""The command `realnet bench`, which needs no server."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.asking import AsJson, print_json
from service.cli.output import console, megabytes

if TYPE_CHECKING:
    from service.speed.machine import Row

benching = typer.Typer()

_HEADS: "dict[str, Literal['left', 'right']]" = {
    "preset": "left",
    "net": "right",
    "on": "left",
    "threads": "right",
    "ticks a second": "right",
    "of in-place": "right",
}


@benching.command()
def bench(
    preset: Annotated[
        list[str] | None,
        typer.Option(help="Measure this one: dendrites, surprise, manifesto or literal; again for more."),
    ] = None,
    neurons: Annotated[
        list[int] | None,
        typer.Option(help="Of the last three: this size, instead of 256, 1024 and 4096; again for more."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure what this machine carries, in some 20 s: ticks a second of nets that learn. No server is needed."""
    from service.speed.machine import ALL, SIZES, rows_of

    presets = [each for each in ALL if preset is None or each in preset]
    if preset is not None and (unknown := set(preset) - set(ALL)):
        raise typer.BadParameter(f"{min(unknown)} is none of {', '.join(ALL)}", param_hint="--preset")
    sizes = list(dict.fromkeys(neurons or SIZES))
    _check_sizes(sizes)
    with console(stderr=True).status("") as status:
        rows = list(rows_of(presets, sizes, status.update))
    if json:
        print_json([row._asdict() for row in rows])
    else:
        _print_rows(rows)


def _check_sizes(sizes: list[int]) -> None:
    """Raise BadParameter for what cannot be measured, before anything is."""
    from service.speed.machine import memory_of
    from service.speed.works import LEAST_NEURONS
    from service.telemetry.memory import free_bytes

    if min(sizes) < LEAST_NEURONS:
        raise typer.BadParameter(f"{min(sizes)} is fewer than {LEAST_NEURONS}", param_hint="--neurons")
    needed, free = memory_of(max(sizes)), free_bytes()
    if free is not None and needed > free:
        what = f"{max(sizes)} take {megabytes(needed)} MB of memory, and {megabytes(free)} MB are free"
        raise typer.BadParameter(what, param_hint="--neurons")


def _print_rows(rows: "list[Row]") -> None:
    from rich.table import Table

    table = Table()
    for head, justify in _HEADS.items():
        table.add_column(head, justify=justify, no_wrap=True)
    before = ""
    for row in rows:
        if before not in ("", row.preset):
            table.add_section()
        before = row.preset
        net = f"{row.net:,}" if isinstance(row.net, int) else row.net
        share = (
            "" if row.share is None or row.bandwidth is None else f"{row.share:.0%} of {row.bandwidth / 1e9:,.0f} GB/s"
        )
        rate = f"{row.ticks_per_second:,.0f}" if row.ticks_per_second >= 100 else f"{row.ticks_per_second:.1f}"
        table.add_row(row.preset, net, row.device, str(row.threads), rate, share)
    console().print(table)
