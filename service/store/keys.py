"""The names of all that is stored: the keys of each net, and the few names of the store's own beside them."""

from dataclasses import dataclass

#: Before every key in Redis, which others may use, too.
REDIS_PREFIX = "realnet:"
#: In Redis, the token of the server that took the store last, or what tells of a cluster and how many shards it has;
#: as all that begins with a dot, never a key.
REDIS_OWNER = REDIS_PREFIX + ".owner"
#: In Redis, who has the store now, and for how long.
REDIS_LEASE = REDIS_PREFIX + ".lease"
#: In Redis, that there is a cluster which lives.
REDIS_CLUSTER = REDIS_PREFIX + ".cluster"
#: In Redis, before the number of each shard of a cluster: its epoch, and the token of who took it last.
REDIS_EPOCH = REDIS_PREFIX + ".epoch:"
#: In Redis, before the number of each shard of a cluster that serves: where.
REDIS_SHARD = REDIS_PREFIX + ".shard:"
#: In Redis, before the id of each server that shows itself.
REDIS_MEMBER = REDIS_PREFIX + ".member:"
#: In Redis, the ids of these, and perhaps of some that are gone.
REDIS_MEMBERS = REDIS_PREFIX + ".members"
#: In a directory, where servers show themselves, each in a file of its own.
MEMBERS_FOLDER = ".members"
#: The folder of the keys that say which nets are children; no name of a net begins as it does.
CHILDREN = "nets/_children/"
#: In a directory, the file that is locked by the server that has the store.
LOCK_FILE = ".lock"
#: In a directory, the beginning of the name of a file that is not whole yet.
TEMPORARY = ".put-"


@dataclass(slots=True, frozen=True)
class NetKeys:
    """The keys of the net of this name. Those that end with "/" are followed by an id, or by the name of a folder."""

    name: str

    @property
    def journal(self) -> str:
        """Return the name of the log."""
        return f"{self.name}/journal"

    @property
    def last_snapshot_id(self) -> str:
        return f"{self.name}/last-snapshot-id"

    @property
    def manifests(self) -> str:
        """Return where the manifests of snapshots are, by id."""
        return f"{self.name}/manifests/"

    @property
    def snapshots(self) -> str:
        """Return where the folders of snapshots are, by id."""
        return f"{self.name}/snapshots/"

    @property
    def dataset_manifests(self) -> str:
        return f"{self.name}/dataset-manifests/"

    @property
    def datasets(self) -> str:
        """Return where the folders of data sets are, by a name that their manifest tells."""
        return f"{self.name}/datasets/"

    @property
    def jobs(self) -> str:
        return f"{self.name}/jobs/"

    @property
    def parcels(self) -> str:
        """Return where what jobs were given with them is, by their ids."""
        return f"{self.name}/parcels/"

    @property
    def stream_manifests(self) -> str:
        return f"{self.name}/stream-manifests/"

    @property
    def streams(self) -> str:
        """Return where the folders of streams are, by a name that their manifest tells."""
        return f"{self.name}/streams/"

    @property
    def stream_events(self) -> str:
        """Return where the events of streams are, by the number of their segment."""
        return f"{self.name}/stream-events/"

    @property
    def hooks(self) -> str:
        """Return where hooks are, by id."""
        return f"{self.name}/hooks/"


def manifest_key(name: str) -> str:
    """Return the key of what the net of this name was made as. No net is named as the folder is."""
    return f"nets/{name}"


def child_key(net: str, snapshot: str, name: str) -> str:
    """Return the key that says that the net of this name is, or may be, a child of a snapshot of a net."""
    return f"{CHILDREN}{net}/{snapshot}/{name}"


def deleted_net_key(name: str) -> str:
    """Return the key that is there while a net is being deleted; no name of a net begins as its folder's does."""
    return f"nets/_deleted/{name}"


def chunk_key(folder: str, index: int) -> str:
    """Return the key of chunk number `index` in a folder of a snapshot or a data set."""
    return f"{folder}/chunk-{index:05d}"


def memory_key(folder: str) -> str:
    """Return the key of what the service remembers beside the net, in the folder of a snapshot."""
    return f"{folder}/memory"
