"""Who may read and write what on a Kafka cluster, made from the declared topics.

Principals: a bureau is `User:<ISO2>` (`User:XP` for the General Secretariat), a worker or person of
the operation is `User:liaison-<role>`. Invariants: nothing is granted that no declaration names;
rights follow the region that a bureau has on the day of provisioning; nothing is ever taken away
here: rights that are there and not declared are reported for a person to judge.
Operators may write to what router and cutter read, since a replay puts a refused record back. The
auditor may see how far the groups of router and cutter are, and not move them. Groups that nobody
joins are open to all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from schemas.reference import Reference
from schemas.topics import FACTS, LANES, SOURCE_REGIONS, Topic, declared_topics, source_topic

__all__ = ["REGION_ROLE", "ROLES", "acls", "may_read", "product_topics"]

ROLES = ("auditor", "cutter", "loader", "operator", "provision", "router", "surge")
REGION_ROLE = "bureaus of "
_EVERYONE = "everyone"
# Roles that commit offsets in groups or write in transactions named after them.
_GROUPS = {
    "router": "liaison-router-",
    "cutter": "liaison-cutter",
    "loader": "loader",
    "surge": "liaison-surge",
    "auditor": "liaison-auditor",
    "operator": "liaison-operator",
}
# Nobody joins these or commits in them: a client must name a group even where it joins none.
_UNJOINED_GROUPS = ("liaison-desk", "liaison-outbox", "liaison-reading")
_SEEN_BY_AUDITOR = ("router", "cutter")
_TRANSACTIONAL = {"router": "liaison-router-", "cutter": "liaison-cutter"}


def product_topics(reference: Reference) -> tuple[Topic, ...]:
    """Every declared topic for this reference data."""
    return declared_topics(reference.publishers, reference.categories)


def may_read(role: str, topic: Topic) -> bool:
    """Whether a role may read a topic."""
    return role in topic.readers or _EVERYONE in topic.readers


def acls(reference: Reference, on_ms: int) -> list[AclBinding]:
    """All rights, as of a day; the same for the same declarations, and in a stable order."""
    grants = {
        *_topic_grants(reference, on_ms),
        *_group_grants(reference),
        *_surge_table(),
    }
    return [_binding(*grant) for grant in sorted(grants, key=_order)]


_Grant = tuple[str, ResourceType, str, ResourcePatternType, AclOperation]


def _topic_grants(reference: Reference, on_ms: int) -> Iterator[_Grant]:
    for topic in product_topics(reference):
        for operation, roles in (
            (AclOperation.READ, topic.readers),
            (AclOperation.WRITE, topic.writers),
        ):
            for principal in _principals(roles, reference, on_ms):
                yield _literal(principal, topic.name, operation)
    sources = [source_topic(region, lane) for region in SOURCE_REGIONS for lane in LANES]
    for name in (*sources, FACTS):
        yield _literal("User:liaison-operator", name, AclOperation.WRITE)


def _group_grants(reference: Reference) -> Iterator[_Grant]:
    """Groups and transactions; a bureau's groups begin with `<ISO2>.`."""
    names = {f"User:liaison-{role}": prefix for role, prefix in _GROUPS.items()}
    names |= {f"User:{bureau}": f"{bureau}." for bureau in reference.publishers}
    for principal, prefix in names.items():
        yield (
            principal,
            ResourceType.GROUP,
            prefix,
            ResourcePatternType.PREFIXED,
            AclOperation.READ,
        )
    for name in _UNJOINED_GROUPS:
        yield (
            "User:*",
            ResourceType.GROUP,
            name,
            ResourcePatternType.LITERAL,
            AclOperation.DESCRIBE,
        )
    for role in _SEEN_BY_AUDITOR:
        yield (
            "User:liaison-auditor",
            ResourceType.GROUP,
            _GROUPS[role],
            ResourcePatternType.PREFIXED,
            AclOperation.DESCRIBE,
        )
    for role, prefix in _TRANSACTIONAL.items():
        yield (
            f"User:liaison-{role}",
            ResourceType.TRANSACTIONAL_ID,
            prefix,
            ResourcePatternType.PREFIXED,
            AclOperation.WRITE,
        )


def _surge_table() -> Iterator[_Grant]:
    """Surge keeps its table in changelog topics of its own, which it makes itself."""
    for granted in (AclOperation.CREATE, AclOperation.READ, AclOperation.WRITE):
        yield (
            "User:liaison-surge",
            ResourceType.TOPIC,
            "liaison-surge-",
            ResourcePatternType.PREFIXED,
            granted,
        )


def _literal(principal: str, topic: str, operation: AclOperation) -> _Grant:
    # Kafka lets whoever may read or write describe, too.
    return principal, ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, operation


def _principals(roles: Iterable[str], reference: Reference, on_ms: int) -> Iterator[str]:
    for role in roles:
        if role == _EVERYONE:
            yield "User:*"
        elif role in ROLES:
            yield f"User:liaison-{role}"
        elif role in reference.publishers:
            yield f"User:{role}"
        elif role.startswith(REGION_ROLE):
            region = role.removeprefix(REGION_ROLE)
            for bureau in reference.publishers:
                if reference.region_of(bureau, on_ms) == region:
                    yield f"User:{bureau}"
        else:
            raise ValueError(f"a topic is declared for {role!r}, which is no role: add it to ROLES")


def _order(grant: _Grant) -> tuple[str, ...]:
    principal, kind, name, pattern, operation = grant
    return principal, kind.name, name, pattern.name, operation.name


def _binding(
    principal: str,
    kind: ResourceType,
    name: str,
    pattern: ResourcePatternType,
    operation: AclOperation,
) -> AclBinding:
    return AclBinding(kind, name, pattern, principal, "*", operation, AclPermissionType.ALLOW)
