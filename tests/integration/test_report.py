"""The report of a release: what is published, all of it by its own words, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html

from deploy.cli import exits
from deploy.cli.app import run
from deploy.report import Report, read_publication, report_of
from deploy.report.published import Cell
from schemas.reference import LANGUAGES, Reference
from sinks.clickhouse.reference import load_reference
from sinks.statistics.store import withdraw
from tests.integration.clickhouse_process import ROOT
from tests.integration.release_world import ReleaseWorld, release_world, wanted

FIGURES = {"events", "regions", "categories", "category-trends", "results", "hidden"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseWorld]:
    """With labels, and a release of a year by quarter that hides something."""
    with release_world(tmp_path_factory.mktemp("report"), events=400) as world:
        load_reference(world.operator, Reference.load())
        world.releases().create(wanted("2026-01-01"))
        yield world


@pytest.fixture(scope="module")
def english(world: ReleaseWorld) -> Report:
    return made(world, "en")


@pytest.fixture(scope="module")
def page(english: Report) -> html.HtmlElement:
    return html.document_fromstring(english.html())


@pytest.fixture
def as_statistician(world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings by which the command finds the service."""
    at = world.service.connection_as("statistician")
    settings = {
        "LIAISON_CLICKHOUSE__URL": f"http://127.0.0.1:{at.port}",
        "LIAISON_CLICKHOUSE__USERNAME": at.username,
        "LIAISON_CLICKHOUSE__PASSWORD": at.password,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


def made(world: ReleaseWorld, language: str) -> Report:
    """Read anew."""
    return report_of(read_publication(world.statistician, 1, language), language)


def published(world: ReleaseWorld, table: str, codes: list[str]) -> tuple[str | None, str]:
    columns = world.statistician.query(
        f"SELECT dimensions FROM pub.datasets WHERE release = 1 AND dataset = '{table}'"
    ).result_rows[0][0]
    where = " AND ".join(f"{name} = '{code}'" for name, code in zip(columns, codes, strict=True))
    ((value, conf),) = world.statistician.query(
        f"SELECT toString(obs_value), conf_status FROM pub.{table}_vintages "
        f"WHERE release = 1 AND {where}"
    ).result_rows
    return value, conf


def test_each_headline_figure_is_the_published_one(
    world: ReleaseWorld, page: html.HtmlElement
) -> None:
    tiles = page.xpath("//dl[@class='tiles']/div")
    assert len(tiles) >= 8
    for tile in tiles:
        table, *codes = tile.get("data-cell").split("/")
        value, conf = published(world, table, codes)
        shown = tile.xpath(".//strong//data/@value")
        assert shown == ([] if conf == "C" else [value]), (table, codes)
        assert bool(tile.xpath(".//strong//abbr[@class='hidden']")) == (conf == "C")


def test_a_figure_s_table_has_each_published_figure_and_a_mark_for_each_hidden_one(
    world: ReleaseWorld, page: html.HtmlElement
) -> None:
    """Of events by region, and of the year's categories."""
    hidden = 0
    for name in ("figure-regions", "figure-categories", "figure-category-trends"):
        for row in page.xpath(f"//figure[@id='{name}']//tbody/tr"):
            for cell in row.xpath("./td"):
                if cell.xpath("./abbr[@class='hidden']"):
                    hidden += 1
                    assert not any(letter.isdigit() for letter in cell.text_content())
    shown = (
        "SELECT category FROM pub.events_by_category_vintages WHERE release = 1 "
        "AND region = 'total' AND category != 'total' AND time_period = '2025' AND obs_value > 0"
    )
    expected = world.statistician.query(
        "SELECT (SELECT countIf(conf_status = 'C') FROM pub.events_by_kind_vintages "
        "WHERE release = 1 AND region != 'total' AND kind = 'total' AND time_period LIKE '%Q%') + "
        "(SELECT countIf(conf_status = 'C') FROM pub.events_by_category_vintages "
        "WHERE release = 1 AND region = 'total' AND category != 'total' "
        f"AND (time_period = '2025' OR category IN ({shown})))"
    ).result_rows[0][0]
    assert hidden == expected > 0
    regions = page.xpath("//figure[@id='figure-regions']//td/data/@value")
    told = world.statistician.query(
        "SELECT toString(obs_value) FROM pub.events_by_kind_vintages WHERE release = 1 "
        "AND region != 'total' AND kind = 'total' AND time_period LIKE '%Q%' "
        "AND obs_value IS NOT NULL"
    ).result_rows
    assert sorted(regions) == sorted(value for (value,) in told)


def test_what_is_hidden_is_marked_as_such(english: Report) -> None:
    marks = html.document_fromstring(english.html()).xpath("//td//abbr[@class='hidden']")
    assert marks, "this world hides something that the report shows"
    assert {mark.get("title") for mark in marks} == {"hidden to protect confidentiality"}


def test_the_page_loads_nothing_and_allows_nothing_to_be_loaded(page: html.HtmlElement) -> None:
    assert not page.xpath("//script | //link | //img | //iframe | //object | //base | //form")
    assert not page.xpath("//@src | //@srcset | //@style | //@*[starts-with(name(), 'on')]")
    assert all(link.startswith("#") for link in page.xpath("//@href"))
    assert {link[1:] for link in page.xpath("//@href")} <= set(page.xpath("//@id"))
    (style,) = page.xpath("//style")
    assert "url(" not in style.text
    assert "@import" not in style.text
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")


def test_every_id_is_there_once_and_every_drawing_says_what_it_shows(
    page: html.HtmlElement,
) -> None:
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert all(page.xpath("//svg/@aria-label"))
    assert len(page.xpath("//svg")) == len(page.xpath("//svg/@aria-label"))
    assert set(page.xpath("//figure/@id")) == {f"figure-{name}" for name in FIGURES}
    assert len(page.xpath("//figure//table")) == len(FIGURES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_in_its_language_as_a_whole(world: ReleaseWorld, language: str) -> None:
    """Titles of tables, labels of regions and the report's own words."""
    found = html.document_fromstring(made(world, language).html())
    root = found.getroottree().getroot()
    assert root.get("lang") == language
    assert root.get("dir") == ("rtl" if language == "ar" else "ltr")
    reference = Reference.load()
    said = found.text_content()
    for region in reference.regions:
        assert reference.region_labels[region][language] in said
    others = [code for code in LANGUAGES if code != language]
    labels = {reference.categories["drug-trafficking"].labels[code] for code in others}
    assert not [label for label in labels if label in said]


def test_the_same_release_gives_the_same_bytes_in_another_process(
    world: ReleaseWorld, english: Report, as_statistician: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "deploy.cli", "report", "1"]
    (tmp_path / "page.html").write_text("old")
    (tmp_path / "old.html").hardlink_to(tmp_path / "page.html")
    done = subprocess.run(  # noqa: S603
        [*command, "--out", str(tmp_path / "page.html"), "--figures", str(tmp_path / "figures")],
        cwd=ROOT, env={**os.environ, **as_statistician}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    written = [Path(line) for line in done.stdout.splitlines()]
    assert written[0].read_text(encoding="utf-8") == english.html()
    assert (tmp_path / "old.html").read_text() == "old", "a page is replaced, not written over"
    pictures = dict(english.pictures())
    assert {path.name: path.read_bytes() for path in written[1:]} == pictures
    assert set(pictures) == {f"release-1-{name}.en.png" for name in FIGURES}
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())


def test_a_total_that_became_another_is_told_with_both_figures(english: Report) -> None:
    publication = english.wording.publication
    now = publication.vintages[1]
    before = {**now, "2025-Q1": Cell(100, "EV", "P", "F")}
    after = {**now, "2025-Q1": Cell(102, "EV", "A", "F")}
    later = replace(publication, number=2, earlier=1, vintages={1: before, 2: after})
    found = html.document_fromstring(report_of(later, "en").html())
    rows = found.xpath("//figure[@id='figure-revisions']//tbody/tr")
    assert rows[0].xpath(".//data/@value") == ["100", "102"]
    assert "+2.0%" in rows[0].text_content()


def test_a_single_period_is_no_trend(english: Report) -> None:
    """Regions are ranked, results stand in a table, and the rest is left to the headline."""
    publication = english.wording.publication
    last = {
        table: {
            codes: cell for codes, cell in cells.items() if "Q" not in codes[0] or "Q4" in codes[0]
        }
        for table, cells in publication.cells.items()
    }
    found = html.document_fromstring(report_of(replace(publication, cells=last), "en").html())
    names = {name.removeprefix("figure-") for name in found.xpath("//figure/@id")}
    assert names == FIGURES - {"events", "category-trends"}
    (ranking,) = found.xpath("//figure[@id='figure-regions']")
    assert len(ranking.xpath(".//tbody/tr")) == len(Reference.load().regions)
    (results,) = found.xpath("//figure[@id='figure-results']")
    assert not results.xpath(".//svg")
    assert len(results.xpath("./div[@class='scroll']//tbody/tr")) == 1


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["9"], exits.DIFFERENCE, "error[no-such-release]: there is no release 9"),
        (["--out", "/nowhere/page.html"], exits.CONFIGURATION, "error[no-output]: /nowhere/page"),
        (
            ["--out", "/x/y", "--figures", "/x/./y"],
            exits.USAGE,
            "--out and --figures are one place",
        ),
        (["--lang", "de"], exits.USAGE, "--lang is one of en, fr, es, ar"),
        (["--fonts", "/nowhere"], exits.CONFIGURATION, "error[no-fonts]: --fonts /nowhere"),
    ],
)
def test_what_cannot_be_reported_is_one_line(
    as_statistician: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    line: str,
) -> None:
    assert run(["report", *words]) == code
    said = capsys.readouterr()
    assert line in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_withdrawn_release_is_refused_and_its_notice_stands_on_the_others_pages(
    world: ReleaseWorld, as_statistician: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Last, since it changes what the release's page says."""
    world.operator.command(
        "INSERT INTO pub.releases SELECT * REPLACE (2 AS release) FROM pub.releases"
    )
    withdraw(world.publisher, 2, "2026-01-09T10:00:00Z", "<b>Counted twice</b>; use 1")
    assert run(["report", "2"]) == exits.DIFFERENCE
    said = capsys.readouterr().err
    assert said.startswith("error[withdrawn-release]: release 2 was withdrawn (<b>Counted twice")
    assert said.count("\n") == 1
    found = html.document_fromstring(made(world, "en").html())
    (notice,) = found.xpath("//section[@class='notices']//li")
    assert "Release 2 was withdrawn" in notice.text_content()
    assert "<b>Counted twice</b>; use 1" in notice.text_content(), "escaped, not obeyed"
