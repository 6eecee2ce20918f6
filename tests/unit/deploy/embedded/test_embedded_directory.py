"""The data directory's lock and state, ports, and room on the disk."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.embedded.data_directory import Addresses, DataDirectory
from deploy.embedded.disk import require_free_bytes
from deploy.embedded.ports import LOOPBACK, choose_port, is_free, who_took
from schemas.errors import ConfigurationError
from schemas.rights import ROLES

ADDRESSES = Addresses("127.0.0.1:19092", "http://127.0.0.1:18081/api", "http://127.0.0.1:18123")

HOLD = """
import sys
from pathlib import Path
from deploy.embedded.data_directory import Addresses, DataDirectory
with DataDirectory(Path(sys.argv[1])) as directory:
    directory.publish(Addresses("127.0.0.1:1", "http://127.0.0.1:2"))
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_owner_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    with (
        DataDirectory(tmp_path),
        pytest.raises(ConfigurationError, match=f"in use by process {os.getpid()}") as refused,
    ):
        DataDirectory(tmp_path).acquire()
    assert refused.value.code == "data-directory-in-use"
    with DataDirectory(tmp_path):
        pass


def test_a_killed_owner_leaves_the_directory_free(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert DataDirectory(tmp_path).find_running().kafka_bootstrap == "127.0.0.1:1"
        with pytest.raises(ConfigurationError, match=f"in use by process {holder.pid}"):
            DataDirectory(tmp_path).acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with pytest.raises(ConfigurationError, match="no stack is running"):
        DataDirectory(tmp_path).find_running()
    with (
        DataDirectory(tmp_path) as directory,
        pytest.raises(ConfigurationError, match="starting or stopping"),
    ):
        directory.find_running()  # the killed one's addresses are not handed out


def test_addresses_are_there_while_the_stack_is_up(tmp_path: Path) -> None:
    elsewhere = DataDirectory(tmp_path / "data")
    with pytest.raises(ConfigurationError, match="liaison up"):
        elsewhere.find_running()
    with DataDirectory(tmp_path / "data") as directory:
        directory.publish(ADDRESSES)
        assert elsewhere.find_running() == ADDRESSES
    with pytest.raises(ConfigurationError, match="no stack is running"):
        elsewhere.find_running()


def test_addresses_become_connections() -> None:
    assert ADDRESSES.kafka.bootstrap_servers == "127.0.0.1:19092"
    assert ADDRESSES.registry.url == "http://127.0.0.1:18081/api"
    assert (ADDRESSES.clickhouse.host, ADDRESSES.clickhouse.port) == ("127.0.0.1", 18123)
    with pytest.raises(ConfigurationError, match="without ClickHouse"):
        _ = Addresses("127.0.0.1:1", "http://127.0.0.1:2").clickhouse


def test_passwords_are_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    with pytest.raises(ConfigurationError, match="no password of the role auditor"):
        directory.clickhouse_password("auditor")
    made = directory.make_clickhouse_passwords()
    assert made.keys() == ROLES.keys()
    assert len({*made.values()}) == len(ROLES)
    assert min(map(len, made.values())) >= 43  # 256 bits
    file = tmp_path / "clickhouse-passwords.json"
    assert file.stat().st_mode & 0o777 == 0o600
    kept = {role: made[role] for role in sorted(made)[1:]}
    file.write_text(json.dumps(kept))
    again = DataDirectory(tmp_path).make_clickhouse_passwords()
    assert {role: again[role] for role in kept} == kept
    assert directory.clickhouse_password("auditor") == again["auditor"] != made["auditor"]
    file.write_text("{")
    with pytest.raises(ConfigurationError, match="can't be read: remove it") as refused:
        directory.clickhouse_password("auditor")
    assert refused.value.code == "no-passwords"


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}


def test_nobody_but_its_owner_can_look_into_it(tmp_path: Path) -> None:
    data = tmp_path / "d"
    with DataDirectory(data) as directory:
        directory.folder("kafka")
        directory.publish(ADDRESSES)
        directory.remember_ports({"kafka": 19092})
        assert modes(data) == {
            "d": 0o700, "logs": 0o700, "kafka": 0o700,
            "lock": 0o600, "addresses.json": 0o600, "ports.json": 0o600,
        }  # fmt: skip


def test_one_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    data = tmp_path / "d"
    for folder in (data, data / "kafka", data / "releases", data / "reports"):
        folder.mkdir()
        folder.chmod(0o755)
    (data / "un-list.sqlite-wal").touch()
    DataDirectory(data).folder("kafka")
    assert modes(data)["d"] == modes(data)["kafka"] == 0o700


def test_a_folder_that_holds_foreign_things_stays_open_and_what_is_ours_in_it_does_not(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    (home / "thesis.tex").touch()
    with DataDirectory(home) as directory:
        directory.folder("outbox")
        kept = modes(home)
    assert kept.pop("thesis.tex")
    assert kept == {"home": 0o755, "logs": 0o700, "outbox": 0o700, "lock": 0o600}


def test_ports_are_remembered_over_a_restart(tmp_path: Path) -> None:
    with DataDirectory(tmp_path) as directory:
        assert directory.previous_ports() == {}
        directory.remember_ports({"kafka": 19092})
    with DataDirectory(tmp_path) as directory:
        assert directory.previous_ports() == {"kafka": 19092}
        (tmp_path / "ports.json").write_text("[broken")
        assert directory.previous_ports() == {}


@pytest.mark.parametrize("name", ["a;b", "a:b", "a,b", "a$b", "a\nb", "a{b}"])
def test_a_path_that_java_cannot_take_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="choose one without it") as refused:
        DataDirectory(tmp_path / name).acquire()
    assert refused.value.code == "bad-data-directory"
    assert not (tmp_path / name).exists()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot write to the data directory"):
        DataDirectory(tmp_path / "file" / "data").acquire()


def test_a_free_port_lies_below_the_range_of_outgoing_connections() -> None:
    port = choose_port("kafka")
    assert 15_000 <= port < 32_768
    assert is_free(port)


def test_the_previous_port_is_kept_if_it_is_free() -> None:
    port = choose_port("kafka")
    assert choose_port("kafka", previous=port) == port
    assert choose_port("kafka", previous=port, taken=(port,)) != port
    with socket.create_server((LOOPBACK, port)):
        assert choose_port("kafka", previous=port) != port


def test_a_wanted_port_that_is_taken_is_an_error_that_names_the_taker() -> None:
    port = choose_port("kafka")
    assert choose_port("kafka", wanted=port) == port
    with socket.create_server((LOOPBACK, port)):
        with pytest.raises(ConfigurationError, match=rf"port {port}.*pid {os.getpid()}") as refused:
            choose_port("kafka", wanted=port)
        assert refused.value.code == "port-taken"
        assert who_took(port).endswith(f"(pid {os.getpid()})")
    assert who_took(port) == ""
    with pytest.raises(ConfigurationError, match="is taken"):
        choose_port("kafka", wanted=port, taken=(port,))


def test_too_little_room_on_the_disk_is_said_in_mebibytes(tmp_path: Path) -> None:
    require_free_bytes(tmp_path, 1, purpose="a test")
    with pytest.raises(ConfigurationError, match=r"MiB free, a test need 1099511627776") as refused:
        require_free_bytes(tmp_path, 1 << 60, purpose="a test")
    assert refused.value.code == "no-disk"
