"""The tables of the webhook endpoints. Django finds them through `models.py`."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from outbox.columns import Now
from outbox.ids import new_id
from outbox.sealing import Sealed


class WebhookEndpoint(models.Model):
    """
    Somebody's URL, and what it wants to hear.

    `compatible` adds the headers of the older scheme to those of Standard Webhooks.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    url = models.URLField(max_length=500)
    event_types = ArrayField(models.CharField(max_length=100))
    ordered = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    compatible = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # The same address twice would be told everything twice.
            models.UniqueConstraint(
                fields=["url", "owner"], name="outbox_endpoint_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.url} ({', '.join(self.event_types)})"


class WebhookSecret(Sealed):
    """
    What signs for an endpoint: `sealed` opens only for the endpoint it was made for.

    `until` is when it stops; None is the current one. `public_key` is of a v1a.
    """

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="secrets"
    )
    version = models.CharField(max_length=3)
    public_key = models.CharField(max_length=60, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Two rotations at once, each of which took its own for the last one.
            models.UniqueConstraint(
                fields=["endpoint"],
                condition=models.Q(until=None),
                name="outbox_secret_current_once",
            ),
            # A key pair that nobody could verify, or a third version.
            models.CheckConstraint(
                condition=models.Q(version="v1", public_key="")
                | models.Q(version="v1a", public_key__startswith="whpk_"),
                name="outbox_secret_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} of {self.endpoint_id}"

    def about(self) -> str:
        """Return the endpoint: at another one, this secret does not open."""
        return str(self.endpoint_id)
