"""`realnet compress` and `realnet decompress`, without a server."""

from pathlib import Path

import pytest

from realnet import DendriteLearner
from tests.cli.commands import complaint, realnet

TEXT = b"the net that expects a text needs few bits to tell it. " * 40


def test_a_file_becomes_small_and_whole_again(tmp_path: Path) -> None:
    whole, small, again = (tmp_path / name for name in ("a.txt", "a.rn", "b.txt"))
    whole.write_bytes(TEXT)
    done = realnet("compress", str(whole), "-o", str(small))
    assert done.returncode == 0
    assert done.stdout.decode().startswith(f"{len(TEXT):,} bytes became {small.stat().st_size:,}, ")
    assert small.stat().st_size < len(TEXT) / 10
    assert realnet("decompress", str(small), "-o", str(again)).returncode == 0
    assert again.read_bytes() == TEXT
    assert "exists: --force" in complaint("decompress", str(small), "-o", str(again))
    assert realnet("decompress", str(small), "-o", str(again), "--force").returncode == 0


def test_a_snapshot_is_given_for_both_ways(tmp_path: Path) -> None:
    whole, small, net = (tmp_path / name for name in ("a.txt", "a.rn", "net.safetensors"))
    whole.write_bytes(TEXT)
    learner = DendriteLearner.create("fast")
    learner.run(learner.vocabulary.encode(TEXT.decode()))
    net.write_bytes(learner.checkpoint().to_bytes())
    assert realnet("compress", str(whole), "-o", str(small), "--net", str(net)).returncode == 0
    assert "give that" in complaint("decompress", str(small), "-o", str(tmp_path / "b"))
    assert realnet("decompress", str(small), "-o", str(tmp_path / "b"), "--net", str(net)).returncode == 0
    assert (tmp_path / "b").read_bytes() == TEXT


@pytest.mark.parametrize(
    ("learner", "told"),
    [
        (DendriteLearner.create(symbols=300), "only a net of bytes"),
        (DendriteLearner.create("compact", memory=2**16), "codes no files"),
    ],
)
def test_a_net_that_codes_no_bytes_is_told_in_a_line(tmp_path: Path, learner: DendriteLearner, told: str) -> None:
    file, net, out = tmp_path / "a.txt", tmp_path / "net", tmp_path / "out"
    file.write_bytes(TEXT)
    net.write_bytes(learner.checkpoint().to_bytes())
    assert told in complaint("compress", str(file), "-o", str(out), "--net", str(net))
    assert not out.exists()


def test_what_is_wrong_is_told_in_a_line(tmp_path: Path) -> None:
    file, out = tmp_path / "a.txt", str(tmp_path / "out")
    file.write_bytes(TEXT)
    assert "not a file that realnet has compressed" in complaint("decompress", str(file), "-o", out)
    assert "not a RealNet checkpoint" in complaint("compress", str(file), "-o", out, "--net", str(file))
    assert "cannot be read" in complaint("compress", str(tmp_path / "none"), "-o", out)
    assert "fast, standard" in complaint("compress", str(file), "-o", out, "--variant", "slow", status=2)
    assert "cannot be written" in complaint("compress", str(file), "-o", str(tmp_path / "no" / "out"))
    assert not Path(out).exists()
