"""The commands about the live net itself: `info`, `explain`, `pause`, `resume`, `set`, `grow` and `shrink`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.asking import AsJson, InSession, client_of, print_json
from service.cli.output import megabytes, print_table, shown, token_shown

if TYPE_CHECKING:
    from realnet.client import Net

net = typer.Typer()

_MOST_ASKED = 255  # a dendrite counts no further

_MODES = {
    "awake": "awake: input is coming",
    "resting": "resting: ticks are counted, and nothing changes",
    "dreaming": "dreaming: a job teaches it",
    "paused": "paused: `realnet resume` has it go on",
}


@net.command()
def info(context: typer.Context, json: AsJson = False) -> None:
    """Print what the live net is, and how it is doing."""
    with client_of(context) as client:
        live = client.net()
    if json:
        print_json(live)
    else:
        print_table(_lines(live))


@net.command()
def explain(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="CONTEXT", help="What the net is to have read.")] = "",
    in_mind: Annotated[bool, typer.Option("--in-mind", help="Read it after what the net has in mind.")] = False,
    session: InSession = None,
    json: AsJson = False,
) -> None:
    """Tell why the net expects what it does after CONTEXT. Of a net of dendrites; nothing is learnt."""
    with client_of(context) as client:
        why = client.explain(text, fresh=None if session is not None else not in_mind, session=session)
        vocabulary = client.net().vocabulary
    if json:
        print_json(why)
        return
    typer.echo(f"after {text!r} it expects {token_shown(why.token, vocabulary)}, probability {shown(why.probability)}")
    said = [
        (each.context, _asked(each.asked), shown(each.probability), shown(each.gain), f"{each.bits:+.2f}")
        for each in why.dendrites
    ]
    print_table(said, heads=("dendrite of", "asked", "says", "gain", "moves it by bits"))
    recalled = [
        (f"{each.least} or more", token_shown(each.expects, vocabulary), f"{each.bits:+.2f}") for each in why.recalls
    ]
    if recalled:
        print_table(recalled, heads=("recall of", "expects", "moves it by bits"))


@net.command()
def pause(context: typer.Context) -> None:
    """Stop the net's time: what comes is kept, and learnt once it goes on. A pause outlives a restart."""
    with client_of(context) as client:
        client.change(paused=True)
    typer.echo("paused")


@net.command()
def resume(context: typer.Context) -> None:
    """Have a net that is paused go on, with what has come meanwhile."""
    with client_of(context) as client:
        client.change(paused=False)
    typer.echo("resumed")


@net.command("set")
def set_(
    context: typer.Context,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--rate", help="How strongly it learns from now on (0 to 1e6).")
    ] = None,
    plasticity: Annotated[bool | None, typer.Option(help="Whether it learns at all.")] = None,
    tick_hz: Annotated[float | None, typer.Option(help="Ticks a second without input (0.001 to 1000).")] = None,
    self_loop: Annotated[bool | None, typer.Option(help="Whether it thinks on while nothing comes.")] = None,
) -> None:
    """Change the live net. What is not given stays as it is."""
    if (learning_rate, plasticity, tick_hz, self_loop) == (None, None, None, None):
        hint = "--learning-rate, --plasticity, --tick-hz or --self-loop"
        raise typer.BadParameter("one of them at least", param_hint=hint)
    with client_of(context) as client:
        live = client.change(learning_rate=learning_rate, plasticity=plasticity, tick_hz=tick_hz, self_loop=self_loop)
    print_table((name.replace("_", " "), shown(getattr(live, name))) for name in _SET)


@net.command()
def grow(
    context: typer.Context,
    lines: Annotated[int | None, typer.Option(help="Lines of memory, a power of two, of 64 bytes each.")] = None,
    add: Annotated[list[str] | None, typer.Option("--context", help="A context to take on; repeat it.")] = None,
) -> None:
    """Give a net of dendrites more memory, more contexts, or both. It goes on from where it is."""
    if lines is None and not add:
        raise typer.BadParameter("one of them at least", param_hint="--lines or --context")
    with client_of(context) as client:
        print_table(_size(client.grow(lines, add or ())))


@net.command()
def shrink(
    context: typer.Context,
    lines: Annotated[
        int, typer.Argument(metavar="LINES", help="Lines that are left, a power of two: those that were used most.")
    ],
) -> None:
    """Have a net of dendrites go on with less memory. What the other lines knew is gone."""
    with client_of(context) as client:
        print_table(_size(client.shrink(lines)))


def _asked(count: int) -> str:
    return f"{count} or more" if count >= _MOST_ASKED else str(count)


def _size(live: "Net") -> Iterator[tuple[str, str]]:
    if live.lines is not None and live.max_lines is not None and live.contexts is not None:
        yield "lines", f"{live.lines:,} of up to {live.max_lines:,}"
        yield "contexts", "; ".join(live.contexts)  # some have a comma in their name


_SET = ("learning_rate", "plasticity", "tick_hz", "self_loop")


def _lines(live: "Net") -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know of a net: a name, and a value that explains itself."""
    yield "name", live.name
    yield "preset", live.preset
    yield "neurons", f"{live.neurons:,}"
    yield from _size(live)
    if live.vocabulary is None:
        yield "reads", f"frames of {live.inputs:,} values"
        yield "says", f"frames of {live.outputs:,} values"
    else:
        yield "reads", f"tokens: {live.vocabulary}, of which there are {live.outputs:,}"
    yield "computed by", f"{live.kernel} on {live.device}"
    yield "mode", _MODES.get(live.mode, live.mode)
    if live.vocabulary is not None:
        yield "tokens seen", f"{live.tokens_seen:,}"
    yield "tick", f"{live.tick:,}; without input it counts on, {shown(live.tick_hz)} a second"
    yield "speed", f"{shown(live.ticks_per_second)} ticks a second"
    yield "queue", f"{live.queue_depth:,} of {live.queue_capacity:,} ticks, accepted and not yet run"
    yield "listeners", f"{live.listeners:,}"
    if live.memory_bytes is not None:
        yield "memory", f"{megabytes(live.memory_bytes)} MB"
    if live.vocabulary is not None:
        yield "accuracy", f"{shown(live.accuracy)}, moving, over everybody's tokens"
        yield "surprise", f"{shown(live.surprise)} bits a token, likewise"
    yield "learning rate", shown(live.learning_rate)
    yield "plasticity", "yes: it learns" if live.plasticity else "no: it learns nothing"
