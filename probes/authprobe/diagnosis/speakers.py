"""Speakers: the products and services that a text names, and the one that an error comes from.

Whose credential it is decides before what is wrong with it: the same `401` and the same words
come from the API, a gateway, a cloud or the server of a tool.
"""

import enum
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from authprobe.diagnosis.phrases import WordIndex

NEAR: Final = 14
"""Words between an error and the name of its speaker."""


class Role(enum.StrEnum):
    """Parts that a product plays between a user and Claude."""

    API = "claude-api"
    CLIENT = "claude-client"
    GATEWAY = "gateway"
    PROVIDER = "model-provider"
    """Another vendor's API, or a relay that sells access."""
    CLOUD = "cloud"
    SERVICE = "other-service"
    TOOL_SERVER = "mcp-server"
    IDENTITY = "identity-provider"
    PROGRAM = "program"
    """A program around Claude: an editor, a bot, a wrapper."""
    ISOLATION = "isolation"
    """A sandbox, a container or another machine."""
    NETWORK = "network"
    BUILD = "build"


NAMES: Final[Mapping[Role, str]] = {
    Role.API: ("api.anthropic.com platform.claude.com console.anthropic.com sk-ant req_"),
    Role.CLIENT: (
        "claude-code claude-p claude-cli claude-desktop claude.ai /login claude-agent-sdk "
        "setup-token claude-update claude-auth claude-doctor"
    ),
    Role.GATEWAY: (
        "litellm openrouter new-api one-api oneapi newapi sub2api cc-switch ccswitch ccr "
        "claude-code-router better-ccflare ccflare portkey kong ai-gateway helicone copilot-api "
        "claude-relay claude-relay-service relay claude-code-proxy cli-proxy-api cliproxyapi "
        "proxypal bifrost requesty vercel-ai-gateway llm-gateway api-gateway apigee gateway "
        "y-router router claude-proxy anthropic-proxy antigravity meridian uni-api gpt-load "
        "aihubmix higress mlflow truefoundry langfuse apisix envoy agentgateway kiro-gateway "
        "zuplo tailscale-aperture aperture omniroute 9router ollama-proxy llmapi"
    ),
    Role.PROVIDER: (
        "openai chatgpt gemini deepseek moonshot kimi bigmodel z.ai glm zhipu dashscope qwen "
        "aliyun bailian siliconflow minimax volcengine groq mistral xai grok together fireworks "
        "ollama lmstudio lm-studio huggingface cohere perplexity replicate elevenlabs voyage "
        "codex anyrouter packycode 88code nvidia-nim doubao ark cerebras novita poe copilot"
    ),
    Role.CLOUD: (
        "bedrock vertex vertexai foundry azure aws sts iam gcloud google-cloud sso sigv4 awssdk "
        "boto3 botocore aiplatform adc application-default amazonaws"
    ),
    Role.SERVICE: (
        "github gitlab gh bitbucket slack notion jira confluence atlassian linear figma npm "
        "pypi supabase sentry stripe hubspot asana discord telegram gmail drive calendar google "
        "googleapis dropbox zapier airtable salesforce docker-hub ghcr postgres postgresql "
        "mysql redis mongodb netlify cloudflare-api canva zoom twilio sendgrid whatsapp feishu "
        "lark dingtalk wecom twitter reddit spotify shopify jenkins circleci sonarqube jfrog "
        "artifactory kubernetes s3 ssh git snowflake databricks datadog grafana posthog monday "
        "clickup trello box sharepoint onedrive outlook teams microsoft365 wordpress webflow "
        "paypal plaid quickbooks intercom zendesk firebase expo apple-id crates docker-login "
        "docker-pull docker-push docker-registry docker.com docker.io kubectl kubelet helm "
        "terraform vault datadoghq heroku vercel wrangler tweepy twine psql pymongo mariadb kafka "
        "rabbitmq elasticsearch smtp smtplib ldap publickey nuget packagist maven pagerduty "
        "newrelic digitalocean mailgun mailchimp minio "
        "hex rubygems tavily brave exa firecrawl serpapi context7 youtube strava pinecone "
        "qdrant miro home-assistant graph-api msgraph"
    ),
    Role.TOOL_SERVER: (
        "mcp mcp-server mcpservers connector connectors mcp-remote fastmcp toolhive smithery "
        "composio client-registration dynamic-client www-authenticate oauth-protected-resource "
        "protected-resource-metadata modelcontextprotocol"
    ),
    Role.IDENTITY: (
        "auth0 okta entra aadsts azuread azure-ad keycloak cognito clerk workos authlib "
        "microsoftonline idp saml oidc stytch descope ping-identity authentik zitadel dex jwks"
    ),
    Role.PROGRAM: (
        "openclaw clawdbot moltbot opencode cline roo roo-code kilo kilocode aider zed cursor "
        "windsurf continue vscode vs-code jetbrains intellij pycharm neovim n8n langchain "
        "llamaindex llama-index crewai autogen dify open-webui librechat lobechat anythingllm "
        "cherry flowise goose crush paperclip happy claudecodeui claude-code-ui conductor "
        "vibe-kanban codexbar claude-squad claude-flow ccusage nanoclaw nanobot hermes agno "
        "pydantic-ai mastra instructor haystack agent-sdk obsidian raycast emacs sillytavern "
        "typingmind chatbox warp amp factory"
    ),
    Role.ISOLATION: (
        "docker container devcontainer codespaces codespace wsl wsl2 ssh sandbox sandboxed "
        "bubblewrap bwrap seatbelt firejail nix podman kubernetes pod vm remote headless "
        "systemd launchd cron daytona e2b gitpod coder lima colima orbstack sbx nono nemoclaw "
        "openshell landlock tmux snap flatpak chroot vps"
    ),
    Role.NETWORK: (
        "proxy vpn firewall zscaler netskope corporate cloudflare nginx dns certificate tls ssl "
        "squid mitmproxy clash tailscale captive wifi caddy traefik"
    ),
    Role.BUILD: (
        "github-actions actions workflow runner ci pipeline gitlab-ci jenkins circleci "
        "claude-code-action claude-code-base-action"
    ),
}
"""Names of each role, as in texts; a name is a sequence of words, joined by anything."""
ERROR_WORDS: Final = (
    *("error*", "fail*", "invalid", "expired", "denied", "unauthorized", "forbidden", "rejected"),
    *("refused", "exception", "400", "401", "403", "404", "429", "500", "502", "503", "missing"),
    *("blocked", "revoked", "unauthenticated", "timeout", "timed"),
)


class Mention(NamedTuple):
    """A name in a text: its place, and the words between it and the nearest error."""

    role: Role
    name: str
    position: int
    distance: int

    @property
    def is_near(self) -> bool:
        """True if the error is likely to come from it."""
        return self.distance <= NEAR


def mentions(words: WordIndex) -> Iterator[Mention]:
    """Yield the names in a text, each at its place next to an error."""
    errors = sorted({p for word in ERROR_WORDS for p in words.positions((word,))})
    for name, (role, sequence) in _SEQUENCES.items():
        places = words.positions(sequence)
        if places:
            distance, place = min((_distance(errors, place), place) for place in places)
            yield Mention(role, name, place, distance)


def _distance(errors: list[int], place: int) -> int:
    at = bisect_left(errors, place)
    return min((abs(each - place) for each in errors[max(at - 1, 0) : at + 1]), default=10**6)


def _words(name: str) -> tuple[str, ...]:
    text = "".join(character if character.isalnum() else " " for character in name.lower())
    return tuple(text.split())


_SEQUENCES: Final = {
    name: (role, _words(name)) for role, names in NAMES.items() for name in names.split()
}
