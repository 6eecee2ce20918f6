"""What a run of faults leaves behind."""

from pathlib import Path

import pytest

from tests.faults.soak import data_folder


def test_data_goes_with_a_run_in_which_all_was_right() -> None:
    told: list[str] = []
    with data_folder(None, told.append) as data:
        (data.path / "log").touch()
        data.is_needed = False
    assert not data.path.exists()
    assert told == []


def test_data_of_a_run_in_which_something_was_wrong_stays_and_it_is_told_where() -> None:
    told: list[str] = []
    with data_folder(None, told.append) as data:
        (data.path / "log").touch()
        data.is_needed = True
    (data.path / "log").unlink()
    data.path.rmdir()
    assert told == [f"all data and logs are in {data.path}"]


def test_data_of_a_run_that_broke_off_stays() -> None:
    told: list[str] = []
    with pytest.raises(ValueError, match="broken"), data_folder(None, told.append) as data:
        raise ValueError("broken")
    data.path.rmdir()
    assert str(data.path) in told[0]


def test_a_folder_that_was_asked_for_stays_always(tmp_path: Path) -> None:
    with data_folder(tmp_path / "new", print) as data:
        data.is_needed = False
    assert data.path == tmp_path / "new"
    assert data.path.is_dir()
