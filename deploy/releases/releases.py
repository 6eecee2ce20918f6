"""Releases from plan to publication: counted, staged, protected, attacked, and only then current.

Nothing of a release is in `pub` before the attacker found nothing and its manifest is on disk;
nothing of it is current before its row in `pub.releases`. Killed anywhere, the last release stands,
and the next command finishes the one whose manifest is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from deploy.attacker import judge
from deploy.attacker.reading import read_publication, read_secrets
from deploy.releases.manifests import ErrorNotice, ManifestFolder, secret_digest
from schemas.clock import Clock
from schemas.errors import ConfigurationError, PermanentError
from schemas.reference import Reference
from sinks.statistics.disclosure import CannotProtectError
from sinks.statistics.earlier import Earlier
from sinks.statistics.history import published_numbers, read_earlier
from sinks.statistics.making import Made, make
from sinks.statistics.manifest import Manifest, given_up
from sinks.statistics.periods import cut_off_text
from sinks.statistics.planning import Wanted, plan, without
from sinks.statistics.store import digests, make_current, publish, stage, withdraw

__all__ = ["Releases"]

Tell = Callable[[str], None]


class ReleaseDiffersError(ConfigurationError):
    """A release that is made again comes out otherwise than its manifest says."""

    code = "release-differs"


@dataclass(frozen=True, slots=True)
class Releases:
    """Makes releases in one ClickHouse. `publisher` writes, `statistician` reads as readers do."""

    publisher: Client
    statistician: Client
    folder: ManifestFolder
    reference: Reference
    clock: Clock
    tell: Tell = lambda _line: None

    def create(self, wanted: Wanted) -> Manifest:
        """Make the next release current.

        Raises:
            PermanentError: it would give something away, or can't be as wanted; nothing changed.
        """
        with self.folder.locked():
            self._finish()
            manifests = self.folder.manifests()
            there = set(published_numbers(self.publisher))
            earlier = self._earlier([one for one in manifests if one.number in there])
            secret = self.folder.noise_secret()
            wanted = replace(
                wanted,
                number=manifests[-1].number + 1 if manifests else 1,
                secret_digest=secret_digest(secret),
                made_at=self._now(),
            )
            self.tell("planning")
            made = self._made(
                plan(self.publisher, wanted, earlier, self.reference), earlier, secret
            )
            manifest = replace(made.manifest, digests=digests(made))
            self._attack(manifest.number)
            self.folder.write(manifest)
            self._show(manifest)
            return manifest

    def replay(self) -> list[int]:
        """Make every release again that ClickHouse doesn't have; say which.

        Raises:
            ConfigurationError: one comes out otherwise than it was published.
        """
        with self.folder.locked():
            return self._finish()

    def withdraw(self, number: int, notice: str) -> None:
        """Say that a release is wrong: the one before it is current again.

        Nothing is made for it, so it works whatever stops a release from being made.

        Raises:
            PermanentError: there is none of that number.
        """
        with self.folder.locked():
            known = {manifest.number for manifest in self.folder.manifests()}
            if number not in known.union(published_numbers(self.publisher)):
                raise PermanentError(
                    f"there is no release {number}: `liaison release list` shows them",
                    code="no-such-release",
                )
            said = self.folder.notice(number) or ErrorNotice(self._now(), notice)
            self.folder.write_notice(number, said)
            withdraw(self.publisher, number, *said)

    def _finish(self) -> list[int]:
        """Whatever has a manifest and is not there, with the error notices that were given."""
        manifests = self.folder.manifests()
        there = set(published_numbers(self.publisher))
        unknown = sorted(there - {manifest.number for manifest in manifests})
        if unknown:
            raise ConfigurationError(
                f"ClickHouse has releases {unknown} whose manifests are not in {self.folder.path}: "
                "put them there, or name their folder (releases.folder)",
                code="no-manifest",
            )
        done = []
        for manifest in manifests:
            notice = self.folder.notice(manifest.number)
            if notice is not None:  # before the release is there, so that it is never current
                withdraw(self.publisher, manifest.number, *notice)
            if manifest.number in there or manifest.number in given_up(manifests):
                continue
            self.tell(f"making release {manifest.number} again from its manifest")
            try:
                self._again(manifest, manifests)
            except ReleaseDiffersError as error:
                if notice is None or manifest is not manifests[-1]:
                    raise
                self.tell(f"left out, since it was withdrawn: {error}")
                continue
            done.append(manifest.number)
        return done

    def _again(self, manifest: Manifest, manifests: list[Manifest]) -> None:
        secret = self.folder.noise_secret()
        if secret_digest(secret) != manifest.noise.secret_digest:
            raise ConfigurationError(
                f"release {manifest.number} was made with another noise secret than the one in "
                f"{self.folder.path}: put that back",
                code="other-noise-secret",
            )
        earlier = self._earlier([one for one in manifests if one.number in manifest.earlier])
        made = make(self.publisher, manifest, earlier, secret)
        differ = sorted(
            name for name, found in digests(made).items() if found != manifest.digests.get(name)
        )
        if differ:
            raise ReleaseDiffersError(
                f"release {manifest.number} comes out otherwise than it was made, in "
                f"{', '.join(differ)}: are all its facts loaded, and is this the version of "
                "Liaison that made it? If it was never read, withdraw it, and make the next"
            )
        self._stage(made)
        self._attack(manifest.number)
        self._show(manifest)

    def _made(self, manifest: Manifest, earlier: tuple[Earlier, ...], secret: str) -> Made:
        """Staged; what can't be protected is left as it was, or left out."""
        while True:
            self.tell("counting and protecting")
            try:
                made = make(self.publisher, manifest, earlier, secret)
            except CannotProtectError as error:
                self.tell(f"going on without them: {error}")
                manifest = without(manifest, earlier, error.cells)
                continue
            for figure in made.unused:
                self.tell(f"another figure than ours, so it is no help to anybody: {figure}")
            self._stage(made)
            return made

    def _stage(self, made: Made) -> None:
        self.tell("staging")
        stage(self.publisher, made)

    def _attack(self, number: int) -> None:
        """Raises :class:`PermanentError` with the first leak."""
        self.tell("attacking it as a statistician")
        seen = read_publication(self.statistician, (self.publisher, number))
        leaks = judge(seen.figures, seen.structure, read_secrets(self.publisher, number))
        found = [leak.message for leak in leaks]
        found += [f"row {row} of the noise table gives counts away" for row in seen.faulty_noise]
        if found:
            raise PermanentError(
                f"release {number} would give away {len(found)} figures, the first: {found[0]}; "
                "nothing was published",
                code="release-leaks",
            )

    def _show(self, manifest: Manifest) -> None:
        self.tell("publishing")
        publish(self.publisher, manifest)
        make_current(self.publisher, manifest)

    def _earlier(self, manifests: list[Manifest]) -> tuple[Earlier, ...]:
        return read_earlier(self.publisher, manifests)

    def _now(self) -> str:
        return cut_off_text(datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC))
