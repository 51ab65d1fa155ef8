"""
The whole configuration, all of it from the environment.

Every value is read first and all wrong ones are reported together; only then is
anything built from them. Nothing secret has a default: without SECRET_KEY one is
made at first start and kept where only its owner can read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from environs import Env, validate

from config import environment, lines

BASE_DIR = Path(__file__).resolve().parent.parent

# --- What the environment says -------------------------------------------------

env = Env(eager=False)
environment.add_parsers(env)

DEBUG: bool = env.bool("DEBUG", False)
SECRET_KEY: str = env.str("SECRET_KEY", "") or environment.kept_secret_key()
SEALING_KEYS: dict[str, bytes] = env.sealing_keys("SEALING_KEYS", "")
PUBLIC_URL: str = env.http_url("PUBLIC_URL", "http://127.0.0.1:8000")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", [])
BEHIND_PROXY: bool = env.bool("BEHIND_PROXY", False)
EXTRA_APPS: list[str] = env.apps("EXTRA_APPS", "")
STATIC_ROOT: str | None = env.str("STATIC_ROOT", None)

_database: dict[str, Any] = env.database("DATABASE_URL", "")
BROKER_URL: str = env.broker_url("BROKER_URL", "")  # "": the same PostgreSQL

_email: dict[str, Any] = env.smtp_url("EMAIL_URL", "smtp://127.0.0.1:25")
LETTERS_FROM: str = env.sender("LETTERS_FROM", "Kutubxona <library@localhost>")

PLAIN_HTTP_WEBHOOKS: bool = env.bool("PLAIN_HTTP_WEBHOOKS", DEBUG)
RELAY_LEASE: float = env.float("RELAY_LEASE", 30.0, validate=validate.Range(min=3))
KEEP_DELIVERIES_DAYS: int = env.int(
    "KEEP_DELIVERIES_DAYS", 30, validate=validate.Range(min=1, max=36500)
)
LOAN_DAYS: int = env.int("LOAN_DAYS", 28, validate=validate.Range(min=1, max=3650))
LOAN_LIMIT: int = env.int("LOAN_LIMIT", 5, validate=validate.Range(min=0))
QUARANTINE: bool = env.bool("QUARANTINE", False)

LOG_LEVEL: str = env.log_level_name("LOG_LEVEL", "INFO")
LOG_JSON: bool = env.bool("LOG_JSON", False)

METRICS_TOKEN: str = env.str(
    "METRICS_TOKEN",
    "",
    validate=validate.Regexp(
        r"^([A-Za-z0-9._~+/=-]{20,})?$",
        error="has fewer than 20 characters, or others than A-Z a-z 0-9 ._~+/=-",
    ),
)

env.seal()

# --- Rooms and wiring ----------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "projections",
    "library.catalog",
    "library.members",
    "library.policies",
    "library.accounts",
    "library.lending",
    "library.news",
    "outbox",  # before django_outbox_pattern: two of its commands are refused
    "django_outbox_pattern",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    *EXTRA_APPS,
]

PARTS = [
    "library.catalog",
    "library.members",
    "library.policies",
    "library.accounts",
    "library.lending",
    "library.news",
]

OUTBOX: dict[str, Any] = {
    "EVENTS": [
        *(f"{each}.events" for each in (*PARTS, "outbox.channels.webhooks")),
        "library.lending.hold_events",
        "library.lending.date_events",
        "library.lending.copy_events",
    ],
    "FOLDS": [f"{each}.state" for each in PARTS],
    "LETTERS": [
        "library.lending.letters",
        "library.members.letters",
        "library.news.letters",
        "outbox.channels.webhooks.letters",
    ],
    "DUTIES": [
        "library.lending.start_of_day.look_after",
        "library.news.announcements.announce_today",
        "outbox.channels.webhooks.incidents.look_after",
    ],
    "FOLLOWERS": ["projections.feed.catch_up_all"],
    "GAUGES": ["projections.gauges.lag"],
    "CHANNELS": [
        "outbox.channels.signals",
        "outbox.channels.webhooks.channel",
        "outbox.channels.letters",
        "outbox.channels.emails",
    ],
    "SIGNALS": "library.signals",
    "ADDRESSES": "library.members.addresses.of",
    "BOUNCED": "library.members.bounces.bounced",
    "SOURCES": {"bounces": {"handler": "library.members.inbound.bounces"}},
    "UNSUBSCRIBE": "library.members.unsubscribing.url",
    "ORIGIN": PUBLIC_URL,
    "LEASE_SECONDS": RELAY_LEASE,
    "KEEP_DAYS": KEEP_DELIVERIES_DAYS,
    "SEALING_KEYS": SEALING_KEYS,
    "PLAIN_HTTP": PLAIN_HTTP_WEBHOOKS,
}

LENDING = {"LOAN_DAYS": LOAN_DAYS, "LOAN_LIMIT": LOAN_LIMIT}

# Who is asked before something of a lower part goes: see library/guards.py.
LIBRARY_GUARDS = ["library.lending.blocking"]

# Where what a lower part does leads on to: see library/consequences.py.
LIBRARY_CONSEQUENCES = ["library.lending.consequences"]

PROJECTIONS = [
    "projections.questions.availability",
    "projections.questions.shelves",
    "projections.questions.due_loans",
    "projections.questions.search",
    "projections.questions.facets",
    "projections.questions.stock",
    "projections.questions.profiles",
    "projections.questions.activity",
]

# --- Database ------------------------------------------------------------------

DATABASES = {
    "default": {
        **_database,
        "ATOMIC_REQUESTS": False,  # operations say themselves what is one step
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Web -----------------------------------------------------------------------

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
MIDDLEWARE = [
    "outbox.api.correlation.Correlated",
    "config.bounds.NoNulCharacters",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
CSRF_FAILURE_VIEW = "config.problems.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a body; more is a 413
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # the apps' own files, without a collecting step

# --- Who may ------------------------------------------------------------------

AUTH_USER_MODEL = "members.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

_https = PUBLIC_URL.startswith("https://")
_host = environment.host_of(PUBLIC_URL)

ALLOWED_HOSTS = ALLOWED_HOSTS or [_host, "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [environment.origin_of(PUBLIC_URL)]
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^(livez|readyz)$"]  # asked from inside, in plain HTTP
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False  # not ours to say
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS = "DENY"

# --- API -----------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "library.members.authentication.Tokens",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["outbox.api.given.JsonBody"],
    "DEFAULT_THROTTLE_RATES": {"tokens": "10/minute", "pings": "10/minute"},
    "NUM_PROXIES": 1 if BEHIND_PROXY else 0,  # else a header of theirs names the client
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "config.schema.Schema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "ALLOWED_VERSIONS": ["1"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "config.problems.Handler",
    "EXCEPTION_FORMATTER_CLASS": "config.problems.Formatter",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Kutubxona",
    "DESCRIPTION": "A library that lends books and tells the world, each event once.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- Letters -------------------------------------------------------------------

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST: str = _email["host"]
EMAIL_PORT: int = _email["port"]
EMAIL_HOST_USER: str = _email["user"]
EMAIL_HOST_PASSWORD: str = _email["password"]
EMAIL_USE_SSL: bool = _email["ssl"]
EMAIL_USE_TLS: bool = _email["tls"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = LETTERS_FROM

# --- Language and time -----------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("uz", "Oʻzbekcha")]

# --- Log -----------------------------------------------------------------------

LOGGING = lines.configured(level=LOG_LEVEL, json=LOG_JSON)
