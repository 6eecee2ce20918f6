"""The jar cache against a real HTTP server that serves whole, short and wrong files."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath

import pytest

from deploy.embedded.jars import FetchProgress, JarCache, default_cache_dir, registry_main
from deploy.embedded.pins import PinnedFile, parse_sums, pinned_files
from schemas.clock import ManualClock
from schemas.errors import ConfigurationError
from tests.serving import serving

JAR = "org/example/broker/1.0/broker-1.0.jar"
OTHER = "org/example/extra/2.1/extra-2.1.jar"
ARCHIVE = "org/example/app/3.0/app-3.0-all.tar.gz"


def _archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("_", "-") + ".jar")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


CONTENT = {
    JAR: b"broker " * 5000,
    OTHER: b"extra " * 300,
    ARCHIVE: _archive(quarkus_run=b"main", library=b"library"),
}
PINNED = tuple(
    PinnedFile(PurePosixPath(path), hashlib.sha256(content).hexdigest())
    for path, content in CONTENT.items()
)


@dataclass
class Mirror:
    """A Maven repository; `wrong` maps a path to answers that come before the right one."""

    wrong: dict[str, list[bytes | int]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> bytes | int:
        if path.endswith(".sha1"):
            return 404
        self.asked.append(path)
        early = self.wrong.get(path)
        if early:
            return early.pop(0)
        return CONTENT.get(path, 404)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, mirror: Mirror, *args: object) -> None:
        self._mirror = mirror
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        answer = self._mirror.answer(self.path.lstrip("/"))
        if isinstance(answer, int):
            self.send_error(answer)
            return
        self.send_response(200)
        # A "short" answer promises more than it sends, as a connection that breaks does.
        promised = len(answer) + (1000 if answer.startswith(b"short") else 0)
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    mirror = Mirror()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, mirror))) as port:
        mirror.url = f"http://127.0.0.1:{port}"
        yield mirror


def _cache(root: Path, mirror: Mirror, **options: object) -> JarCache:
    return JarCache(
        root,
        repository=mirror.url,
        pinned=PINNED,
        clock=ManualClock(),
        **options,  # type: ignore[arg-type]
    )


def test_everything_is_fetched_once_and_then_without_network(
    tmp_path: Path, mirror: Mirror
) -> None:
    seen: list[FetchProgress] = []
    jars = _cache(tmp_path, mirror, on_progress=seen.append).ensure()
    assert [jar.read_bytes() for jar in jars.kafka_classpath] == [CONTENT[JAR], CONTENT[OTHER]]
    assert registry_main(jars.registry_home).read_bytes() == b"main"
    assert sorted(mirror.asked) == sorted(CONTENT)
    assert [progress.files_done for progress in seen] == [1, 2, 3]
    assert {progress.file for progress in seen} == {file.name for file in PINNED}
    assert seen[-1].bytes_done == sum(len(content) for content in CONTENT.values())

    again = JarCache(tmp_path, repository="http://127.0.0.1:9", pinned=PINNED).ensure()
    assert again == jars
    assert list(tmp_path.glob("incoming-*")) == []


@pytest.mark.parametrize("broken", [b"short", b"wrong bytes", 503])
def test_a_broken_answer_is_fetched_again(
    tmp_path: Path, mirror: Mirror, broken: bytes | int
) -> None:
    mirror.wrong = {JAR: [broken], ARCHIVE: [broken, broken]}
    jars = _cache(tmp_path, mirror).ensure()
    assert jars.kafka_classpath[0].read_bytes() == CONTENT[JAR]
    assert mirror.asked.count(JAR) == 2
    assert mirror.asked.count(ARCHIVE) == 3


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"wrong bytes", "SHA-256"),
        (b"short", "could not be downloaded"),
        (404, "refuses it"),
    ],
)
def test_a_file_that_stays_broken_is_refused_in_one_line_and_never_appears(
    tmp_path: Path, mirror: Mirror, broken: bytes | int, said: str
) -> None:
    mirror.wrong = {JAR: [broken] * 10}
    with pytest.raises(ConfigurationError, match=said) as refused:
        _cache(tmp_path, mirror).ensure()
    assert refused.value.code == "broken-download"
    assert "broker-1.0.jar" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / JAR).exists()
    assert list(tmp_path.glob("incoming-*")) == []


def test_a_file_damaged_in_the_cache_is_fetched_again(tmp_path: Path, mirror: Mirror) -> None:
    jars = _cache(tmp_path, mirror).ensure()
    (tmp_path / JAR).write_bytes(b"damaged")
    (jars.registry_home / "library.jar").unlink()
    mirror.asked.clear()
    again = _cache(tmp_path, mirror).ensure()
    assert sorted(mirror.asked) == sorted([JAR, ARCHIVE])
    assert again.kafka_classpath[0].read_bytes() == CONTENT[JAR]
    assert (again.registry_home / "library.jar").read_bytes() == b"library"


def test_giving_up_ends_the_other_downloads_and_leaves_nothing(
    tmp_path: Path, mirror: Mirror
) -> None:
    def interrupt(progress: FetchProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _cache(tmp_path, mirror, on_progress=interrupt).ensure()
    assert list(tmp_path.glob("incoming-*")) == []
    jars = _cache(tmp_path, mirror).ensure()
    assert jars.kafka_classpath[1].read_bytes() == CONTENT[OTHER]


def test_what_a_killed_fetch_left_is_cleared(tmp_path: Path, mirror: Mirror) -> None:
    left = tmp_path / "incoming-old"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"x")
    _cache(tmp_path, mirror).ensure()
    assert not left.exists()


def _ensure(root: Path, url: str, pinned: tuple[PinnedFile, ...]) -> None:
    JarCache(root, repository=url, pinned=pinned).ensure()


def test_processes_that_start_together_fetch_each_file_once(tmp_path: Path, mirror: Mirror) -> None:
    spawn = multiprocessing.get_context("spawn")
    args = (tmp_path, mirror.url, PINNED)
    together = [spawn.Process(target=_ensure, args=args) for _ in range(3)]
    for process in together:
        process.start()
    for process in together:
        process.join()
    assert [process.exitcode for process in together] == [0, 0, 0]
    assert sorted(mirror.asked) == sorted(CONTENT)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, mirror: Mirror) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("no folder")
    with pytest.raises(ConfigurationError, match="cannot write to the cache folder"):
        _cache(occupied, mirror).ensure()


def test_an_incomplete_registry_says_what_to_delete(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="delete"):
        registry_main(tmp_path)


def test_the_cache_follows_the_xdg_variable_if_it_is_absolute() -> None:
    assert default_cache_dir({"XDG_CACHE_HOME": "/caches"}) == Path("/caches/liaison")
    home = Path.home() / ".cache" / "liaison"
    assert default_cache_dir({"XDG_CACHE_HOME": "relative"}) == home
    assert default_cache_dir({}) == home


def test_the_pinned_files_are_kafka_its_log_binding_and_the_registry() -> None:
    pinned = pinned_files()
    jars = [file for file in pinned if file.packaging == "jar"]
    (archive,) = [file for file in pinned if file.packaging != "jar"]
    assert len(jars) == 46
    assert len({file.path for file in pinned}) == len(pinned)
    assert all(not file.classifier for file in jars)
    assert (archive.group, archive.artifact, archive.version) == (
        "io.apicurio",
        "apicurio-registry-app",
        "3.3.3",
    )
    assert (archive.classifier, archive.packaging) == ("all", "tar.gz")
    brokers = [file for file in jars if file.artifact == "kafka_2.13"]
    assert [(file.group, file.version) for file in brokers] == [("org.apache.kafka", "4.3.1")]


@pytest.mark.parametrize(
    "line",
    [
        "0" * 63 + "  a/b/1/b-1.jar",
        "0" * 64 + " a/b/1/b-1.jar",
        "0" * 64 + "  b-1.jar",
        "0" * 64 + "  /a/b/1/b-1.jar",
        "0" * 64 + "  a/../1/b-1.jar",
    ],
)
def test_a_line_of_sums_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(ConfigurationError, match="line 2"):
        parse_sums(["# sums", line], origin="sums")
