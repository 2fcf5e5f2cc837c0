"""Upload, list, look into and delete data sets."""

from pathlib import Path
from typing import BinaryIO

from realnet.client.http import Http
from realnet.client.models import Dataset
from realnet.client.pages import all_of


class AsyncDatasets:
    """The data sets of a server."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def upload(
        self,
        file: str | Path | BinaryIO,
        *,
        name: str | None = None,
        format: str | None = None,
        inputs: str | None = None,
        targets: str | None = None,
    ) -> Dataset:
        """Send a file, and return the data set when all of it is stored; the same content is one data set.

        `format` is needed where the end of the file's name does not tell it (an open file without a name has `name`);
        `inputs` and `targets` are names of columns of a .csv, with commas between.
        """
        if isinstance(file, str | Path):
            with Path(file).open("rb") as opened:
                return await self.upload(opened, name=name, format=format, inputs=inputs, targets=targets)
        form = {"name": name, "format": format, "inputs": inputs, "targets": targets}
        return await self._http.ask(
            Dataset,
            "POST",
            "/v1/datasets",
            files={"file": (Path(str(getattr(file, "name", name or "data"))).name, file)},
            data={field: value for field, value in form.items() if value is not None},
            timeout=None,  # it is answered when it has been read, which may take minutes
        )

    async def list(self) -> list[Dataset]:
        """Return all data sets, oldest first."""
        return await all_of(Dataset, self._http, "/v1/datasets")

    async def get(self, id: str) -> Dataset:
        """Return a data set with a preview of its first items."""
        return await self._http.ask(Dataset, "GET", f"/v1/datasets/{id}")

    async def delete(self, id: str) -> None:
        """Delete a data set, unless a job uses it."""
        await self._http.ask(type(None), "DELETE", f"/v1/datasets/{id}")
