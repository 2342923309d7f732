"""Settings, read once at start from ``ambience.toml`` and ``AMBIENCE_*`` variables."""

import os
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ambience.core.errors import BadParameterError

SETTINGS_FILE = Path("ambience.toml")
_PREFIX, _NESTED = "AMBIENCE_", "__"  # of environment variables

TIMEOUT_S = 30.0  # the slowest search of a large library takes a few seconds

Origin = Annotated[str, Field(pattern=r"^https?://[^/?#\s]+$")]
"""Where a page is from, as browsers say it: scheme, host, and port if it is unusual."""

S = TypeVar("S", bound="ServiceSettings")


class ServiceSettings(BaseModel):
    """What every service can be told; rooms subclass it for their own knobs.

    An unknown key is an error, so a misspelt one is noticed at start-up.

    Attributes:
        url: Where the service runs, such as ``http://127.0.0.1:33336``. Empty: inside
            this process.
        timeout_s: How long a search waits for its answer and a change for its word,
            and how long any request to it may take when it runs elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    timeout_s: float = Field(default=TIMEOUT_S, gt=0)


class LimitSettings(BaseModel):
    """``[limits]``: what an image may cost before it is refused.

    Attributes:
        max_file_mib: Size of a file, sent or imported.
        max_megapixels: Width times height, in millions.
        max_frames: Frames of an animation (only the first is looked at).
        max_decode_s: Seconds that decoding it may take.
        decoding_mib: Memory that all images decoded at the same time take together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_file_mib: int = Field(default=200, gt=0)
    max_megapixels: float = Field(default=200.0, gt=0)
    max_frames: int = Field(default=10_000, gt=0)
    max_decode_s: float = Field(default=30.0, gt=0)
    decoding_mib: int = Field(default=2048, gt=0)


class SearchByUrlSettings(BaseModel):
    """``[search_by_url]``: whether and how images are fetched from the internet.

    Attributes:
        enabled: Whether they are; not set: while the server is reachable from this
            machine only.
        timeout_s: How long one image may take, redirects included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool | None = None
    timeout_s: float = Field(default=10.0, gt=0)


class ServerSettings(BaseModel):
    """``[server]``: how long clients are waited for, and how many of them there may be.

    Attributes:
        max_connections: Open connections; who is over it takes the place of the one
            that has been silent for longest.
        header_timeout_s: How long the head of a request may take, from the start of the
            connection or the end of the answer before.
        max_header_kib: Size of that head.
        body_idle_timeout_s: How long the next piece of a body may take.
        min_body_kib_per_s: Least rate of a body, on average, once it has taken longer
            than `body_idle_timeout_s`.
        answer_idle_timeout_s: How long a client may take none of its answer.
        uploads_in_memory_mib: Bytes of uploads that are worked on at the same time.
        upload_wait_s: How long an upload waits for its part of that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_connections: int = Field(default=500, gt=0)
    header_timeout_s: float = Field(default=10.0, gt=0)
    max_header_kib: int = Field(default=32, gt=0)
    body_idle_timeout_s: float = Field(default=30.0, gt=0)
    min_body_kib_per_s: float = Field(default=4.0, ge=0)
    answer_idle_timeout_s: float = Field(default=30.0, gt=0)
    uploads_in_memory_mib: int = Field(default=256, gt=0)
    upload_wait_s: float = Field(default=30.0, gt=0)


class Settings(BaseSettings):
    """The whole configuration. Command line beats environment beats file beats default.

    Attributes:
        data: The one folder that ambience writes to; empty: the platform's own place.
        host: Address to serve at; the default is reachable from this machine only.
        port: Port to serve the gateway and the gallery at.
        allowed_hosts: Names that requests may call this server by, besides its own.
        allowed_origins: Pages elsewhere that may send requests, such as
            ``https://photos.example.org``.
        enabled: Services that are asked, here or elsewhere; empty: all that come with
            ambience.
        services: One table per service, checked by that service's own settings class.
        limits: What an image may cost.
        search_by_url: Searching with an image on the internet.
        server: What clients may cost.
        import_threads: Images decoded at once; 0: one for each processor.
        legacy_routes: Whether the routes of the original are served, too.
        legacy_file_names: Whether they answer the names of files as well.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter=_NESTED,
        toml_file=SETTINGS_FILE,
        frozen=True,
        extra="forbid",
    )

    data: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=44444, ge=0, le=65_535)
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[Origin, ...] = ()
    enabled: tuple[str, ...] = ()
    services: dict[str, dict[str, Any]] = Field(default_factory=dict)
    limits: LimitSettings = LimitSettings()
    search_by_url: SearchByUrlSettings = SearchByUrlSettings()
    server: ServerSettings = ServerSettings()
    import_threads: int = Field(default=0, ge=0)
    legacy_routes: bool = False
    legacy_file_names: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the TOML file below the environment and above the defaults."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of this process.

    Args:
        **overrides: Fields given on the command line; ``None`` means not given.

    Raises:
        BadParameterError: If a setting is unknown or out of range, or the file is not
            TOML; the sentence names each.
    """
    _check_environment()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise BadParameterError(_sentence(error, "settings")) from error
    except ValueError as error:  # tomllib and the environment's JSON
        raise BadParameterError(f"settings can't be read: {error}") from error


def _check_environment() -> None:
    """Refuse variables that would be settings, were there one of that name."""
    unknown = [
        name
        for name in sorted(os.environ)
        if name.upper().startswith(_PREFIX)
        and name[len(_PREFIX) :].partition(_NESTED)[0].lower()
        not in Settings.model_fields
    ]
    if unknown:
        raise BadParameterError(
            f"{', '.join(unknown)} in the environment: there is no such setting, "
            f"there are {', '.join(Settings.model_fields)}"
        )


def check_table(settings: type[S], name: str, table: dict[str, Any]) -> S:
    """Check one service's table with its own settings class.

    Raises:
        BadParameterError: If a key is unknown or a value out of range.
    """
    try:
        return settings.model_validate(table)
    except ValidationError as error:
        raise BadParameterError(_sentence(error, f"services.{name}")) from error


def _sentence(error: ValidationError, where: str) -> str:
    problems = (
        ".".join([where, *map(str, problem["loc"])]) + ": " + problem["msg"]
        for problem in error.errors()
    )
    return "; ".join(problems)
