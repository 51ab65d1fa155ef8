from __future__ import annotations

from datetime import timedelta

from library.lending import loans
from library.policies import policies
from tests.api.problems import problem

FEES = "/api/v1/fees/"


def test_a_reader_sees_what_is_owed_and_a_librarian_settles_it(
    reader, librarian, a_loan, now
):
    policies.set_policy(name="fees", now=now, fee_per_day=100)
    for member in ({"member_id": reader.member_id}, {}):
        loan = a_loan(**member)
        loans.return_copy(copy_id=loan.copy_id, now=now + timedelta(days=30))

    (fee,) = reader.get(FEES, {"open": "true"}).json()["results"]
    path = f"{FEES}{fee['id']}/settle/"

    assert (fee["amount"], fee["days_late"]) == (200, 2)
    assert librarian.get(FEES).json()["count"] == 2
    mine = {"member": str(reader.member_id)}
    assert librarian.get(FEES, mine).json()["results"] == [fee]
    problem(reader.post(path, {"how": "paid"}), 403, "permission_denied")
    assert librarian.post(path, {"how": "waived"}).json()["settled_how"] == "waived"
    problem(librarian.post(path, {"how": "paid"}), 409, "fee_closed")
    assert reader.get(FEES, {"open": "true"}).json()["count"] == 0
