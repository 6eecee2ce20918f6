"""What SDMX calls a structure: code lists, concepts, data structure and dataflow of a dataset.

Dimensions are FREQ, REF_AREA, the dataset's own, and TIME_PERIOD; a dataset that knows no periods
has neither FREQ nor TIME_PERIOD, one without regions is of the world. Code lists carry the labels
of the dictionaries in four languages; their version is the day of the reference data's edition,
which the release was made with.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import sdmx
import yaml
from sdmx.message import Header, StructureMessage
from sdmx.model import common, v21
from sdmx.urn import make as make_urn

from deploy.exports.published import Published
from schemas.reference import Labels
from sinks.statistics.dataset import TIME

__all__ = ["ATTRIBUTES", "Structure", "header_of", "structure_ml", "structure_of"]

_AREA = "region"
_VERSION = "1.0"
"""Of concepts and data structures; the next one where a component changes."""
ATTRIBUTES = ("OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE", "UNIT_MULT", "DECIMALS", "RELEASE")


@dataclass(frozen=True, slots=True)
class Structure:
    """Everything that a dataset's data refer to."""

    published: Published
    codelists: Mapping[str, common.Codelist]
    """By component."""
    concepts: common.ConceptScheme
    definition: v21.DataStructureDefinition
    dataflow: v21.DataflowDefinition


def structure_of(published: Published, labels: Mapping[str, Mapping[str, Labels]]) -> Structure:
    """The dataset's structure, with what its codes mean."""
    agency = common.Agency(id="LIAISON")
    said = _said()
    version = _list_version(published.reference_version)
    codes = {_component(name): held for name, held in labels.items()}
    if TIME in published.dataset.dimensions:
        codes["FREQ"] = said["frequencies"]
    codelists = {
        name: _codelist(name, held, said["concepts"][name], version, agency)
        for name, held in sorted(codes.items())
    }
    concepts = common.ConceptScheme(
        id="CS_STATISTICS", name=said["scheme"], items={}, **_maintained(_VERSION, agency)
    )
    for name, names in said["concepts"].items():
        concepts.append(common.Concept(id=name, name=names))
    title = published.dataset.title
    name = published.dataset.name.upper()
    definition = v21.DataStructureDefinition(
        id=f"DSD_{name}", name=title, **_maintained(_VERSION, agency)
    )
    _add_components(definition, published, codelists, concepts)
    dataflow = v21.DataflowDefinition(
        id=f"DF_{name}",
        name=title,
        description=published.dataset.description,
        structure=definition,
        **_maintained(_VERSION, agency),
    )
    structure = Structure(published, codelists, concepts, definition, dataflow)
    for artefact in _artefacts(structure):
        artefact.urn = make_urn(artefact)
    return structure


def structure_ml(structure: Structure) -> bytes:
    """The structure as SDMX-ML 2.1."""
    message = StructureMessage(header=header_of(structure.published, "structure"))
    for artefact in _artefacts(structure):
        message.add(artefact)
    return sdmx.to_xml(message, pretty_print=True, xml_declaration=True, encoding="utf-8")


def header_of(published: Published, what: str) -> Header:
    """A header that is the same whenever the file is made again."""
    return Header(
        id=f"{published.dataset.name}-{published.release}-{what}",
        prepared=published.published_at,
        sender=common.Agency(id="LIAISON"),
        test=False,
    )


def _artefacts(structure: Structure) -> Iterable[common.MaintainableArtefact]:
    return (
        *structure.codelists.values(), structure.concepts, structure.definition, structure.dataflow,
    )  # fmt: skip


def _component(column: str) -> str:
    """What a column is called in SDMX."""
    return {_AREA: "REF_AREA", "unit_measure": "UNIT_MEASURE"}.get(column, column.upper())


def _add_components(
    definition: v21.DataStructureDefinition,
    published: Published,
    codelists: Mapping[str, common.Codelist],
    concepts: common.ConceptScheme,
) -> None:
    own = [name for name in published.dataset.dimensions if name not in (TIME, _AREA)]
    dimensions = ["REF_AREA", *map(_component, own)]
    has_periods = TIME in published.dataset.dimensions
    if has_periods:
        dimensions = ["FREQ", *dimensions]
    definition.dimensions.id = "DimensionDescriptor"
    definition.attributes.id = "AttributeDescriptor"
    definition.measures.id = "MeasureDescriptor"
    for order, name in enumerate(dimensions, 1):
        definition.dimensions.append(
            common.Dimension(
                id=name,
                concept_identity=concepts[name],
                order=order,
                local_representation=common.Representation(enumerated=codelists[name]),
            )
        )
    if has_periods:
        definition.dimensions.append(
            common.TimeDimension(
                id="TIME_PERIOD",
                concept_identity=concepts["TIME_PERIOD"],
                order=len(dimensions) + 1,
                local_representation=_typed("observationalTimePeriod"),
            )
        )
    definition.measures.append(
        v21.PrimaryMeasure(
            id="OBS_VALUE",
            concept_identity=concepts["OBS_VALUE"],
            local_representation=_typed("decimal" if published.dataset.decimals else "long"),
        )
    )
    for name in ATTRIBUTES:
        listed = codelists.get(name)
        definition.attributes.append(
            common.DataAttribute(
                id=name,
                concept_identity=concepts[name],
                related_to=v21.PrimaryMeasureRelationship(),
                usage_status=common.UsageStatus.mandatory,
                local_representation=_typed("integer")
                if listed is None
                else common.Representation(enumerated=listed),
            )
        )


def _typed(name: str) -> common.Representation:
    return common.Representation(
        non_enumerated=[common.Facet(value_type=common.FacetValueType[name])]
    )


def _codelist(
    name: str, codes: Mapping[str, Labels], names: Labels, version: str, agency: common.Agency
) -> common.Codelist:
    codelist = common.Codelist(id=f"CL_{name}", name=names, **_maintained(version, agency))
    for code, labels in codes.items():
        codelist.append(common.Code(id=code, name=labels))
    return codelist


def _maintained(version: str, agency: common.Agency) -> dict[str, Any]:
    return {
        "version": version,
        "maintainer": agency,
        "is_final": True,
        "is_external_reference": False,
    }


def _list_version(reference_version: str) -> str:
    """`2026-11-24.<sum>` as the three numbers that every version of SDMX takes."""
    year, month, day = reference_version.partition(".")[0].split("-")
    return f"{int(year)}.{int(month)}.{int(day)}"


@functools.cache
def _said() -> Mapping[str, Any]:
    text = (files("deploy.exports") / "concepts.yaml").read_text(encoding="utf-8")
    said: Mapping[str, Any] = yaml.safe_load(text)
    return said
