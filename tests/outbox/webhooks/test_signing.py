from __future__ import annotations

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime
from uuid import UUID

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from outbox.channels.webhooks import keys, signing
from outbox.channels.webhooks.signing import BadSignature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
NOW = 1614265330
BODY = b'{"test": 2432232314}'
KNOWN = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def secret_of(length):
    return "whsec_" + base64.b64encode(bytes(length)).decode()


def signed(*secrets, body=BODY, **changes):
    """Return the headers of a message, some of them changed."""
    return signing.headers(secrets or [SECRET], ID, NOW, body) | {
        f"webhook-{name}": value for name, value in changes.items()
    }


def refusal(headers, body=BODY, *, secrets=(SECRET,), now=NOW, **options):
    with pytest.raises(BadSignature) as refused:
        signing.verify(secrets, headers, body, now=now, **options)
    return refused.value.reason


def test_the_known_answer():
    assert signing.sign(SECRET, message_id=ID, timestamp=NOW, body=BODY) == KNOWN


def test_the_three_headers():
    assert signing.headers([SECRET], ID, NOW, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": KNOWN,
    }


def test_a_message_id_names_its_event():
    event_id = UUID("0198c1de-9c5d-7e2f-a111-0123456789ab")

    assert signing.message_id(event_id) == "msg_0198c1de9c5d7e2fa1110123456789ab"


@pytest.mark.parametrize("body", [b"{}", BODY, '{"kitob": "O‘tkan kunlar"}'.encode()])
def test_an_independent_verifier_accepts_what_we_sign(body):
    secret = keys.new("v1")
    headers = signing.headers([secret], ID, int(time.time()), body)

    standardwebhooks.Webhook(secret).verify(body, headers)

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(body + b" ", headers)


def test_during_a_rotation_holders_of_either_secret_can_verify():
    headers = signing.headers([SECRET, OTHER], ID, int(time.time()), BODY)

    standardwebhooks.Webhook(SECRET).verify(BODY, headers)
    standardwebhooks.Webhook(OTHER).verify(BODY, headers)
    signing.verify([OTHER], headers, BODY, now=int(time.time()))


def test_we_accept_what_an_independent_signer_signs():
    at = datetime.fromtimestamp(NOW, tz=UTC)
    theirs = standardwebhooks.Webhook(OTHER).sign(ID, at, BODY.decode())

    signing.verify([SECRET, OTHER], signed(signature=theirs), BODY, now=NOW)


def test_a_new_secret_is_32_bytes_and_never_the_same():
    first, second = keys.new("v1"), keys.new("v1")

    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32
    signing.verify([first], signed(first), BODY, now=NOW)


@pytest.mark.parametrize("length", [24, 64])
def test_a_secret_may_be_24_to_64_bytes(length):
    secret = secret_of(length)

    signing.verify([secret], signed(secret), BODY, now=NOW)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        (secret_of(23), "24 to 64 bytes"),
        (secret_of(65), "24 to 64 bytes"),
        (SECRET.removeprefix("whsec_"), "starts with 'whsec_'"),
        ("whsk_" + SECRET.removeprefix("whsec_"), "32 bytes"),
        ("whsk_" + SECRET.removeprefix("whsec_") + "=", "base64"),
        ("whpk_" + SECRET.removeprefix("whsec_"), "starts with 'whsec_'"),
        (SECRET + "=", "base64"),
        (SECRET + "\n", "base64"),
        (SECRET.replace("9", "-"), "base64"),
        (SECRET.replace("9", "қ"), "base64"),
        ("", "starts with 'whsec_'"),
    ],
)
def test_a_secret_that_cannot_be_is_refused_and_not_repeated(secret, why):
    with pytest.raises(ValueError, match=why) as refused:
        signing.sign(secret, message_id=ID, timestamp=NOW, body=BODY)

    assert len(secret) < 6 or secret[6:] not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("bad_id", ["", "a.b", "a b", "a\n", "қ", "x" * 256])
def test_an_id_that_cannot_be_is_neither_signed_nor_accepted(bad_id):
    with pytest.raises(ValueError, match="message id"):
        signing.sign(SECRET, message_id=bad_id, timestamp=NOW, body=BODY)

    assert refusal(signed(id=bad_id)) == "bad_id"


@pytest.mark.parametrize("bad_time", [-1, 10**12])
def test_a_timestamp_that_cannot_be_is_not_signed(bad_time):
    with pytest.raises(ValueError, match="timestamp"):
        signing.sign(SECRET, message_id=ID, timestamp=bad_time, body=BODY)


@pytest.mark.parametrize("secrets", [[], (), SECRET])
def test_signing_and_verifying_need_a_list_of_secrets(secrets):
    with pytest.raises(ValueError, match="at least one"):
        signing.headers(secrets, ID, NOW, BODY)
    with pytest.raises(ValueError, match="at least one"):
        signing.verify(secrets, signed(), BODY, now=NOW)


def test_another_body_id_time_or_secret_is_refused():
    assert refusal(signed(), BODY + b" ") == "no_match"
    assert refusal(signed(id=ID + "x")) == "no_match"
    assert refusal(signed(timestamp=str(NOW + 1))) == "no_match"
    assert refusal(signed(), secrets=[OTHER]) == "no_match"


def test_a_message_is_accepted_up_to_the_tolerance_on_either_side():
    for now in (NOW - 300, NOW + 300):
        signing.verify([SECRET], signed(), BODY, now=now)

    assert refusal(signed(), now=NOW + 301) == "too_old"
    assert refusal(signed(), now=NOW - 301) == "too_new"
    assert refusal(signed(), now=NOW + 6, tolerance=5) == "too_old"


NOT_TIMES = ["", " 1", "1614265330\n", "1614265330.0", "+1614265330", "-1", "1e9"]
NOT_TIMES += ["nan", "1_614_265_330", "١٦١٤٢٦٥٣٣٠", "²", "9" * 5000]


@pytest.mark.parametrize("timestamp", NOT_TIMES)
def test_a_timestamp_is_ascii_digits_only(timestamp):
    assert refusal(signed(timestamp=timestamp)) == "bad_timestamp"


@pytest.mark.parametrize("name", ["id", "timestamp", "signature"])
def test_each_header_must_be_there_exactly_once(name):
    without = signed()
    value = without.pop(f"webhook-{name}")
    twice = signed() | {f"Webhook-{name}": value}

    assert refusal(without) == "missing_header"
    assert refusal(twice) == "repeated_header"


def test_header_names_are_matched_in_any_case():
    shouted = {name.upper(): value for name, value in signed().items()}

    signing.verify([SECRET], shouted, BODY, now=NOW)


NOISE = ["", ",", "v1", "v1,", "v1,,", "v1,not base64", "v1,қ", "v1,\udcff", "v2,AAAA"]
NOISE += ["v1a," + KNOWN[3:], KNOWN[3:], KNOWN + "=", KNOWN.upper(), "v1," * 5000]


@pytest.mark.parametrize("noise", NOISE)
def test_a_malformed_signature_is_passed_over_and_never_matches(noise):
    signing.verify([SECRET], signed(signature=f"{noise} {KNOWN}"), BODY, now=NOW)
    signing.verify([SECRET], signed(signature=f"{KNOWN} {noise}"), BODY, now=NOW)

    assert refusal(signed(signature=noise)) == "no_match"


def test_a_second_spelling_of_the_same_base64_does_not_match():
    digest = base64.b64decode(KNOWN[3:])
    respelled = KNOWN[:-2] + "F="  # the last two bits carry nothing

    assert base64.b64decode(respelled[3:]) == digest
    assert refusal(signed(signature=respelled)) == "no_match"


def test_signatures_are_compared_in_constant_time(monkeypatch):
    compared = []
    real = hmac.compare_digest

    def spy(mine, theirs):
        compared.append(theirs)
        return real(mine, theirs)

    monkeypatch.setattr(keys.hmac, "compare_digest", spy)
    signing.verify([SECRET], signed(signature=f"v1,AAAA {KNOWN}"), BODY, now=NOW)

    assert compared == [b"v1,AAAA", KNOWN.encode()]


def test_the_body_is_signed_as_bytes_whatever_they_are():
    body = b"\x00\xff\xfe not text"
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = hmac.new(key, f"{ID}.{NOW}.".encode() + body, hashlib.sha256).digest()

    signature = signing.sign(SECRET, message_id=ID, timestamp=NOW, body=body)

    assert signature == "v1," + base64.b64encode(expected).decode()


# --- v1a ------------------------------------------------------------------------


@pytest.fixture
def pair():
    """Return a new secret key and its public one."""
    secret = keys.new("v1a")
    return secret, keys.public_of(secret)


def test_v1a_is_ed25519_over_id_timestamp_and_body(pair):
    secret, public = pair

    version, _, signature = signed(secret)["webhook-signature"].partition(",")

    assert version == "v1a"
    assert (secret[:5], public[:5]) == ("whsk_", "whpk_")
    Ed25519PublicKey.from_public_bytes(base64.b64decode(public[5:])).verify(
        base64.b64decode(signature), f"{ID}.{NOW}.".encode() + BODY
    )


def test_a_known_answer_of_v1a():
    """RFC 8032, 7.1, test 1: one key has one signature for one message."""
    seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    secret = "whsk_" + base64.b64encode(bytes.fromhex(seed)).decode()

    assert keys.public_of(secret) == (
        "whpk_" + base64.b64encode(bytes.fromhex(public)).decode()
    )
    assert keys.signer(secret).sign(b"") == (
        "v1a,5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv1"
        "8FlbviRlUUFDjnoQCw=="
    )


def test_who_has_the_public_key_can_verify_and_not_sign(pair):
    secret, public = pair

    signing.verify([public], signed(secret), BODY, now=NOW)

    assert refusal(signed(secret), BODY + b" ", secrets=[public]) == "no_match"
    assert refusal(signed(secret, id=ID + "x"), secrets=[public]) == "no_match"
    assert refusal(signed(keys.new("v1a")), secrets=[public]) == "no_match"
    with pytest.raises(ValueError, match="starts with 'whsec_' or 'whsk_'"):
        signed(public)
    with pytest.raises(ValueError, match="starts with 'whsec_' or 'whpk_'"):
        signing.verify([secret], signed(secret), BODY, now=NOW)


def test_both_versions_sign_while_one_takes_the_place_of_the_other(pair):
    secret, public = pair
    now = int(time.time())
    headers = signing.headers([secret, SECRET], ID, now, BODY)

    standardwebhooks.Webhook(SECRET).verify(BODY, headers)
    signing.verify([public], headers, BODY, now=now)


@pytest.mark.parametrize("noise", [*NOISE, "v1a,", "v1a", "v1a,AAAA", "v1a," * 5000])
def test_a_malformed_signature_is_passed_over_by_a_public_key_too(pair, noise):
    secret, public = pair
    right = signed(secret)["webhook-signature"]

    for given in (f"{noise} {right}", f"{right} {noise}"):
        signing.verify([public], signed(signature=given), BODY, now=NOW)

    assert refusal(signed(signature=noise), secrets=[public]) == "no_match"
    assert refusal(signed(signature=right + "="), secrets=[public]) == "no_match"
    relabelled = right.replace("v1a,", "v1,")
    assert refusal(signed(signature=relabelled), secrets=[public]) == "no_match"


def test_only_so_many_signatures_are_tried(pair):
    """Each costs a hash of the whole body, and a header has room for hundreds."""
    secret, public = pair
    right = signed(secret)["webhook-signature"]
    wrong = signed(keys.new("v1a"))["webhook-signature"]

    signing.verify([public], signed(signature=f"{wrong} " * 9 + right), BODY, now=NOW)

    given = signed(signature=f"{wrong} " * keys.MOST_TRIED + right)
    assert refusal(given, secrets=[public]) == "no_match"


@pytest.mark.parametrize("version", keys.VERSIONS)
def test_a_key_does_not_show_itself(version):
    secret = keys.new(version)

    shown = repr(keys.signer(secret)) + repr(
        keys.checker(keys.public_of(secret) or secret)
    )

    assert secret[5:] not in shown
    assert repr(base64.b64decode(secret.partition("_")[2])) not in shown
