"""The commands `realnet dream`, `fit`, `sleep`, `daydream`, `takeover` and `merge`: each follows a job to its end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from service.cli.asking import Yes, client_of, confirm
from service.cli.datasets import Columns, File, FileFormat, Name
from service.cli.jobs import print_result
from service.cli.options import refusal_of, with_options
from service.cli.output import console, printable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from realnet.client import Client, Job

begin = typer.Typer()

_BESIDES = ["dataset"]  # which the file becomes
_Kind: TypeAlias = Literal["dream", "fit", "sleep", "daydream", "takeover", "merge"]
_Keep = Annotated[
    bool, typer.Option("--keep", help="Keep the data set that FILE becomes; else it goes when the job has ended.")
]


def _request(kind: _Kind) -> "type[BaseModel]":
    from service.jobs.requests import (
        DaydreamRequest,
        DreamRequest,
        FitRequest,
        MergeRequest,
        SleepRequest,
        TakeoverRequest,
    )

    requests: dict[str, type[BaseModel]] = {
        "dream": DreamRequest,
        "fit": FitRequest,
        "sleep": SleepRequest,
        "daydream": DaydreamRequest,
        "takeover": TakeoverRequest,
        "merge": MergeRequest,
    }
    return requests[kind]


def _add(kind: Literal["dream", "fit"], what: str) -> None:
    """Add the command of a job that a file is sent for; `what` it does is its help."""

    def command(
        context: typer.Context,
        given: dict[str, Any],
        file: File,
        name: Name = None,
        format: FileFormat = None,
        inputs: Columns = None,
        targets: Columns = None,
        keep: _Keep = False,
    ) -> None:
        _teach(kind, context, given, file, keep, name=name, format=format, inputs=inputs, targets=targets)

    command.__name__, command.__doc__ = kind, what
    with_options(begin, lambda: [_request(kind)], _BESIDES)(command)


_add("dream", "Have the live net dream FILE: it lives through it, what it should say forced on its outputs.")
_add("fit", "Fit a fork of the live net to FILE by backpropagation, beside it, and bring the synapses home.")


@with_options(begin, lambda: [_request("sleep")])
def sleep(context: typer.Context, given: dict[str, Any]) -> None:
    """Have the live net sleep: it lives again through its past, or, of dendrites, searches for better contexts."""
    _check("sleep", given)
    with client_of(context) as client:
        follow_to_its_end(client.jobs.begin("sleep", given))


@with_options(begin, lambda: [_request("daydream")], ["prompts"])
def daydream(
    context: typer.Context,
    given: dict[str, Any],
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="[PROMPT]...", help="What talks go on from, in turn.")
    ] = None,
) -> None:
    """Have forks of the live net talk freely, and print what is new and yet plausible. Nothing is learnt."""
    given |= {"prompts": prompts} if prompts else {}
    _check("daydream", given)
    with client_of(context) as client:
        result = _to_its_end(client.jobs.daydream(**given)).result()
    for talk in result["talks"]:
        typer.echo(f"{talk['plausibility']:.2f} bits a token{_new(talk['novelty'], result['ngram'])}")
        typer.echo(printable(f"{talk['prompt']}|{talk['text']}") + "\n")
    among = f"of {result['made']} talks: {result['plausibility']:.2f} bits a token"
    typer.echo(f"{among}{_new(result['novelty'], result['ngram'])}, on average")


@with_options(begin, lambda: [_request("takeover")], ["url", "key"])
def takeover(
    context: typer.Context,
    given: dict[str, Any],
    url: Annotated[str, typer.Argument(metavar="URL", help="The other server, as http://host:8420.")],
    peer_key: Annotated[
        str | None,
        typer.Option(envvar="REALNET_PEER_KEY", help="A key to the other server, of scope admin; better not here."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Have the live net become what that of another server is. First it is saved as it is, so that nothing is lost."""
    _check("takeover", {"url": url, "key": peer_key} | given)
    with client_of(context) as client:
        confirm(f"have the net, which is at tick {client.net().tick:,}, become what that of {url} is?", yes)
        follow_to_its_end(client.takeover(url, peer_key, **given))


@with_options(begin, lambda: [_request("merge")], ["peers"])
def merge(
    context: typer.Context,
    given: dict[str, Any],
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="The servers of the other nets.")],
    peer_key: Annotated[
        str | None,
        typer.Option(envvar="REALNET_PEER_KEY", help="The key to them, of scope merge; better not on a shared screen."),
    ] = None,
) -> None:
    """Merge what the live net has learnt with what nets of the same ancestor have in other places. No words travel."""
    peers = dict.fromkeys(urls, peer_key)
    _check("merge", {"peers": [{"url": url, "key": key} for url, key in peers.items()]} | given)
    with client_of(context) as client:
        follow_to_its_end(client.jobs.merge(peers, **given))


def _new(share: float | None, ngram: int) -> str:
    return "" if share is None else f", {share:.0%} of {ngram} in a row were never lived"


def _teach(
    kind: Literal["dream", "fit"],
    context: typer.Context,
    given: dict[str, Any],
    file: Path,
    keep: bool,
    **of_file: str | None,
) -> None:
    """Send the file with the form's fields `of_file`, then run the job and print its result."""
    _check(kind, {"dataset": "-"} | given)
    with client_of(context) as client, _sent(client, file, keep, **of_file) as dataset:
        follow_to_its_end(client.jobs.begin(kind, {"dataset": dataset} | given))


@contextmanager
def _sent(client: "Client", file: Path, keep: bool, **of_file: str | None) -> Iterator[str]:
    """Send a file, and yield the id of its data set, which is deleted afterwards unless it was there before."""
    from realnet.client import Conflict, NotFound, OutOfScope, Unreachable

    known = {each.id for each in client.datasets.list()}
    with console(stderr=True).status(f"sending {file.name}"):
        id = client.datasets.upload(file, **of_file).id
    try:
        yield id
    finally:
        if not keep and id not in known:
            try:
                client.datasets.delete(id)
            except (Conflict, NotFound, Unreachable):  # a job still uses it, it is gone, or the server is
                pass
            except OutOfScope:
                print(f"data set {id} stays: this key may not delete it", file=sys.stderr)


def follow_to_its_end(job: "Job") -> None:
    """Show the job's progress and print its result; Ctrl-C cancels it."""
    print_result(_to_its_end(job))


def _to_its_end(job: "Job") -> "Job":
    """Show the job's progress until it has ended; Ctrl-C cancels it."""
    from service.cli.follow import follow

    try:
        follow(job)
    except KeyboardInterrupt:
        if job.cancel().status == "cancelled":
            raise typer.Exit(130) from None
    return job


def _check(kind: _Kind, request: dict[str, Any]) -> None:
    """Raise what is wrong with the options, before a file is sent for them."""
    from pydantic import ValidationError

    try:
        _request(kind).model_validate(request)
    except ValidationError as error:
        raise refusal_of(error, request) from None
