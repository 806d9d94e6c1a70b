"""The master key file, and epochs' keys by the vectors of the cookie's description."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_ground import needs_root

from hardtack.keys import KeyFileError, epoch_key, epoch_of, make_key, read_key, schedule

MASTER = bytes(range(32))
HOUR = 3600


@pytest.mark.parametrize(
    ("seconds", "epoch", "key"),
    [
        (1763800000.345, 27559375, "30b428d206c5bcc1bd53bcc9b2c045a4"),
        (0.345, 0, "d9ec06ec2c74ab4a376b25ad60311b3c"),
        (1763800065.345, 27559376, "f7ad1e2ea92d043de6e6516fadc0418b"),
    ],
)
def test_published_vectors(seconds: float, epoch: int, key: str) -> None:
    assert epoch_of(seconds) == epoch
    assert epoch_key(MASTER, epoch).hex() == key


@given(st.integers(0, 2**40))
def test_an_epoch_is_64_seconds(seconds: int) -> None:
    assert epoch_of(seconds) == epoch_of(seconds - seconds % 64) == epoch_of(seconds - seconds % 64 + 63.999)


@given(st.integers(0, 2**34))
def test_the_schedule_reaches_from_the_last_epoch_to_an_hour_ahead(now: int) -> None:
    keys = schedule(MASTER, now)
    epochs = [epoch for epoch, _ in keys]
    assert epochs == list(range(epochs[0], epochs[-1] + 1))
    assert epochs[0] == max(epoch_of(now) - 1, 0)
    assert epochs[-1] >= epoch_of(now + HOUR)
    assert len({epoch & 63 for epoch in epochs}) == len(epochs)  # each has a slot of its own in the table
    assert keys[0] == (epochs[0], epoch_key(MASTER, epochs[0]))


def test_make_and_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    before = os.umask(0o777)  # the mode of the file does not depend on it
    try:
        make_key(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o600
    text = path.read_text()
    assert len(text) == 65
    assert text.endswith("\n")
    assert read_key(path).hex() == text.strip()


def test_two_keys_differ(tmp_path: Path) -> None:
    make_key(tmp_path / "a")
    make_key(tmp_path / "b")
    assert read_key(tmp_path / "a") != read_key(tmp_path / "b")


@pytest.mark.parametrize("there", ["file", "folder", "dangling link"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    path = tmp_path / "key"
    if there == "file":
        path.write_text("mine")
    elif there == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    remedy = "give another name" if there == "folder" else f"rm {path}"
    with pytest.raises(KeyFileError, match=f"^{path}: exists already.*{remedy}$"):
        make_key(path)
    assert not (tmp_path / "elsewhere").exists()
    assert there != "file" or path.read_text() == "mine"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=f"mkdir -p {tmp_path}/new$"):
        make_key(tmp_path / "new" / "key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o601])
def test_a_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    make_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=rf"mode {mode:04o}.*chmod 600 {path}$"):
        read_key(path)


@needs_root
def test_a_key_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_key(path)
    os.chown(path, 65534, 65534)
    with pytest.raises(KeyFileError, match=rf"uid 65534 owns this key.*chown 0 {path}$"):
        read_key(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=f"^{tmp_path}/key: no such key file.* hardtack key {tmp_path}/key$"):
        read_key(tmp_path / "key")


@pytest.mark.parametrize("there", ["folder", "fifo"])
def test_not_a_file(tmp_path: Path, there: str) -> None:
    path = tmp_path / "key"
    if there == "folder":
        path.mkdir(0o700)
    else:
        os.mkfifo(path, 0o600)  # must not wait for somebody to write into it
    with pytest.raises(KeyFileError, match="not a regular file"):
        read_key(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "00" * 31 + "\n",
        "00" * 33 + "\n",
        "00" * 32 + "\n\n",
        "0x" + "00" * 31,
        "zz" * 32,
        "00 " * 32,
        "é" * 32,
    ],
)
def test_not_a_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="64 hex digits") as refused:
        read_key(path)
    assert not content.strip() or content.strip() not in str(refused.value)


def test_a_key_typed_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(MASTER.hex().upper())  # no newline at the end
    path.chmod(0o600)
    assert read_key(path) == MASTER
