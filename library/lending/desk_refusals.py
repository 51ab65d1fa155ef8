"""How the desk says that it does not know a code, or lends no basket."""

from __future__ import annotations

from collections.abc import Mapping

from library.refusals import NotFound, Refusal


class UnknownBarcode(NotFound):
    """
    No copy in stock has the barcode.

    It is not repeated: it may be that of somebody's card.
    """

    code = "unknown_barcode"

    def __init__(self) -> None:
        super().__init__("No copy in stock has this barcode. Scan it again.")


class BasketRefused(Refusal):
    """Of a basket that was to be lent whole, something cannot be lent."""

    code = "basket_refused"

    def __init__(self, refused: Mapping[int, Refusal], size: int) -> None:
        super().__init__(
            f"{len(refused)} of {size} copies cannot be lent, so none was. "
            "Lay them aside, or ask for those that can be.",
            refused=[
                {"place": place, "codes": [each.code for each in refusal.reasons]}
                for place, refusal in refused.items()
            ],
        )
        self.also = tuple(each for why in refused.values() for each in why.reasons)


class UnknownCode(NotFound):
    """
    What was scanned is neither a copy in stock nor a member's card.

    It is not repeated: it may be the card of somebody who was erased.
    """

    code = "unknown_code"

    def __init__(self) -> None:
        super().__init__(
            "This is neither a copy in stock nor the card of a member. Scan it again."
        )
