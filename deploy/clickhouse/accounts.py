"""Who may log in to the service: an account a role, its password kept as a salted SHA-256.

Passwords are made here, 256 random bits each, so that one turn of a hash can't be guessed back and
costs a request nothing. The file holds no password; whoever may read the plain ones has them from
the data directory's owner (`deploy.embedded.data_directory`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from schemas.errors import ConfigurationError
from schemas.files import replace_file
from schemas.rights import ROLES, Role

__all__ = ["Account", "open_account", "read_accounts", "write_accounts"]

_SALT_BYTES = 16


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    salt: str
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


_FILE = TypeAdapter(dict[str, _Kept])


@dataclass(frozen=True, slots=True)
class Account:
    """Who may use the service, in which role."""

    username: str
    role: Role
    salt: str = field(repr=False)
    sha256: str = field(repr=False)

    def has_password(self, password: str) -> bool:
        """Whether it is this account's, compared in constant time."""
        return hmac.compare_digest(_hashed(self.salt, password), self.sha256)


def open_account() -> Account:
    """`default` without a password, an operator: a service of one's own, as a new server has it."""
    return _account("default", ROLES["operator"], "")


def read_accounts(file: Path) -> tuple[Account, ...]:
    """The accounts of a file that `write_accounts` made, each named as its role.

    Raises:
        ConfigurationError: it can't be read, or names what is no role.
    """
    try:
        kept = _FILE.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not as it was written"
        raise ConfigurationError(
            f"the accounts file {file} can't be used ({why}): `liaison up` and `liaison run "
            "clickhouse` write it anew",
            code="bad-accounts",
        ) from None
    unknown = sorted(kept.keys() - ROLES.keys())
    if unknown:
        raise ConfigurationError(
            f"the accounts file {file} names {', '.join(unknown)}: the roles are "
            f"{', '.join(sorted(ROLES))}",
            code="bad-accounts",
        )
    return tuple(
        Account(name, ROLES[name], entry.salt, entry.sha256) for name, entry in kept.items()
    )


def write_accounts(folder: Path, passwords: Mapping[str, str]) -> Path:
    """A file with an account for each role and its password, for the file's owner alone."""
    file = folder / "accounts.json"
    made = {name: _account(name, ROLES[name], password) for name, password in passwords.items()}
    kept = {name: _Kept(salt=made[name].salt, sha256=made[name].sha256) for name in made}
    replace_file(file, _FILE.dump_json(kept, indent=2), mode=0o600)
    return file


def _account(username: str, role: Role, password: str) -> Account:
    salt = secrets.token_hex(_SALT_BYTES)
    return Account(username, role, salt, _hashed(salt, password))


def _hashed(salt: str, password: str) -> str:
    return hashlib.sha256(f"{password}{salt}".encode()).hexdigest()
