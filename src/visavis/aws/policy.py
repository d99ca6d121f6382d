"""IAM policies, cut down to what operations on one account need.

A statement has Effect, Action and Resource; `*` and `?` are wildcards. An explicit Deny wins over any Allow, and what
nothing allows is denied. The elements left out (Condition, Principal, NotAction, NotResource, policy variables) are
refused when the policy is read: leaving one aside in silence would widen what its author meant.
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
    ALLOW = "Allow"
    DENY = "Deny"


class Verdict(Enum):
    """What a policy says to one action; `NOT_ALLOWED` is silence, `DENIED` an explicit Deny."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Statement:
    """actions: patterns, in any case; resources: patterns, in exact case."""

    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    @classmethod
    def parse(cls, value: object) -> Statement:
        """Read a statement of a policy document.

        Raises:
            SettingsError: an element is missing, malformed or not known here.
        """
        if not isinstance(value, Mapping):
            raise SettingsError("a policy statement must be an object")
        unknown = sorted(set(value) - {"Sid", "Effect", "Action", "Resource"})
        if unknown:
            raise SettingsError(f"a policy statement has what visavis does not know: {', '.join(unknown)}")
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
        return any(_matches(pattern.lower(), action.lower()) for pattern in self.actions) and any(
            _matches(pattern, resource) for pattern in self.resources
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Statements, in no order that matters."""

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
                raise SettingsError(f"a policy has what visavis does not know: {', '.join(unknown)}")
            if document.get("Version", VERSIONS[0]) not in VERSIONS:
                raise SettingsError(f"a policy's Version must be one of {', '.join(VERSIONS)}")
            document = document.get("Statement")
            if isinstance(document, Mapping):
                document = [document]
        if not isinstance(document, list):
            raise SettingsError("a policy must be a list of statements, or an object with Statement")
        return cls(tuple(Statement.parse(statement) for statement in document))

    def verdict(self, action: str, resource: str = "*") -> Verdict:
        """Judge `action` on `resource`; an action that has no resources is judged on `*`."""
        effects = {statement.effect for statement in self.statements if statement.covers(action, resource)}
        if Effect.DENY in effects:
            return Verdict.DENIED
        return Verdict.ALLOWED if Effect.ALLOW in effects else Verdict.NOT_ALLOWED


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Without a policy everything is allowed."""

    access_key_id: str
    arn: str
    policy: Policy | None = None

    def verdict(self, action: str, resource: str = "*") -> Verdict:
        return Verdict.ALLOWED if self.policy is None else self.policy.verdict(action, resource)


LOCAL_CALLER = Caller("local", "arn:aws:iam::000000000000:user/local")
"""Whoever runs this process: the library and the command line ask in their own name."""


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
    # IAM has no [sets], and fnmatch has; its expression is linear in the text, which a caller chooses.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
