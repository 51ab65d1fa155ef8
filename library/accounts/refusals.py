"""How the accounts say no."""

from __future__ import annotations

from uuid import UUID

from library.refusals import Invalid, NotFound, Refusal


class UnknownFee(NotFound):
    """There is no such fee."""

    code = "unknown_fee"

    def __init__(self, fee_id: UUID) -> None:
        super().__init__(
            f"There is no fee {fee_id}. Look at the list of fees.", fee_id=fee_id
        )


class FeeClosed(Refusal):
    """The fee was settled before."""

    code = "fee_closed"

    def __init__(self, fee_id: UUID, how: str) -> None:
        super().__init__(
            f"Fee {fee_id} was {how}. There is nothing left to do.",
            fee_id=fee_id,
            how=how,
        )


class InvalidFee(Invalid):
    """A fee can be paid or waived, nothing else."""

    code = "invalid_fee"
