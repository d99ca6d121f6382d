"""IAM policies, reduced to what operations of one account need.

A statement has Effect, Action and Resource; `*` and `?` are wildcards. An explicit Deny overrides any Allow, and what
no statement allows is denied. A policy with an element that is not supported (Condition, Principal, NotAction,
NotResource, policy variables) is refused when it is read, because ignoring the element could allow more than the
policy's author meant.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from visavis.errors import SettingsError

__all__ = ["LOCAL_CALLER", "Caller", "Effect", "Policy", "Statement", "Verdict"]

VERSIONS = ("2012-10-17", "2008-10-17")


class Effect(Enum):
    """What a statement does to the actions that it covers."""

    ALLOW = "Allow"
    DENY = "Deny"


class Verdict(Enum):
    """What a policy decides on one action.

    Attributes:
        ALLOWED: a statement allows the action and none denies it.
        NOT_ALLOWED: no statement covers the action.
        DENIED: a statement denies the action explicitly.
    """

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy.

    Attributes:
        effect: whether the statement allows or denies.
        actions: patterns of actions such as `rekognition:*`; their case does not matter.
        resources: patterns of ARNs; their case matters.
    """

    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    @classmethod
    def parse(cls, value: object) -> Statement:
        """Read a statement of a policy document, as JSON or TOML gives it.

        Raises:
            SettingsError: an element is missing, malformed or not supported.
        """
        if not isinstance(value, Mapping):
            raise SettingsError("a policy statement must be an object")
        unknown = sorted(set(value) - {"Sid", "Effect", "Action", "Resource"})
        if unknown:
            raise SettingsError(f"a policy statement has elements that are not supported: {', '.join(unknown)}")
        if value.get("Effect") not in ("Allow", "Deny"):
            raise SettingsError("Effect must be Allow or Deny")
        actions, resources = _texts(value, "Action"), _texts(value, "Resource")
        for action in actions:
            if action != "*" and not re.fullmatch(r"[A-Za-z0-9-]+:[A-Za-z0-9*?]+", action):
                raise SettingsError(f"Action must be * or SERVICE:NAME, not {action!r}")
        for resource in resources:
            if (resource != "*" and not resource.startswith("arn:")) or "${" in resource:
                raise SettingsError(f"Resource must be * or an ARN without variables, not {resource!r}")
        return cls(Effect(value["Effect"]), actions, resources)

    def covers(self, action: str, resource: str) -> bool:
        """Whether a pattern of the statement matches `action` and another one matches `resource`."""
        return any(_matches(pattern.lower(), action.lower()) for pattern in self.actions) and any(
            _matches(pattern, resource) for pattern in self.resources
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Statements, whose order does not matter.

    Example:
        >>> policy = Policy.parse([{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::photos/*"}])
        >>> policy.verdict("s3:GetObject", "arn:aws:s3:::photos/a.jpg")
        <Verdict.ALLOWED: 'allowed'>
    """

    statements: tuple[Statement, ...]

    @classmethod
    def parse(cls, document: object) -> Policy:
        """Read a list of statements, or a whole policy document (an object with Version and Statement).

        Raises:
            SettingsError: the document is not of that form.
        """
        if isinstance(document, Mapping):
            unknown = sorted(set(document) - {"Version", "Id", "Statement"})
            if unknown:
                raise SettingsError(f"a policy has elements that are not supported: {', '.join(unknown)}")
            if document.get("Version", VERSIONS[0]) not in VERSIONS:
                raise SettingsError(f"a policy's Version must be one of {', '.join(VERSIONS)}")
            document = document.get("Statement")
            if isinstance(document, Mapping):
                document = [document]
        if not isinstance(document, list):
            raise SettingsError("a policy must be a list of statements, or an object with Statement")
        return cls(tuple(Statement.parse(statement) for statement in document))

    def verdict(self, action: str, resource: str = "*") -> Verdict:
        """The verdict on `action` on `resource`, an ARN; for an action that has no resources it is `*`."""
        effects = {statement.effect for statement in self.statements if statement.covers(action, resource)}
        if Effect.DENY in effects:
            return Verdict.DENIED
        return Verdict.ALLOWED if Effect.ALLOW in effects else Verdict.NOT_ALLOWED


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request. Without a policy everything is allowed.

    Attributes:
        access_key_id: the key that signed the request.
        arn: the sender's ARN, which texts of AccessDenied errors name.
        policy: what the sender may do; None allows everything.
    """

    access_key_id: str
    arn: str
    policy: Policy | None = None

    def verdict(self, action: str, resource: str = "*") -> Verdict:
        """As `Policy.verdict`."""
        return Verdict.ALLOWED if self.policy is None else self.policy.verdict(action, resource)


LOCAL_CALLER = Caller("local", "arn:aws:iam::000000000000:user/local")
"""The user of this process. The library and the command line act as this caller."""


def _texts(statement: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = statement.get(name)
    values = value if isinstance(value, list) else [value]
    texts = tuple(text for text in values if isinstance(text, str))
    if not texts or len(texts) != len(values):
        raise SettingsError(f"{name} must be a text or a list of texts")
    return texts


def _matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).match(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # IAM has no [sets], but fnmatch has. The expression that fnmatch makes takes time linear in the text, which matters
    # because a caller chooses the text.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
