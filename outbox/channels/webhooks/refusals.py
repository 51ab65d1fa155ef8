"""Why an endpoint cannot be as asked. Each has a stable `code`."""

from __future__ import annotations

from outbox.errors import OutboxError


class InvalidEndpoint(OutboxError):
    """An endpoint cannot be as asked, because of the named field."""

    code = "invalid_endpoint"
    status = 400

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence)
        self.field = field


class EndpointOff(InvalidEndpoint):
    """Nothing can be sent again to an endpoint that is switched off."""

    code = "endpoint_off"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            "The endpoint is switched off. Switch it on first: set `active`.",
            field="active",
        )


class DeliveryPending(InvalidEndpoint):
    """What is still to be tried cannot be started anew."""

    code = "delivery_pending"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            "The delivery is still pending: it is tried at `due_at`.", field="status"
        )


class EndpointTaken(InvalidEndpoint):
    """The owner has an endpoint with this URL."""

    code = "endpoint_taken"
    status = 409


class TooManySecrets(InvalidEndpoint):
    """So many secrets sign for an endpoint already that another has no room."""

    code = "too_many_secrets"
    status = 409
