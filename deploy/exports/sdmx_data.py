"""A dataset's figures as SDMX-CSV 2.0 and as SDMX-ML 2.1 (generic data).

What is hidden has no value and keeps its statuses. UNIT_MULT is 0 throughout: figures stand as they
are published. Where sdmx1 writes less than the schemas ask for, that is mended here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import sdmx
from lxml import etree
from sdmx.message import DataMessage
from sdmx.model import common, v21

from deploy.exports.published import Row
from deploy.exports.sdmx_structure import ATTRIBUTES, Structure, header_of
from sinks.statistics.dataset import TIME, TOTAL
from sinks.statistics.periods import Period

__all__ = ["sdmx_csv", "sdmx_ml"]

_FREQUENCIES = {1: "M", 3: "Q", 12: "A"}
_ACTION = "R"
"""Replace: a newer release takes the place of what an older one said."""
_NAMESPACES = {
    "mes": "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message",
    "gen": "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/generic",
}


def sdmx_csv(structure: Structure, rows: Iterable[Row]) -> bytes:
    """Lines end as those of RFC 4180 do."""
    dimensions = [dimension.id for dimension in structure.definition.dimensions]
    columns = ["STRUCTURE", "STRUCTURE_ID", "ACTION", *dimensions, "OBS_VALUE", *ATTRIBUTES]
    data = _data_set(structure, rows)
    frame = pd.DataFrame(columns=columns)
    if data.obs:
        told: Any = sdmx.to_csv(data, rtype=pd.DataFrame, attributes="o", dtype=None)
        frame = told[columns].assign(ACTION=_ACTION)
    written: str = frame.to_csv(index=False, lineterminator="\r\n")
    return written.encode()


def sdmx_ml(structure: Structure, rows: Iterable[Row]) -> bytes:
    """One message with one data set."""
    message = DataMessage(header=header_of(structure.published, "data"))
    message.dataflow = structure.dataflow
    message.observation_dimension = common.AllDimensions
    message.data.append(_data_set(structure, rows))
    root = etree.fromstring(sdmx.to_xml(message))
    root.tag = f"{{{_NAMESPACES['mes']}}}GenericData"
    root.find("mes:Header/mes:Structure", _NAMESPACES).set(
        "dimensionAtObservation", "AllDimensions"
    )
    root.find("mes:DataSet", _NAMESPACES).set("action", "Replace")
    for hidden in root.iterfind(".//gen:ObsValue[@value='None']", _NAMESPACES):
        hidden.getparent().remove(hidden)
    written: bytes = etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="utf-8")
    return written


def _data_set(structure: Structure, rows: Iterable[Row]) -> v21.GenericDataSet:
    definition = structure.definition
    data = v21.GenericDataSet(structured_by=definition, described_by=structure.dataflow)
    measure = definition.measures.get("OBS_VALUE")
    attributes = {name: definition.attributes.get(name) for name in ATTRIBUTES}
    decimals = structure.published.dataset.decimals
    observations = []
    for row in rows:
        told = (
            row.obs_status, row.conf_status, row.unit_measure, "0", str(decimals),
            str(structure.published.release),
        )  # fmt: skip
        observations.append(
            v21.Observation(
                dimension=definition.make_key(common.Key, _key(structure, row.codes)),
                value=None if row.value is None else str(row.value),
                value_for=measure,
                attached_attribute={
                    name: common.AttributeValue(value=value, value_for=attributes[name])
                    for name, value in zip(ATTRIBUTES, told, strict=True)
                },
            )
        )
    data.add_obs(observations)
    return data


def _key(structure: Structure, codes: tuple[str, ...]) -> dict[str, str]:
    at = dict(zip(structure.published.dataset.dimensions, codes, strict=True))
    period, area = at.pop(TIME, None), at.pop("region", TOTAL)
    key = {"REF_AREA": area, **{name.upper(): code for name, code in at.items()}}
    if period is None:
        return key
    return {"FREQ": _FREQUENCIES[Period.parse(period).months], **key, "TIME_PERIOD": period}
