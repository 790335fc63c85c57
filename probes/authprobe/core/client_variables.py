"""Table of the environment variables that a scenario may set, by the clients that read them.

Only what is listed reaches a client. A variable belongs here if a user would want to test what it
does, and if no value of its kind can lead the client to a file, a program, a plugin, a credential
or an address that is not the case's own.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.core.client_kinds import CLAUDE_MAX_API_PROXY, LITELLM, ClientKind

HOME_PLACEHOLDER: Final = "{home}"
"""Stands for the private home of the case, at the beginning of a path."""
MAX_VALUE_LENGTH: Final = 1000
SETTINGS_ENV: Final = "settings-env"
"""The `env` of the settings file, as the place of a variable."""


class ValueKind(enum.StrEnum):
    """Kinds of values, in the words of an error message."""

    SWITCH = "0, 1, true, false, yes, no, on, off or empty"
    NUMBER = "a number, such as 5000"
    WORD = "a word of letters, digits and . _ : + -"
    WORDS = "words of letters, digits and . _ : + -, separated by commas"
    CHOICE = "one of the documented words"
    MODEL = "the name of a model"
    REGION = "a region, such as us-east-1"
    TIME_ZONE = "a time zone, such as UTC or Europe/Berlin"
    JSON_OBJECT = "a JSON object"
    HEADERS = "lines of the form 'Name: value'"
    ADDRESS = "the address of an emulated host or of one under 'hosts', without user, query or '..'"
    HOME_PATH = "a path in the private home, such as {home}/logs, without '..' and outside of bin"


_SEGMENT: Final = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,99}"
_WORD: Final = r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}"
VALUE_PATTERNS: Final[Mapping[ValueKind, re.Pattern[str]]] = {
    ValueKind.SWITCH: re.compile(r"(?:[01]|true|false|yes|no|on|off)?", re.IGNORECASE),
    # Claude Code also reads 2e3 and 64_000 (code.claude.com/docs/en/env-vars).
    ValueKind.NUMBER: re.compile(r"-?[0-9][0-9_]{0,14}(?:\.[0-9]{1,6})?(?:e[0-9]{1,2})?"),
    ValueKind.WORD: re.compile(_WORD),
    ValueKind.WORDS: re.compile(rf"{_WORD}(?:, ?{_WORD}){{0,19}}"),
    ValueKind.MODEL: re.compile(r"(?!.*(?:\.\.|//))[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}(?:\[1m\])?"),
    # A region becomes part of a host name, so it has neither dots nor slashes.
    ValueKind.REGION: re.compile(r"[a-z]{2,12}(?:-[a-z0-9]{1,16}){0,4}"),
    ValueKind.TIME_ZONE: re.compile(r"[A-Z][A-Za-z0-9+-]{1,20}(?:/[A-Z][A-Za-z_-]{1,30}){0,2}"),
    # A port changes nothing, as the proxy of the case takes every connection.
    ValueKind.ADDRESS: re.compile(
        r"https?://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)"
        rf"(?::[1-9][0-9]{{0,3}}|:[1-5][0-9]{{4}})?(?:/{_SEGMENT}){{0,8}}/?"
    ),
    # `bin` has links to programs of the machine, which a client would follow.
    ValueKind.HOME_PATH: re.compile(
        r"\{home\}/(?!bin(?:/|$))(?:(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]{1,100}/?){1,8}"
    ),
}
"""The form of a value; CHOICE, JSON_OBJECT and HEADERS have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientVariable:
    """A variable that a scenario may set."""

    name: str
    clients: tuple[str, ...]
    """Kinds of clients that read it; a gateway also passes on what the client behind it reads."""
    value: ValueKind
    source: str
    """Address of a document, or the client in whose program it was found."""
    choices: tuple[str, ...] = ()
    """The only values of a CHOICE."""
    reaches_out: bool = False
    """True: the client asks other addresses, past the case's proxy."""

    @property
    def is_address(self) -> bool:
        """True: its value is the address of a host that the case must have."""
        return self.value is ValueKind.ADDRESS

    @property
    def needs_isolation(self) -> bool:
        """True: a client gets it only where the kernel keeps it away from the machine."""
        return self.reaches_out or self.value is ValueKind.HOME_PATH


def url_host(value: str) -> str | None:
    """Return the host of an address in lower case; None: it is not of the form of `ADDRESS`."""
    match = VALUE_PATTERNS[ValueKind.ADDRESS].fullmatch(value)
    return match["host"].lower() if match else None


_CLAUDE: Final = (
    ClientKind.CLAUDE_CODE,
    ClientKind.AGENT_SDK_PYTHON,
    ClientKind.AGENT_SDK_NODE,
    CLAUDE_MAX_API_PROXY,
)
"""Claude Code, and what starts it."""
READERS_OF_SETTINGS: Final = _CLAUDE
"""The clients that read Claude Code's settings file."""
_API_SDKS: Final = (ClientKind.ANTHROPIC_PYTHON, ClientKind.ANTHROPIC_NODE)
_ALL: Final = (*_CLAUDE, *_API_SDKS, LITELLM)
_ENV_VARS: Final = "https://code.claude.com/docs/en/env-vars"
_MODEL_CONFIG: Final = "https://code.claude.com/docs/en/model-config"
_BEDROCK: Final = "https://code.claude.com/docs/en/amazon-bedrock"
_VERTEX: Final = "https://code.claude.com/docs/en/google-vertex-ai"
_GATEWAY: Final = "https://code.claude.com/docs/en/llm-gateway"
_MONITORING: Final = "https://code.claude.com/docs/en/monitoring-usage"
_IN_CLAUDE: Final = "found in the program of claude-code 2.1.332"
_IN_LITELLM: Final = "found in the source of litellm 1.106.2"


@dataclass(frozen=True, slots=True)
class _Group:
    """Variables that differ only in their names."""

    clients: tuple[str, ...]
    value: ValueKind
    source: str
    names: str
    choices: tuple[str, ...] = ()
    reaches_out: bool = False

    def variables(self) -> Iterator[ClientVariable]:
        for name in self.names.split():
            yield ClientVariable(
                name=name,
                clients=self.clients,
                value=self.value,
                source=self.source,
                choices=self.choices,
                reaches_out=self.reaches_out,
            )


_GROUPS: Final = (
    # --- requests and models ----------------------------------------------------------------------
    _Group(
        (*_CLAUDE, *_API_SDKS),
        ValueKind.HEADERS,
        f"{_ENV_VARS}; found in the sources of anthropic-python 2.14.0 and anthropic-node 1.14.0",
        "ANTHROPIC_CUSTOM_HEADERS",
    ),
    _Group((*_CLAUDE, *_API_SDKS), ValueKind.ADDRESS, _GATEWAY, "ANTHROPIC_BASE_URL"),
    _Group(_CLAUDE, ValueKind.WORDS, _ENV_VARS, "ANTHROPIC_BETAS"),
    _Group(_CLAUDE, ValueKind.JSON_OBJECT, _ENV_VARS, "CLAUDE_CODE_EXTRA_BODY"),
    _Group(
        _CLAUDE,
        ValueKind.MODEL,
        _MODEL_CONFIG,
        """
        ANTHROPIC_MODEL ANTHROPIC_SMALL_FAST_MODEL ANTHROPIC_DEFAULT_MODEL
        ANTHROPIC_DEFAULT_FABLE_MODEL ANTHROPIC_DEFAULT_HAIKU_MODEL ANTHROPIC_DEFAULT_OPUS_MODEL
        ANTHROPIC_DEFAULT_SONNET_MODEL ANTHROPIC_CUSTOM_MODEL_OPTION CLAUDE_CODE_SUBAGENT_MODEL
        """,
    ),
    _Group(
        _CLAUDE,
        ValueKind.CHOICE,
        _ENV_VARS,
        "CLAUDE_CODE_EFFORT_LEVEL",
        ("low", "medium", "high", "xhigh", "max", "auto", "unset"),
    ),
    _Group(
        _CLAUDE,
        ValueKind.CHOICE,
        _ENV_VARS,
        "CLAUDE_CODE_DEBUG_LOG_LEVEL",
        ("verbose", "debug", "info", "warn", "error"),
    ),
    _Group(
        (*_CLAUDE, *_API_SDKS),
        ValueKind.CHOICE,
        "https://github.com/anthropics/anthropic-sdk-typescript#log-levels",
        "ANTHROPIC_LOG",
        ("debug", "info", "warn", "error", "off"),
    ),
    _Group(
        _CLAUDE,
        ValueKind.CHOICE,
        _ENV_VARS,
        "CLAUDE_CODE_CERT_STORE",
        ("bundled", "system", "bundled,system"),
    ),
    _Group(_CLAUDE, ValueKind.WORD, _ENV_VARS, "ENABLE_TOOL_SEARCH"),
    _Group(
        _CLAUDE,
        ValueKind.NUMBER,
        _ENV_VARS,
        """
        API_FORCE_IDLE_TIMEOUT API_TIMEOUT_MS BASH_DEFAULT_TIMEOUT_MS BASH_MAX_OUTPUT_LENGTH
        BASH_MAX_TIMEOUT_MS CLAUDE_ASYNC_AGENT_STALL_TIMEOUT_MS CLAUDE_AUTOCOMPACT_PCT_OVERRIDE
        CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS CLAUDE_CODE_AUTO_COMPACT_WINDOW
        CLAUDE_CODE_AWS_CHAIN_RESOLVE_TIMEOUT_MS CLAUDE_CODE_CONNECT_TIMEOUT_MS
        CLAUDE_CODE_EXIT_AFTER_STOP_DELAY CLAUDE_CODE_FILE_READ_MAX_OUTPUT_TOKENS
        CLAUDE_CODE_GLOB_TIMEOUT_SECONDS CLAUDE_CODE_MAX_CONTEXT_TOKENS
        CLAUDE_CODE_MAX_OUTPUT_TOKENS CLAUDE_CODE_MAX_RETRIES CLAUDE_CODE_MAX_TURNS
        CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS CLAUDE_STREAM_IDLE_TIMEOUT_MS MAX_MCP_OUTPUT_TOKENS
        MAX_STRUCTURED_OUTPUT_RETRIES MAX_THINKING_TOKENS MCP_TIMEOUT MCP_TOOL_TIMEOUT
        SLASH_COMMAND_TOOL_CHAR_BUDGET TASK_MAX_OUTPUT_LENGTH
        """,
    ),
    _Group(
        _CLAUDE,
        ValueKind.NUMBER,
        "https://code.claude.com/docs/en/settings",
        "CLAUDE_CODE_API_KEY_HELPER_TTL_MS",
    ),
    # --- switches ---------------------------------------------------------------------------------
    _Group(
        _CLAUDE,
        ValueKind.SWITCH,
        _ENV_VARS,
        """
        CLAUDE_AGENT_SDK_DISABLE_BUILTIN_AGENTS CLAUDE_CODE_ACCESSIBILITY
        CLAUDE_CODE_ALT_SCREEN_FULL_REPAINT CLAUDE_CODE_ATTRIBUTION_HEADER
        CLAUDE_CODE_DISABLE_1M_CONTEXT CLAUDE_CODE_DISABLE_ADAPTIVE_THINKING
        CLAUDE_CODE_DISABLE_ADMIN_ENV_UNION CLAUDE_CODE_DISABLE_ADVISOR_TOOL
        CLAUDE_CODE_DISABLE_AGENT_VIEW CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN
        CLAUDE_CODE_DISABLE_ARTIFACT CLAUDE_CODE_DISABLE_ATTACHMENTS
        CLAUDE_CODE_DISABLE_AUTO_MEMORY CLAUDE_CODE_DISABLE_BACKGROUND_TASKS
        CLAUDE_CODE_DISABLE_BEDROCK_CONTENT_TYPE_GUARD CLAUDE_CODE_DISABLE_BUNDLED_SKILLS
        CLAUDE_CODE_DISABLE_CLAUDE_MDS CLAUDE_CODE_DISABLE_CRON
        CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS CLAUDE_CODE_DISABLE_EXPLORE_PLAN_AGENTS
        CLAUDE_CODE_DISABLE_FAST_MODE CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY
        CLAUDE_CODE_DISABLE_FILE_CHECKPOINTING CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS
        CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP CLAUDE_CODE_DISABLE_MOUSE
        CLAUDE_CODE_DISABLE_MOUSE_CLICKS CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC
        CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK
        CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL CLAUDE_CODE_DISABLE_POLICY_SKILLS
        CLAUDE_CODE_DISABLE_TERMINAL_TITLE CLAUDE_CODE_DISABLE_THINKING
        CLAUDE_CODE_DISABLE_VIRTUAL_SCROLL CLAUDE_CODE_DISABLE_WORKFLOWS
        CLAUDE_CODE_ENABLE_AWAY_SUMMARY CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING
        CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION
        CLAUDE_CODE_ENABLE_TASKS CLAUDE_CODE_ENABLE_TODO_TOOLS CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS
        CLAUDE_CODE_FORCE_SESSION_PERSISTENCE CLAUDE_CODE_FORWARD_SUBAGENT_TEXT
        CLAUDE_CODE_HIDE_CWD CLAUDE_CODE_IDE_SKIP_AUTO_INSTALL CLAUDE_CODE_MCP_ALLOWLIST_ENV
        CLAUDE_CODE_NATIVE_CURSOR CLAUDE_CODE_NO_FLICKER CLAUDE_CODE_PROPAGATE_TRACEPARENT
        CLAUDE_CODE_RETRY_WATCHDOG CLAUDE_CODE_SAFE_MODE
        CLAUDE_CODE_SIMPLE CLAUDE_CODE_SIMPLE_SYSTEM_PROMPT CLAUDE_CODE_SKIP_AWS_CRED_CACHE
        CLAUDE_CODE_SKIP_FAST_MODE_NETWORK_ERRORS CLAUDE_CODE_SKIP_FAST_MODE_ORG_CHECK
        CLAUDE_CODE_SKIP_PROMPT_HISTORY CLAUDE_CODE_SUBPROCESS_ENV_SCRUB
        CLAUDE_CODE_SYNTAX_HIGHLIGHT CLAUDE_CODE_USE_NATIVE_FILE_SEARCH
        CLAUDE_ENABLE_BYTE_WATCHDOG CLAUDE_ENABLE_STREAM_WATCHDOG DEBUG DISABLE_AUTO_COMPACT
        DISABLE_COMPACT DISABLE_COST_WARNINGS DISABLE_DOCTOR_COMMAND DISABLE_ERROR_REPORTING
        DISABLE_EXTRA_USAGE_COMMAND DISABLE_FEEDBACK_COMMAND DISABLE_GROWTHBOOK
        DISABLE_INSTALLATION_CHECKS DISABLE_INSTALL_GITHUB_APP_COMMAND DISABLE_INTERLEAVED_THINKING
        DISABLE_LOGIN_COMMAND DISABLE_LOGOUT_COMMAND DISABLE_PROMPT_CACHING
        DISABLE_PROMPT_CACHING_FABLE DISABLE_PROMPT_CACHING_HAIKU DISABLE_PROMPT_CACHING_OPUS
        DISABLE_PROMPT_CACHING_SONNET DISABLE_TELEMETRY DISABLE_UPDATES DISABLE_UPGRADE_COMMAND
        DO_NOT_TRACK ENABLE_CLAUDEAI_MCP_SERVERS ENABLE_PROMPT_CACHING_1H
        ENABLE_PROMPT_CACHING_1H_BEDROCK FALLBACK_FOR_ALL_PRIMARY_MODELS FORCE_HYPERLINK
        FORCE_PROMPT_CACHING_5M IS_DEMO MCP_CONNECTION_NONBLOCKING
        """,
    ),
    _Group(_CLAUDE, ValueKind.SWITCH, _IN_CLAUDE, "CLAUDE_CODE_DISABLE_FEATURE_FLAGS IS_SANDBOX"),
    _Group(_ALL, ValueKind.SWITCH, "https://no-color.org", "NO_COLOR"),
    _Group(_ALL, ValueKind.SWITCH, "https://force-color.org", "FORCE_COLOR"),
    _Group(
        _ALL,
        ValueKind.SWITCH,
        "https://docs.github.com/actions/reference/workflows-and-actions/variables",
        "CI",
    ),
    _Group(
        _ALL,
        ValueKind.TIME_ZONE,
        "https://www.gnu.org/software/libc/manual/html_node/TZ-Variable.html",
        "TZ",
    ),
    # --- other providers --------------------------------------------------------------------------
    _Group(_CLAUDE, ValueKind.SWITCH, _BEDROCK, "CLAUDE_CODE_USE_BEDROCK", reaches_out=True),
    _Group(_CLAUDE, ValueKind.SWITCH, _VERTEX, "CLAUDE_CODE_USE_VERTEX", reaches_out=True),
    _Group(
        _CLAUDE,
        ValueKind.SWITCH,
        _ENV_VARS,
        "CLAUDE_CODE_USE_ANTHROPIC_AWS CLAUDE_CODE_USE_FOUNDRY CLAUDE_CODE_USE_MANTLE",
        reaches_out=True,
    ),
    _Group(
        _CLAUDE,
        ValueKind.SWITCH,
        _IN_CLAUDE,
        "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
        reaches_out=True,
    ),
    _Group(
        _CLAUDE,
        ValueKind.SWITCH,
        _ENV_VARS,
        """
        CLAUDE_CODE_SKIP_ANTHROPIC_AWS_AUTH CLAUDE_CODE_SKIP_BEDROCK_AUTH
        CLAUDE_CODE_SKIP_FOUNDRY_AUTH CLAUDE_CODE_SKIP_MANTLE_AUTH CLAUDE_CODE_SKIP_VERTEX_AUTH
        CLAUDE_ENABLE_BYTE_WATCHDOG_BEDROCK
        """,
    ),
    _Group(
        _CLAUDE,
        ValueKind.CHOICE,
        _BEDROCK,
        "ANTHROPIC_BEDROCK_SERVICE_TIER",
        ("default", "flex", "priority"),
    ),
    _Group(
        _CLAUDE,
        ValueKind.CHOICE,
        _BEDROCK,
        "ANTHROPIC_BEDROCK_REGION_PREFIX",
        ("us", "eu", "apac", "jp", "au", "global"),
    ),
    _Group(_CLAUDE, ValueKind.WORD, _ENV_VARS, "ANTHROPIC_VERTEX_PROJECT_ID"),
    _Group(
        _CLAUDE,
        ValueKind.ADDRESS,
        _GATEWAY,
        """
        ANTHROPIC_BEDROCK_BASE_URL ANTHROPIC_FOUNDRY_BASE_URL ANTHROPIC_VERTEX_BASE_URL
        """,
    ),
    # --- workload identity federation -------------------------------------------------------------
    _Group(
        (*_CLAUDE, *_API_SDKS),
        ValueKind.WORD,
        "https://platform.claude.com/docs/en/manage-claude/wif-reference",
        """
        ANTHROPIC_FEDERATION_RULE_ID ANTHROPIC_ORGANIZATION_ID ANTHROPIC_SERVICE_ACCOUNT_ID
        ANTHROPIC_WORKSPACE_ID
        """,
    ),
    _Group(
        _CLAUDE,
        ValueKind.REGION,
        "https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html",
        "AWS_REGION AWS_DEFAULT_REGION",
    ),
    _Group(
        _CLAUDE,
        ValueKind.SWITCH,
        "https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html",
        "AWS_EC2_METADATA_DISABLED",
    ),
    _Group(_CLAUDE, ValueKind.REGION, _BEDROCK, "ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION"),
    _Group(
        _CLAUDE,
        ValueKind.REGION,
        _VERTEX,
        """
        CLOUD_ML_REGION VERTEX_REGION_CLAUDE_3_5_HAIKU VERTEX_REGION_CLAUDE_3_5_SONNET
        VERTEX_REGION_CLAUDE_3_7_SONNET VERTEX_REGION_CLAUDE_4_0_OPUS
        VERTEX_REGION_CLAUDE_4_0_SONNET VERTEX_REGION_CLAUDE_4_1_OPUS VERTEX_REGION_CLAUDE_4_5_OPUS
        VERTEX_REGION_CLAUDE_4_5_SONNET VERTEX_REGION_CLAUDE_HAIKU_4_5
        """,
    ),
    # --- telemetry --------------------------------------------------------------------------------
    # Exporters connect to a collector, and one of them listens on a port.
    _Group(
        _CLAUDE, ValueKind.SWITCH, _MONITORING, "CLAUDE_CODE_ENABLE_TELEMETRY", reaches_out=True
    ),
    _Group(
        _CLAUDE,
        ValueKind.CHOICE,
        _MONITORING,
        "OTEL_METRICS_EXPORTER",
        ("console", "otlp", "prometheus", "none"),
        reaches_out=True,
    ),
    _Group(
        _CLAUDE,
        ValueKind.CHOICE,
        _MONITORING,
        "OTEL_LOGS_EXPORTER OTEL_TRACES_EXPORTER",
        ("console", "otlp", "none"),
        reaches_out=True,
    ),
    _Group(
        _CLAUDE,
        ValueKind.CHOICE,
        _MONITORING,
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        ("grpc", "http/json", "http/protobuf"),
    ),
    _Group(
        _CLAUDE,
        ValueKind.NUMBER,
        _MONITORING,
        """
        OTEL_METRIC_EXPORT_INTERVAL OTEL_LOGS_EXPORT_INTERVAL CLAUDE_CODE_OTEL_FLUSH_TIMEOUT_MS
        CLAUDE_CODE_OTEL_SHUTDOWN_TIMEOUT_MS
        """,
    ),
    _Group(
        _CLAUDE,
        ValueKind.SWITCH,
        _MONITORING,
        """
        CLAUDE_CODE_OTEL_DIAG_STDERR OTEL_LOG_ASSISTANT_RESPONSES OTEL_LOG_TOOL_CONTENT
        OTEL_LOG_TOOL_DETAILS OTEL_LOG_USER_PROMPTS OTEL_METRICS_INCLUDE_ACCOUNT_UUID
        OTEL_METRICS_INCLUDE_ENTRYPOINT OTEL_METRICS_INCLUDE_SESSION_ID
        OTEL_METRICS_INCLUDE_VERSION
        """,
    ),
    # --- paths ------------------------------------------------------------------------------------
    _Group(
        _CLAUDE,
        ValueKind.HOME_PATH,
        _ENV_VARS,
        "CLAUDE_CODE_DEBUG_LOGS_DIR CLAUDE_CODE_TMPDIR CLAUDE_CONFIG_DIR",
    ),
    _Group(
        _CLAUDE,
        ValueKind.HOME_PATH,
        _IN_CLAUDE,
        "CLAUDE_CODE_DIAGNOSTICS_FILE CLAUDE_CODE_REMOTE_MEMORY_DIR",
    ),
    # --- SDKs and gateways ------------------------------------------------------------------------
    _Group(
        (LITELLM,),
        ValueKind.CHOICE,
        "https://docs.litellm.ai/docs/proxy/debugging",
        "LITELLM_LOG",
        ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    ),
    _Group(
        (LITELLM,),
        ValueKind.SWITCH,
        _IN_LITELLM,
        """
        LITELLM_ANTHROPIC_DISABLE_URL_SUFFIX LITELLM_DISABLE_REDACT_SECRETS
        LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS LITELLM_MODIFY_PARAMS
        LITELLM_USE_CHAT_COMPLETIONS_URL_FOR_ANTHROPIC_MESSAGES
        """,
    ),
    _Group((LITELLM,), ValueKind.NUMBER, _IN_LITELLM, "DEFAULT_ANTHROPIC_CHAT_MAX_TOKENS"),
)
CLIENT_VARIABLES: Final[Mapping[str, ClientVariable]] = {
    variable.name: variable for group in _GROUPS for variable in group.variables()
}

READERS: Final = frozenset(kind for each in CLIENT_VARIABLES.values() for kind in each.clients)
"""Kinds of clients of which the table knows what they read."""


def variables_schema() -> dict[str, object]:
    """Return the JSON Schema of a set of variables."""
    properties = {name: _value_schema(CLIENT_VARIABLES[name]) for name in sorted(CLIENT_VARIABLES)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value_schema(variable: ClientVariable) -> dict[str, object]:
    """Return the schema of a value, in the environment alone or also in the settings file."""
    value = _plain_schema(variable)
    places = dict.fromkeys(("environment", SETTINGS_ENV), value)
    placed = {"type": "object", "properties": places, "additionalProperties": False}
    return {"anyOf": [value, placed]}


def _plain_schema(variable: ClientVariable) -> dict[str, object]:
    if variable.choices:
        return {"enum": list(variable.choices)}
    schema: dict[str, object] = {"type": "string", "description": f"Must be {variable.value}."}
    pattern = VALUE_PATTERNS.get(variable.value)
    if pattern is not None and not pattern.flags & re.IGNORECASE:  # JSON Schema has no flags
        schema["pattern"] = f"^(?:{pattern.pattern})$"
    return schema
