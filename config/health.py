"""Whether this process is alive, and whether it can serve."""

from __future__ import annotations

from functools import cache

from django.db import DEFAULT_DB_ALIAS, Error, connection
from django.db.migrations.executor import MigrationExecutor
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.problems import SENTENCES, Problem


class Health(APIView):
    """Base of the two: no login, no session, no part of the API's schema."""

    authentication_classes = []
    permission_classes = [AllowAny]


class Alive(Health):
    """The process answers."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Say so."""
        return Response({"status": "alive"})


class Ready(Health):
    """The database is there, and has the tables of this version."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Say so, or answer 503."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            check_migrated()
        except Error:
            raise Problem(503, *SENTENCES[503]) from None
        return Response({"status": "ready"})


@cache
def check_migrated() -> None:
    """
    Raise Problem unless every migration is applied.

    Cached, as only returning is: once they are, this process need not ask again.
    """
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        raise Problem(
            503,
            "migrations_waiting",
            f"{len(waiting)} migrations are not applied to "
            f"{DEFAULT_DB_ALIAS!r}. Run `manage.py migrate`.",
        )
