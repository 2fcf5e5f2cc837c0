"""The command `realnet chat`: a conversation, from which the net learns one side."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.asking import InSession, client_of
from service.cli.output import console, printable

if TYPE_CHECKING:
    from rich.text import Text

    from realnet.client import Client, Output
    from realnet.client.models import InputContent, Prompt

chatting = typer.Typer()

_COLOURS = ((1.0, "green"), (3.0, "cyan"), (6.0, "yellow"), (float("inf"), "red"))  # up to so many bits a character


@chatting.command()
def chat(
    context: typer.Context,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of an answer, at most; it ends with its line.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the likeliest token, always.")] = 0.7,
    session: InSession = None,
) -> None:
    """Talk with the net: it learns each line that you say, tells how surprising it was, and answers with one.

    Your line is coloured by surprise: green was expected, red was not. An empty line lets the net talk on; Ctrl-D ends.
    From its own answers it learns nothing.
    """
    from realnet.client import RealNetError

    of: InputContent = {} if session is None else {"session": session}
    how: Prompt = {"max_tokens": max_tokens, "temperature": temperature}
    if session is not None:
        how["session"] = session
    with client_of(context) as client:
        if client.net().vocabulary is None:
            raise RealNetError("the net reads frames of numbers, and no text")
        for seed, line in enumerate(_lines()):
            if line:
                console().print(_heard(client, line + "\n", of))
            _answer(client, {**how, "seed": seed})


def _lines() -> Iterator[str]:
    """Yield what is said, line by line; on a terminal each can be edited."""
    if not sys.stdin.isatty():
        for line in sys.stdin:
            yield line.rstrip("\n")
        return
    with suppress(ImportError):  # there is none on Windows
        import readline  # noqa: F401  # `input` has a history then
    while True:
        try:
            yield input("> ")
        except EOFError:
            print()
            return


def _heard(client: "Client", text: str, of: "InputContent") -> "Text":
    """Have the net learn a text, and return the text coloured by surprise, and how large that was."""
    from rich.text import Text

    text = text.encode(errors="surrogateescape").decode(errors="replace")  # any bytes can be typed
    outputs = client.run(text, outputs="surprise", **of).outputs
    bits = sum(output.surprise or 0.0 for output in outputs)
    figure = f"{bits / len(text):.2f} bits a character"
    if len(outputs) != len(text.encode()) or not console().is_terminal:  # tokens are no bytes, or there is no colour
        return Text(figure)
    return _coloured(text.rstrip("\n"), outputs).append(f"  {figure}", style="dim")


def _coloured(text: str, outputs: "list[Output]") -> "Text":
    from rich.text import Text

    coloured, at = Text(), 0
    for sign in text:
        count = len(sign.encode())
        bits = sum(output.surprise or 0.0 for output in outputs[at : at + count])
        coloured.append(printable(sign), style=next(colour for most, colour in _COLOURS if bits <= most))
        at += count
    return coloured


def _answer(client: "Client", how: "Prompt") -> None:
    """Print what the net says next, to the end of its line."""
    from realnet.client import Generated

    is_begun = False
    for piece in client.generate_stream(**how):
        if isinstance(piece, Generated):
            break
        text = piece.text if is_begun else piece.text.lstrip("\n")
        said, end, _ = text.partition("\n")
        print(printable(said), end="", flush=True)
        is_begun = is_begun or bool(said)
        if end:
            break
    print(flush=True)
