"""Settings, read once at start from ``ambience.toml`` and ``AMBIENCE_*`` variables."""

import os
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ambience.core.errors import BadParameterError

SETTINGS_FILE = Path("ambience.toml")
_PREFIX, _NESTED = "AMBIENCE_", "__"  # of environment variables

TIMEOUT_S = 30.0  # the slowest search in a large library takes a few seconds

Origin = Annotated[str, Field(pattern=r"^https?://[^/?#\s]+$")]
"""Where a page comes from, as browsers send it: scheme, host, and any unusual port."""

S = TypeVar("S", bound="ServiceSettings")


class ServiceSettings(BaseModel):
    """The settings that every service has; services subclass it to add their own.

    An unknown key is an error, so a misspelled one is noticed at startup.

    Attributes:
        url: Where the service runs, such as ``http://127.0.0.1:33336``. Empty: in this
            process.
        timeout_s: How long to wait for the service to answer a search or confirm a
            change, and for any request to it if it runs elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    timeout_s: float = Field(default=TIMEOUT_S, gt=0)


class CatalogSettings(BaseModel):
    """``[catalog]``: where the catalog of images is kept.

    Attributes:
        url: A PostgreSQL database, such as ``postgresql://user:password@host/name``.
            It is never shown. Empty: a file in the data folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr = SecretStr("")


class LimitSettings(BaseModel):
    """``[limits]``: how much an image may cost before it is refused.

    Attributes:
        max_file_mib: Size of a file, uploaded or imported.
        max_megapixels: Width times height, in millions.
        max_frames: Frames of an animation (only the first is used).
        max_decode_s: Seconds that decoding an image may take.
        decoding_mib: Total memory of all images being decoded at the same time.
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
        enabled: Whether images are fetched. Not set: only if the server can be reached
            from this machine alone.
        timeout_s: How long fetching one image may take, redirects included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool | None = None
    timeout_s: float = Field(default=10.0, gt=0)


class ServerSettings(BaseModel):
    """``[server]``: how long to wait for clients, and how many to serve at once.

    Attributes:
        max_connections: Open connections. A new one beyond this replaces the one that
            has been silent the longest.
        header_timeout_s: How long the header of a request may take, from the start of
            the connection or the end of the previous answer.
        max_header_kib: Size of that header.
        body_idle_timeout_s: How long to wait for the next piece of a body.
        min_body_kib_per_s: The lowest average rate of a body that takes longer than
            `body_idle_timeout_s`.
        answer_idle_timeout_s: How long a client may accept nothing of its answer.
        uploads_in_memory_mib: Total size of the uploads held in memory at once.
        upload_wait_s: How long an upload waits for room in that memory.
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
        data: The one folder that ambience writes to. Not set: the platform's standard
            place for user data.
        host: The address to serve at; the default is reachable from this machine only.
        port: The port of the gateway and the gallery.
        allowed_hosts: Other names that requests may use for this server.
        allowed_origins: Other sites whose pages may send requests, such as
            ``https://photos.example.org``.
        enabled: The services to use, here or elsewhere; empty: all that come with
            ambience.
        services: One table per service, checked by that service's own settings class.
        catalog: Where the catalog of images is kept.
        limits: How much an image may cost.
        search_by_url: Searching with an image on the internet.
        server: How much clients may cost.
        import_threads: Images decoded at once; 0: one for each processor.
        legacy_routes: Whether to serve the routes of the original too.
        legacy_file_names: Whether those routes also answer the names of files.
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
    catalog: CatalogSettings = CatalogSettings()
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
        BadParameterError: If a setting is unknown or out of range, or the file isn't
            TOML; the sentence names every such setting.
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
    """Refuse ``AMBIENCE_*`` variables that name no setting."""
    unknown = [
        name
        for name in sorted(os.environ)
        if name.upper().startswith(_PREFIX)
        and name[len(_PREFIX) :].partition(_NESTED)[0].lower()
        not in Settings.model_fields
    ]
    if unknown:
        raise BadParameterError(
            f"{', '.join(unknown)} in the environment: there is no such setting. "
            f"The settings are {', '.join(Settings.model_fields)}"
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
