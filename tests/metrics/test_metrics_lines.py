"""Line protocol: whatever is in a tag comes out of a strict parser again; batches and the buffer have bounds."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardtack.control.configuration.endpoints import target_of
from hardtack.control.metrics import families
from hardtack.control.metrics.buffer import Batch, Buffer
from hardtack.control.metrics.lines import batches, of_samples, of_traffic, tagged
from hardtack.control.metrics.sending import authorised
from hardtack.packet.layout import Counters
from hardtack.packet.reasons import Reason

TAG = re.compile(r"((?:[^,= \\]|\\[,= ]|\\(?![,= ]))+)=((?:[^,= \\]|\\[,= ]|\\(?![,= ]))+)")


def parsed(line: str) -> tuple[str, dict[str, str], dict[str, str], int]:
    """A point, as InfluxDB 1 takes it apart: what is unescaped ends a part, even behind a backslash that is data."""
    assert "\n" not in line
    head, fields, time = re.split(r"(?<!\\) ", line)
    measurement, *pairs = re.split(r"(?<!\\),", head)
    tags = {}
    for pair in pairs:
        found = TAG.fullmatch(pair)
        assert found, pair
        key, value = (re.sub(r"\\([,= ])", r"\1", part) for part in found.groups())
        tags[key] = value
    return measurement, tags, dict(field.split("=") for field in fields.split(",")), int(time)


def expected(text: str) -> str:
    """What can be stored of a text: see docs/metrics.md."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"\\(?=[,= \\]|$)", "/", plain)


awkward = st.text(st.sampled_from('ab\\, ="\n\té\u2028☃') | st.characters(codec="utf-8"), max_size=30)


@given(awkward, awkward)
def test_tags_come_out_as_they_went_in(rule: str, host: str) -> None:
    line = f"{tagged('m', {'rule': rule, 'host': host, 'z': 'last'})} value=1.0 5"
    tags = {"z": "last"} | {key: expected(text) for key, text in (("rule", rule), ("host", host)) if text}
    assert parsed(line) == ("m", tags, {"value": "1.0"}, 5)


def test_samples_and_traffic() -> None:
    sample = (families.RULE_FRAMES, ("web", "limit 5k/s udp, of sorts"), 7)
    strange = (families.GRACE, (), float("nan"))
    (line,) = of_samples([strange, sample], {"front": "one"}, 9)
    tags = {"front": "one", "host": "web", "rule": "limit 5k/s udp, of sorts"}
    assert parsed(line) == ("hardtack_rule_frames", tags, {"value": "7.0"}, 9)
    tallies = np.zeros((2, 2, Counters["tallies"].shape[0]), np.uint64)
    tallies[1, 1, 2 * Reason.answered : 2 * Reason.answered + 2] = 3, 180
    tallies[1, 0, 2 * Reason.answered : 2 * Reason.answered + 2] = 2**63 + 1, 60
    one, other = of_traffic(["(none)", "web"], tallies, True, {"front": "one"}, 9)
    tags = {"front": "one", "host": "web", "verdict": "reply", "reason": "answered"}
    assert parsed(other) == ("hardtack_traffic", tags | {"cpu": "1"}, {"frames": "3i", "bytes": "180i"}, 9)
    assert parsed(one)[1]["cpu"] == "0"
    (together,) = of_traffic(["(none)", "web"], tallies, False, {}, 9)
    assert parsed(together)[1]["cpu"] == "all"
    assert parsed(together)[2] == {"frames": f"{2**63 + 4}i", "bytes": "240i"}


@given(st.lists(st.text(st.sampled_from("ab"), max_size=20)), st.integers(5, 50))
def test_batches_hold_every_line_and_not_too_much(lines: list[str], most: int) -> None:
    found = [*batches(lines, most)]
    assert b"".join(content for _, content in found) == "".join(f"{line}\n" for line in lines).encode()
    for points, content in found:
        assert content.count(b"\n") == points and (points == 1 or len(content) <= most)


def test_the_oldest_goes_and_is_counted() -> None:
    buffer = Buffer(most=30)
    for number in range(5):
        buffer.put(Batch(number + 1, b"0123456789"))
    assert (buffer.lost, buffer.size, buffer.first().points) == (1 + 2, 30, 3)
    going = buffer.first()
    buffer.put(Batch(9, b"0123456789"))  # while that one is being sent
    buffer.done(going)
    assert (buffer.lost, buffer.size, buffer.first().points) == (1 + 2 + 3, 30, 4)
    buffer.done(buffer.first())
    assert (buffer.size, buffer.first().points) == (20, 5)


@pytest.mark.parametrize(
    ("url", "token", "header"),
    [
        ("http://h:8086/write?db=a", "me:pass", "Basic bWU6cGFzcw=="),
        ("http://h:8086/write?db=a", "opaque", "Token opaque"),
        ("https://h/api/v2/write?org=o&bucket=b", "with:colon", "Token with:colon"),
    ],
)
def test_how_a_token_is_shown(url: str, token: str, header: str) -> None:
    assert authorised(token, target_of(url)) == {"Authorization": header}
    assert authorised(None, target_of(url)) == {}
