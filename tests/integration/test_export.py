"""`liaison export`: other tools read the very figures that stand in the published table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pysdmx.io
import pytest
import sdmx
from pysdmx.model import Schema

from deploy.cli import exits
from deploy.cli.app import run
from deploy.exports import find_published, sdmx_csv, sdmx_ml, structure_ml, structure_of
from schemas.reference import LANGUAGES, Reference
from sinks.statistics.dataset import TIME, load_datasets
from sinks.statistics.periods import Period
from tests.integration.release_world import ReleaseWorld

pytestmark = pytest.mark.release

Capture = pytest.CaptureFixture[bytes]
Figures = dict[frozenset[tuple[str, str]], tuple[Decimal | None, dict[str, str]]]
RELEASE = 1
ATTRIBUTES = ("OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE")
FREQUENCIES = {1: "M", 3: "Q", 12: "A"}


@pytest.fixture
def statistician(world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's settings name the world's ClickHouse, and nothing else."""
    for name, value in world.settings_as("statistician").items():
        monkeypatch.setenv(name, value)


def figures_of(world: ReleaseWorld, name: str) -> Figures:
    """The table's, by their keys as SDMX names them."""
    dimensions = load_datasets()[name].dimensions
    rows = world.statistician.query(
        f"SELECT [{', '.join(dimensions)}], obs_value, obs_status, conf_status, unit_measure "
        f"FROM pub.{name}_vintages WHERE release = {RELEASE}"
    ).result_rows
    return {
        key_of(dict(zip(dimensions, codes, strict=True))): (
            None if value is None else Decimal(value),
            dict(zip(ATTRIBUTES, attributes, strict=True)),
        )
        for codes, value, *attributes in rows
    }


def key_of(at: dict[str, str]) -> frozenset[tuple[str, str]]:
    key = {"REF_AREA": at.pop("region", "total")}
    if TIME in at:
        key["TIME_PERIOD"] = period = at.pop(TIME)
        key["FREQ"] = FREQUENCIES[Period.parse(period).months]
    return frozenset((key | {name.upper(): code for name, code in at.items()}).items())


def opened_by_sdmx1(path: Path, structure: Any = None) -> Any:
    """Given a path, it leaves the file open."""
    with path.open("rb") as file:
        return sdmx.read_sdmx(file, format=path.suffix[1:], structure=structure)


def read_by_sdmx1(data: Path, structure: Path) -> Figures:
    message = opened_by_sdmx1(structure)
    (definition,), (flow,) = message.structure.values(), message.dataflow.values()
    is_csv = data.suffix == ".csv"
    read = opened_by_sdmx1(data, flow if is_csv else definition)
    return {
        frozenset((name, str(at.value)) for name, at in obs.dimension.values.items()): (
            Decimal(obs.value) if obs.value else None,
            {name: str(obs.attached_attribute[name].value) for name in ATTRIBUTES},
        )
        for data_set in read.data
        for obs in data_set.obs
    }


def read_by_pysdmx(data: Path, structure: Path) -> Figures:
    (data_set,) = pysdmx.io.get_datasets(data, structure)
    assert isinstance(data_set.structure, Schema)
    names = [component.id for component in data_set.structure.components.dimensions]
    records: list[dict[str, Any]] = data_set.data.to_dict("records")
    return {
        frozenset((name, str(record[name])) for name in names): (
            None if value is None or value != value else Decimal(str(value)),
            {name: record[name] for name in ATTRIBUTES},
        )
        for record in records
        for value in [record["OBS_VALUE"]]
    }


@pytest.mark.parametrize("name", load_datasets())
def test_sdmx_is_read_back_by_two_libraries_with_every_figure_and_status(
    name: str, world: ReleaseWorld, tmp_path: Path
) -> None:
    client = world.statistician
    published = find_published(client, name, RELEASE)
    structure = structure_of(published, published.labels(client))
    files = {"csv": sdmx_csv, "xml": sdmx_ml}
    (tmp_path / "structure.xml").write_bytes(structure_ml(structure))
    expected = figures_of(world, name)
    for suffix, write in files.items():
        file = tmp_path / f"data.{suffix}"
        file.write_bytes(write(structure, published.rows(client)))
        assert read_by_sdmx1(file, tmp_path / "structure.xml") == expected
        if expected or suffix == "xml":  # pysdmx takes a header alone for no SDMX-CSV
            assert read_by_pysdmx(file, tmp_path / "structure.xml") == expected


@pytest.mark.usefixtures("statistician")
@pytest.mark.parametrize("name", ["sdmx-csv", "sdmx-ml"])
def test_a_file_and_its_structure_are_the_same_whenever_they_are_made(
    name: str, tmp_path: Path, capfdbinary: Capture
) -> None:
    made = []
    for file in (tmp_path / "first", tmp_path / "second"):
        about = file.with_suffix(".structure")
        given = ["events_by_kind", "--release", "1", "--format", name, "--structure", str(about)]
        assert run(["export", *given, "--out", str(file)]) == exits.OK
        made.append((file.read_bytes(), about.read_bytes()))
    assert made[0] == made[1]
    assert run(["export", *given]) == exits.OK
    assert capfdbinary.readouterr().out == made[0][0]


@pytest.mark.usefixtures("statistician")
def test_the_structure_says_in_four_languages_what_every_code_and_column_is(
    tmp_path: Path,
) -> None:
    about = tmp_path / "structure.xml"
    given = ["export", "events_by_category_and_kind", "--release", "1", "--format", "sdmx-csv"]
    assert run([*given, "--out", str(tmp_path / "d"), "--structure", str(about)]) == exits.OK
    message = opened_by_sdmx1(about)
    (definition,), (scheme,) = message.structure.values(), message.concept_scheme.values()
    components = [
        *definition.dimensions.components,
        *definition.measures.components,
        *definition.attributes.components,
    ]
    assert [dimension.id for dimension in definition.dimensions.components] == [
        "FREQ", "REF_AREA", "CATEGORY", "KIND", "TIME_PERIOD",
    ]  # fmt: skip
    assert {"UNIT_MEASURE", "UNIT_MULT", "DECIMALS"} < {part.id for part in components}
    for part in components:
        assert part.concept_identity in scheme.items.values()
        assert set(part.concept_identity.name.localizations) == set(LANGUAGES)
        if (listed := part.local_representation.enumerated) is not None:
            assert listed.version == "2026.11.24"
            assert listed.items
            assert all(set(c.name.localizations) == set(LANGUAGES) for c in listed.items.values())
    europe = message.codelist["CL_REF_AREA"]["europe"]
    assert europe.name.localizations == dict(Reference.load().region_labels["europe"])


def table(data: bytes) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(data.decode(), newline=""))


@pytest.mark.usefixtures("statistician")
def test_csv_is_that_of_the_standard_and_a_hidden_figure_is_an_empty_field(
    world: ReleaseWorld, capfdbinary: Capture
) -> None:
    assert run(["export", "events_by_kind", "--release", "1", "--lang", "ar"]) == exits.OK
    data = capfdbinary.readouterr().out
    assert data.count(b"\n") == data.count(b"\r\n") > 1
    rows = list(table(data))
    assert {
        key_of({name: row[name] for name in ("time_period", "region", "kind")}): (
            Decimal(row["obs_value"]) if row["obs_value"] else None,
            {name: row[name.lower()] for name in ATTRIBUTES},
        )
        for row in rows
    } == figures_of(world, "events_by_kind")
    assert {row["obs_value"] for row in rows if row["conf_status"] == "C"} == {""}
    labels = {row["region"]: row["region_label"] for row in rows}
    assert labels["europe"] == Reference.load().region_labels["europe"]["ar"]


@pytest.mark.usefixtures("statistician")
def test_parquet_has_the_table_s_rows_and_types(world: ReleaseWorld, tmp_path: Path) -> None:
    file = tmp_path / "lag.parquet"
    given = ["export", "reporting_lag", "--release", "1", "--format", "parquet"]
    assert run([*given, "--out", str(file)]) == exits.OK
    answer = world.statistician.query(
        "SELECT * FROM pub.reporting_lag_vintages WHERE release = 1 "
        "ORDER BY time_period, region, statistic"
    )
    read = pq.read_table(file)
    assert tuple(read.column_names) == tuple(answer.column_names)
    assert [tuple(row.values()) for row in read.to_pylist()] == list(answer.result_rows)


@pytest.mark.usefixtures("statistician")
@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["events_by_planet"], "no-such-dataset"),
        (["events_by_kind", "--release", "77"], "no-such-release"),
        (["events_by_kind", "--out", "/proc/none/kinds.csv"], "no-output"),
        (["events_by_kind", "--out", ""], "no-output"),
    ],
)
def test_what_can_not_be_exported_is_one_line(
    given: list[str], code: str, capfdbinary: Capture
) -> None:
    assert run(["export", *given]) in (exits.DIFFERENCE, exits.CONFIGURATION)
    shown = capfdbinary.readouterr()
    assert shown.out == b""
    assert shown.err.startswith(f"error[{code}]: ".encode())
    assert shown.err.count(b"\n") == 1
