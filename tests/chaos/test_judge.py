"""The judge: a clean drill, and everything that may be wrong with one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from config.demo.owed import Answer, Effect, Letter, Post
from config.demo.report import Arrival, Seen
from tests.chaos.judge import RECOVERS_WITHIN, Evidence, Message, judge

EVENT, EMAIL = "e1", "reader@demo.example"
EFFECT = Effect(EVENT, "count_returned", "book.returned", "loan")
POSTS = (
    Post(EVENT, "all", "book.returned"),
    Post(EVENT, "loans", "book.returned"),
)
LETTER = Letter(EVENT, EMAIL)
ANSWER = {
    "command": "c1",
    "event": EVENT,
    "type": "book.returned",
    "email": EMAIL,
    "about": "loan",
    "repeated": False,
}
CLEAN = {"lost": 0, "unexpected": 0, "duplicated": 0, "wire_duplicates": 0}


def copies(*of):
    return [Arrival(each, "the same") for each in of]


@pytest.fixture
def seen():
    return Seen(
        events=Counter({"book.returned": 1}),
        positions=1,
        last_position=1,
        effects=Counter([EFFECT]),
        posts=copies(*POSTS),
        letters=copies(LETTER),
        ambiguous=Counter(),
        imports=[],
        killed_in_flight=0,
        seconds=1.0,
    )


@pytest.fixture
def evidence(seen):
    return Evidence(
        prepared=[],
        intents=[{"command": "c1"}],
        answers=[ANSWER],
        trouble=[],
        seen=seen,
        tried_again=frozenset(),
        statuses=Counter(delivered=4),
        audit=[],
        recovery=1.0,
    )


def figures(verdict):
    return {name: verdict.figures[name] for name in CLEAN}


def test_a_clean_drill_has_no_problems(evidence):
    verdict = judge(evidence)

    assert verdict.problems == []
    assert figures(verdict) == CLEAN
    assert verdict.figures["attempted"] == verdict.figures["acknowledged"] == 1
    assert verdict.figures["delivered"] == 4
    assert verdict.figures["recovered"] == 0


def test_what_was_prepared_is_owed_like_the_rest(evidence):
    answer = Answer(*(ANSWER[name] for name in Answer._fields))

    verdict = judge(replace(evidence, prepared=[answer], answers=[], intents=[]))

    assert verdict.problems == []
    assert verdict.figures["delivered"] == 4
    assert verdict.figures["attempted"] == 0


def test_what_did_not_arrive_is_lost(evidence, seen):
    verdict = judge(replace(evidence, seen=replace(seen, letters=[])))

    assert figures(verdict) == CLEAN | {"lost": 1}
    assert "1 emails lost" in verdict.problems[0]


def test_what_nobody_owed_is_unexpected(evidence, seen):
    more = copies(*POSTS, Post("e2", "all", "book.returned"))

    verdict = judge(replace(evidence, seen=replace(seen, posts=more)))

    assert figures(verdict) == CLEAN | {"unexpected": 1}
    assert "1 webhooks nobody expected" in verdict.problems[0]


def test_an_effect_that_is_there_twice_is_duplicated(evidence, seen):
    twice = Counter([EFFECT, EFFECT])

    verdict = judge(replace(evidence, seen=replace(seen, effects=twice)))

    assert figures(verdict) == CLEAN | {"duplicated": 1}
    assert "1 effects doubled" in verdict.problems[0]


def test_a_second_copy_needs_an_ambiguous_attempt_of_its_own(evidence, seen):
    twice = replace(seen, posts=copies(*POSTS, POSTS[0]))
    excused = replace(twice, ambiguous=Counter([POSTS[0]]))
    another = replace(twice, ambiguous=Counter([POSTS[1]]))

    verdicts = [judge(replace(evidence, seen=each)) for each in (excused, another)]

    assert [figures(each)["wire_duplicates"] for each in verdicts] == [1, 1]
    assert verdicts[0].problems == []
    assert "more copies than ambiguous attempts" in verdicts[1].problems[0]


def test_what_came_in_spite_of_an_unknown_outcome_is_recovered(evidence):
    trouble = [{"command": "c1", "what": "OperationalError: gone"}]

    verdict = judge(replace(evidence, trouble=trouble))

    assert verdict.problems == []
    assert verdict.figures["recovered"] == 4


def test_what_came_in_spite_of_a_lost_attempt_is_recovered(evidence):
    again = frozenset({Message("webhooks", EVENT, "loans")})

    assert judge(replace(evidence, tried_again=again)).figures["recovered"] == 1


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"intents": [{"command": "c1"}, {"command": "c2"}]}, "1 commands have no"),
        ({"answers": [ANSWER, ANSWER]}, "1 answers have no command"),
        (
            {
                "intents": [{"command": "c1"}, {"command": "c2"}],
                "answers": [ANSWER, {"command": "c2", "refused": "loan_limit"}],
            },
            "loan_limit",
        ),
        (
            {"trouble": [{"command": "c1", "what": "DataError: too long"}]},
            "DataError",
        ),
        ({"statuses": Counter(delivered=3, dead=1)}, "1 deliveries are dead"),
        ({"statuses": Counter(delivered=3, pending=1)}, "1 deliveries are pending"),
        ({"statuses": Counter(delivered=3, unknown=1)}, "1 deliveries are unknown"),
        ({"audit": ["something is not clean"]}, "something is not clean"),
        ({"recovery": None}, "did not recover"),
        ({"recovery": RECOVERS_WITHIN + 0.1}, "recovery took 10.1 s"),
    ],
)
def test_what_else_is_wrong_is_said(evidence, changed, problem):
    verdict = judge(replace(evidence, **changed))

    assert any(problem in each for each in verdict.problems), verdict.problems


def test_a_recovery_at_the_limit_is_in_time(evidence):
    assert judge(replace(evidence, recovery=RECOVERS_WITHIN)).problems == []


def test_a_repeat_that_acted_twice_shows_in_the_log(evidence, seen):
    twice = Counter({"book.returned": 2})

    verdict = judge(replace(evidence, seen=replace(seen, events=twice)))

    assert "book.returned: 1 answered, 2 in the log" in verdict.problems
