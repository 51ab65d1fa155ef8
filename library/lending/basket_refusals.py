"""How a basket is refused, or a thing in it."""

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
