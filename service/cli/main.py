"""The `realnet` command. Most of it talks to a server, as a client."""

import sys
from typing import Annotated

import typer

from service.cli.about import about
from service.cli.asking import DEFAULT_URL, checked_name, checked_url, place_of
from service.cli.begin import begin
from service.cli.bench import benching
from service.cli.chat import chatting
from service.cli.cluster import cluster
from service.cli.compression import compression
from service.cli.datasets import datasets
from service.cli.family import family
from service.cli.generate import generating
from service.cli.hive import hive
from service.cli.hooks import hooks
from service.cli.jobs import jobs
from service.cli.keys import keys
from service.cli.links import links
from service.cli.net import net as looking
from service.cli.nets import nets
from service.cli.outputs import outputs
from service.cli.serve import serving
from service.cli.sessions import sessions
from service.cli.snapshots import snapshots
from service.cli.streaming import streaming
from service.cli.streams import events, streams
from service.cli.top import top
from service.cli.watch import watching

app = typer.Typer(
    help="A neural network that is alive: it learns from every token, as it comes.",
    pretty_exceptions_enable=False,
    invoke_without_command=True,
)
app.add_typer(serving)
app.add_typer(streaming)
app.add_typer(generating)
app.add_typer(chatting)
app.add_typer(looking)
app.add_typer(about)
app.add_typer(hive)
app.add_typer(links)
app.add_typer(top)
app.add_typer(outputs)
app.add_typer(watching)
app.add_typer(events)
app.add_typer(begin)
app.add_typer(compression)
app.add_typer(benching)
nets.add_typer(family)
app.add_typer(nets, name="nets")
app.add_typer(cluster, name="cluster")
app.add_typer(jobs, name="jobs")
app.add_typer(snapshots, name="snapshot")
app.add_typer(sessions, name="sessions")
app.add_typer(streams, name="streams")
app.add_typer(datasets, name="dataset")
app.add_typer(hooks, name="hooks")
app.add_typer(keys, name="key")


_BEFORE = {"--url", "--key", "--net"}  # any command


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"realnet {version('realnet-live')}")
        raise typer.Exit


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
    net: Annotated[
        str | None,
        typer.Option(envvar="REALNET_NET", metavar="NAME", help="Which net of the server; if not given, default."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    from realnet.client import Server

    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit
    if key is not None and not (key.isascii() and key.isprintable()):  # it becomes a part of a header
        raise typer.BadParameter("a key has visible ASCII signs only", param_hint="--key")
    context.obj = Server(checked_url(url), key, checked_name(net) if net else None)


def main() -> None:
    """The console entry: exit status 0, 1 (it failed), 2 (it was asked wrongly), 3 (`watch --exit-on-event`) or 130."""
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
    from realnet.client import RealNetError, Unauthorized

    if isinstance(error, OSError) and error.filename is not None:
        status, line = 1, f"{error.filename}: {error.strerror}"
    elif isinstance(error, RealNetError):
        status, line = 1, error.line(place_of)
        if isinstance(error, Unauthorized):
            line += " (--key or REALNET_KEY gives one)"
    elif hasattr(error, "format_message"):  # a usage error: typer's own class, or click's in older versions of typer
        command = getattr(getattr(error, "ctx", None), "command_path", "realnet")
        if not error.format_message():
            return 2  # a group of commands alone: its help is printed
        message = error.format_message().replace("?.", "?").replace("Value error, ", "")
        if (option := getattr(error, "option_name", "")) in _BEFORE:
            message = f"{option} stands before the command: `realnet {option} … {command.removeprefix('realnet ')}`"
        status, line = 2, f"{message}{'' if message.endswith(('?', '.')) else '.'} Try `{command} --help`."
    else:
        raise error
    print("realnet:", " ".join(line.split()), file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
