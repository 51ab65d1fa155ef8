from __future__ import annotations

from projections.checks import check_projections
from projections.questions.due_loans import due_loans


def test_the_wiring_is_right():
    assert check_projections() == []


def test_an_event_that_a_read_model_is_silent_about_is_found(monkeypatch):
    monkeypatch.setattr(due_loans, "ignored", due_loans.ignored - {"copy.added"})

    (problem,) = check_projections()

    assert problem.id == "outbox.E001"
    assert "due_loans" in problem.msg
    assert "'copy.added'" in problem.msg


def test_a_module_that_declares_no_fold_is_found(settings):
    settings.PROJECTIONS = [*settings.PROJECTIONS, "projections.errors"]

    (problem,) = check_projections()

    assert problem.id == "projections.E001"
    assert "'projections.errors'" in problem.msg
