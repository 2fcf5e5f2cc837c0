"""The command `realnet generate`."""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from service.cli.asking import InSession, client_of
from service.cli.output import printable

if TYPE_CHECKING:
    from realnet.client.models import Prompt

generating = typer.Typer()

_Read: TypeAlias = Literal["frozen", "adapt"]


@generating.command()
def generate(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the net reads before it goes on.")],
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens to generate.")] = 256,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the likeliest token, always.")] = 0.7,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same text.")] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin with nothing in mind, not with what the net has just read.")
    ] = False,
    read: Annotated[
        _Read, typer.Option(help="How a net of dendrites reads PROMPT: adapt goes on far better from a long one.")
    ] = "frozen",
    link: Annotated[
        str | None, typer.Option(metavar="ID", help="Have the net of this link go on with it, both heard as one.")
    ] = None,
    session: InSession = None,
    no_prompt: Annotated[bool, typer.Option("--no-prompt", help="Print only what comes after PROMPT.")] = False,
) -> None:
    """Let the net go on from PROMPT, and print both, the tokens as they come. It learns nothing from that."""
    from realnet.client import Generated

    prompt = prompt.encode(errors="surrogateescape").decode(errors="replace")  # any bytes can be an argument
    how: Prompt = {
        "max_tokens": max_tokens, "temperature": temperature, "seed": seed, "fresh": fresh, "read": read,
    }  # fmt: skip
    if link is not None:
        how["link"] = link
    if session is not None:
        how["session"] = session
    with client_of(context) as client:
        for number, piece in enumerate(client.generate_stream(prompt, **how)):
            if number == 0 and not no_prompt:  # what is refused is refused before anything is printed
                print(printable(prompt), end="")
            if not isinstance(piece, Generated):  # which is all of it again
                print(printable(piece.text), end="", flush=True)
    print()
