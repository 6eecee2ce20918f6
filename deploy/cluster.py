"""The declared topics and rights on a Kafka cluster.

Invariants: everything may be done again and changes nothing the second time; a topic that is there
is compared and never altered, its partitions least of all (a bureau's partition is made of their
number).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, LiaisonError, RetryableError
from schemas.topics import Topic

__all__ = ["Cluster"]

_BATCH_TOPICS = 100
_BATCH_ACLS = 1000
_TIMEOUT_S = 60.0
_Item = TypeVar("_Item")


class Cluster:
    """A Kafka cluster as provisioning sees it. `replicas` and `min_insync` are of new topics."""

    def __init__(
        self,
        kafka: KafkaConnection,
        *,
        replicas: int = 1,
        min_insync: int = 1,
    ) -> None:
        self._where = kafka.bootstrap_servers
        self._admin = AdminClient(kafka.client_config())
        self._replicas = replicas
        self._min_insync = min_insync

    def partitions(self) -> dict[str, int]:
        """Every topic there is, with its number of partitions."""
        return {name: len(topic.partitions) for name, topic in self._metadata().items()}

    def create_topics(
        self, topics: Sequence[Topic], progress: Callable[[int, int], None] = lambda done, of: None
    ) -> None:
        """Make these; one that somebody else has just made is left alone."""
        # A name twice in one request is no error to librdkafka: it ends the process.
        twice = [name for name, count in Counter(t.name for t in topics).items() if count > 1]
        if twice:
            raise ConfigurationError(f"topics declared twice: {', '.join(twice)}; drop one of each")
        done = 0
        for batch in _batches(topics, _BATCH_TOPICS):
            wanted = [
                NewTopic(
                    topic.name,
                    num_partitions=topic.partitions,
                    replication_factor=self._replicas,
                    config=self._config(topic),
                )
                for topic in batch
            ]
            futures = self._admin.create_topics(
                wanted, operation_timeout=_TIMEOUT_S, request_timeout=_TIMEOUT_S
            )
            for name, future in futures.items():
                self._result(future, f"creating topic {name}", KafkaError.TOPIC_ALREADY_EXISTS)
            done += len(batch)
            progress(done, len(topics))

    def differences(self, topics: Sequence[Topic], there: Mapping[str, int]) -> list[str]:
        """What about these existing topics is not as declared, one line each."""
        told = [
            f"topic {topic.name} has {there[topic.name]} partitions, {topic.partitions} are "
            "declared: partition counts never change in place, make a new topic beside it"
            for topic in topics
            if there[topic.name] != topic.partitions
        ]
        for batch in _batches(topics, _BATCH_TOPICS):
            futures = self._admin.describe_configs(
                [ConfigResource(ConfigResource.Type.TOPIC, topic.name) for topic in batch],
                request_timeout=_TIMEOUT_S,
            )
            found = {
                resource.name: self._result(future, f"reading the settings of {resource.name}")
                for resource, future in futures.items()
            }
            for topic in batch:
                for name, wanted in self._config(topic).items():
                    entry = found[topic.name].get(name)
                    actual = None if entry is None else entry.value
                    if actual != wanted:
                        told.append(
                            f"topic {topic.name} has {name}={actual}, {wanted} is declared: "
                            "set it with kafka-configs, or change the declaration"
                        )
        return told

    def grant(self, bindings: Sequence[AclBinding]) -> None:
        """Write these rights; those that are there already stay as they are."""
        for batch in _batches(bindings, _BATCH_ACLS):
            for binding, future in self._admin.create_acls(
                list(batch), request_timeout=_TIMEOUT_S
            ).items():
                self._result(future, f"granting {binding.principal} {binding.name}")

    def undeclared_rights(self, bindings: Sequence[AclBinding]) -> list[str]:
        """Rights of our principals that no declaration names, one line each."""
        declared = set(bindings)
        principals = {binding.principal for binding in bindings}
        any_text: Any = None  # what the client takes, though its types say str
        everything = AclBindingFilter(
            ResourceType.ANY,
            any_text,
            ResourcePatternType.ANY,
            any_text,
            any_text,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        found = self._result(
            self._admin.describe_acls(everything, request_timeout=_TIMEOUT_S), "reading the rights"
        )
        extra = [acl for acl in found if acl.principal in principals and acl not in declared]
        return [
            f"{acl.principal} may {acl.operation.name} {acl.restype.name} {acl.name} from "
            f"{acl.host}, which nothing declares: take it back with kafka-acls if nobody needs it"
            for acl in extra
        ]

    def _metadata(self) -> Mapping[str, Any]:
        try:
            topics: Mapping[str, Any] = self._admin.list_topics(timeout=_TIMEOUT_S).topics
        except KafkaException as error:
            raise self._failed("listing topics", error) from error
        return topics

    def _config(self, topic: Topic) -> dict[str, str]:
        if self._replicas == 1:
            return dict(topic.config)
        return {**topic.config, "min.insync.replicas": str(self._min_insync)}

    def _result(self, future: Future[Any], doing: str, *harmless: int) -> Any:
        try:
            return future.result(_TIMEOUT_S * 2)
        except KafkaException as error:
            if error.args[0].code() in harmless:
                return None
            raise self._failed(doing, error) from error

    def _failed(self, doing: str, error: KafkaException) -> LiaisonError:
        cause = error.args[0]
        told = f"{doing} at the broker {self._where} failed: {cause.str()}"
        if cause.code() in (
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.CLUSTER_AUTHORIZATION_FAILED,
            KafkaError.GROUP_AUTHORIZATION_FAILED,
            KafkaError.SECURITY_DISABLED,
            KafkaError.INVALID_REPLICATION_FACTOR,
            KafkaError.POLICY_VIOLATION,
            KafkaError.INVALID_CONFIG,
        ):
            return ConfigurationError(f"{told}: grant it, or correct the settings", code="broker")
        return RetryableError(f"{told}: is the broker up? Try again", code="broker")


def _batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
