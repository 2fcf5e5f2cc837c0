"""The `realnet` command. All but `serve` talk to a server over the network, like any client."""

import asyncio
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from service.cli.datasets import datasets
from service.cli.http import request, shown
from service.cli.jobs import dream, fit, sleep
from service.cli.keys import keys

if TYPE_CHECKING:
    from rich.console import Console

    from service.client import Server

DEFAULT_URL = "http://127.0.0.1:8420"

app = typer.Typer(
    help="A neural network that is alive: it learns from every token, as it comes.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
snapshots = typer.Typer(help="Save, list and restore snapshots of the live net.")
app.add_typer(snapshots, name="snapshot")
app.add_typer(datasets, name="dataset")
app.add_typer(keys, name="key")
app.command()(dream)
app.command()(fit)
app.command()(sleep)


class Preset(StrEnum):
    literal = "literal"
    manifesto = "manifesto"
    surprise = "surprise"


class Journal(StrEnum):
    always = "always"
    everysec = "everysec"
    never = "never"
    off = "off"


@app.callback()
def options(
    context: typer.Context,
    url: Annotated[
        str, typer.Option(envvar="REALNET_URL", help="The server that client commands talk to.")
    ] = DEFAULT_URL,
    key: Annotated[
        str | None,
        typer.Option(envvar=["REALNET_KEY", "REALNET_API_KEY"], help="The key to it; better not on a shared screen."),
    ] = None,
) -> None:
    from service.client import Server

    if not _is_url(url):
        raise typer.BadParameter(f"a server's URL looks like {DEFAULT_URL}", param_hint="--url")
    if key is not None and not (key.isascii() and key.isprintable()):  # it becomes a part of a header
        raise typer.BadParameter("a key has visible ASCII signs only", param_hint="--key")
    context.obj = Server(url.rstrip("/"), key)


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port or an address that is none
        return False


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    store: Annotated[str | None, typer.Option(help="file:///dir or redis://host:port/db, for snapshots.")] = None,
    preset: Annotated[Preset | None, typer.Option(help="The form of the tick that a new net lives by.")] = None,
    neurons: Annotated[int | None, typer.Option(help="Size of a new net.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")] = None,
    seed: Annotated[int | None, typer.Option(help="What a new net is drawn from.")] = None,
    rest_after: Annotated[int | None, typer.Option(help="Ticks without input before the net rests.")] = None,
    free_run: Annotated[bool | None, typer.Option("--free-run/--no-free-run", help="Never rest.")] = None,
    inputs: Annotated[int | None, typer.Option(help="Input neurons of a net of raw frames; with --outputs.")] = None,
    outputs: Annotated[int | None, typer.Option(help="Output neurons of a net of raw frames; with --inputs.")] = None,
    keys_file: Annotated[str | None, typer.Option(help="Keys, as `realnet key create` writes them.")] = None,
    journal: Annotated[Journal | None, typer.Option(help="When what is learnt is on the disk, if ever.")] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Allow an address that is not loopback without any key.")
    ] = None,
) -> None:
    """Run the server. A flag overrides the environment's REALNET_* setting of the same name."""
    from pydantic import ValidationError

    from service.client import ClientError
    from service.server.run import run
    from service.settings import Settings

    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "store": store,
        "preset": preset and preset.value,
        "neurons": neurons,
        "device": device,
        "seed": seed,
        "rest_after": rest_after,
        "free_run": free_run,
        "inputs": inputs,
        "outputs": outputs,
        "keys_file": keys_file,
        "journal": journal and journal.value,
        "insecure": insecure,
    }
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "".join(f"{name}: " for name in first["loc"])
        raise ClientError(f"{name}{first['msg'].removeprefix('Value error, ')}") from None
    run(settings)


@app.command()
def stream(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A text file, or - for standard input.")],
    batch: Annotated[int, typer.Option(min=1, max=16384, help="Bytes in one message, at most.")] = 512,
) -> None:
    """Stream a text to the server, which learns from every token of it; show how well it predicts it."""
    from service.cli.stream import stream_text

    if not asyncio.run(stream_text(context.obj, file, batch, _console(stderr=True))):
        raise typer.Exit(130)


@app.command()
def generate(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help="What the net reads before it goes on.")],
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens to generate.")] = 256,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the likeliest token, always.")] = 0.7,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed gives the same text.")] = None,
) -> None:
    """Let the net go on from PROMPT, and print its tokens as they come. It learns nothing from that."""
    prompt = prompt.encode(errors="surrogateescape").decode(errors="replace")  # any bytes can be an argument
    request = {"prompt": prompt, "max_tokens": max_tokens, "temperature": temperature, "seed": seed}
    asyncio.run(_generate(context.obj, {name: value for name, value in request.items() if value is not None}))


@app.command()
def info(context: typer.Context) -> None:
    """What the live net is, and how it is doing."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in request(context.obj, "GET", "/v1/net").items():
        table.add_row(name.replace("_", " "), shown(value))
    _console().print(table)


@snapshots.command("save")
def snapshot_save(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="What to call it, in 80 signs at most.")] = None,
) -> None:
    """Save a snapshot of the live net now, to be kept until it is deleted."""
    saved = request(context.obj, "POST", "/v1/snapshots", seconds=120, body={"name": name})
    typer.echo(f"{saved['id']}: tick {saved['tick']:,}, {saved['bytes'] / 1e6:,.1f} MB")


@snapshots.command("list")
def snapshot_list(context: typer.Context) -> None:
    """List the snapshots, oldest first. Those that are not kept go when there are newer ones."""
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "tick", "created", "MB", "kept", "name", "of job", box=None, pad_edge=False)
    for one in request(context.obj, "GET", "/v1/snapshots")["data"]:
        megabytes = f"{one['bytes'] / 1e6:,.1f}"
        name = Text(one["name"] or "")  # no markup: it is anybody's
        table.add_row(one["id"], f"{one['tick']:,}", one["created_at"], megabytes, shown(one["kept"]), name, one["job"])
    _console().print(table)


@snapshots.command("restore")
def snapshot_restore(
    context: typer.Context, id: Annotated[str, typer.Argument(help="As `snapshot list` has it.")]
) -> None:
    """Put the live net back to a snapshot. What it learnt since then is lost, unless it was saved."""
    if not id.isalnum():  # it becomes a part of a path
        raise typer.BadParameter("an id is as `realnet snapshot list` has it", param_hint="ID")
    request(context.obj, "POST", f"/v1/snapshots/{id}/restore", seconds=120)
    typer.echo(f"restored {id}")


def main() -> None:
    """The console entry: exit status 0, 1 (it failed), 2 (it was asked wrongly) or 130 (Ctrl-C)."""
    try:
        status = app(prog_name="realnet", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except BrokenPipeError:  # of `realnet … | head`
        sys.stderr.close()  # or the interpreter says so when it flushes
        status = 1
    except Exception as error:
        status = _fail(error)
    sys.exit(status)


def _fail(error: Exception) -> int:
    from service.client import ClientError

    if isinstance(error, ClientError):
        status, line = 1, str(error)
    elif hasattr(error, "format_message"):  # a usage error: typer's own class, or click's in older versions of typer
        command = getattr(getattr(error, "ctx", None), "command_path", "realnet")
        status, line = 2, f"{error.format_message().rstrip('.')}. Try `{command} --help`."
    else:
        raise error
    print("realnet:", " ".join(line.split()), file=sys.stderr)
    return status


async def _generate(server: "Server", request: dict[str, Any]) -> None:
    from service.client import ClientError, open_stream, problem_line

    async with open_stream(server) as client:
        await client.send({"type": "generate", **request})
        async for message in client:
            match message["type"]:
                case "tokens":
                    print(_printable(message["text"]), end="", flush=True)
                case "generated":
                    print()
                    return
                case "error":
                    raise ClientError(problem_line(message["problem"]))


def _printable(text: str) -> str:
    """`text`, without what a terminal would obey: a young net says any byte."""
    if not sys.stdout.isatty():
        return text
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _console(stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
