"""
Every fold there is: the read models', and those of the domain's own tables.

Imports models: nothing may import this before the apps are ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from django.conf import settings

from outbox.folds import Fold, declared_in, domain_folds
from projections.errors import UnknownProjection

DOMAIN = "domain"


@cache
def read_models() -> Mapping[str, Fold]:
    """Return the read models' folds by name, from the modules of PROJECTIONS."""
    folds = (fold for path in settings.PROJECTIONS for fold in declared_in(path))
    return {fold.name: fold for fold in folds}


def every_fold() -> Mapping[str, Fold]:
    """Return all folds by name, the read models' first."""
    return {**read_models(), **{fold.name: fold for fold in domain_folds()}}


def named(names: Iterable[str]) -> list[Fold]:
    """
    Return the folds of these names; DOMAIN stands for all of the domain's tables.

    Raises UnknownProjection for any other name.
    """
    known: dict[str, tuple[Fold, ...]] = {
        name: (fold,) for name, fold in every_fold().items()
    }
    known[DOMAIN] = domain_folds()
    for name in names:
        if name not in known:
            raise UnknownProjection(name, known)
    return list(dict.fromkeys(fold for name in names for fold in known[name]))


def groups(folds: Iterable[Fold]) -> dict[str, list[Fold]]:
    """
    Return by name what is folded in one reading of the log.

    Each read model by itself, since each has its own checkpoint; the domain's
    tables together.
    """
    found: dict[str, list[Fold]] = {}
    for fold in folds:
        name = fold.name if fold.name in read_models() else DOMAIN
        found.setdefault(name, []).append(fold)
    return found
