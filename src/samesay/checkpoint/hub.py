"""What a hub holds: the files of one unchanging revision of a repository, with their sizes and hashes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import quote, urlencode

import httpx

from samesay.checkpoint.catalog import similar
from samesay.checkpoint.download import (
    Attempts,
    Patience,
    Progress,
    RefusedError,
    describe,
    is_passing,
    safe_path,
    told_wait,
)
from samesay.errors import PullError

Source = Literal["huggingface", "modelscope"]

# A full git commit, by SHA-1 or SHA-256: nothing else names a revision that cannot move.
FULL_REVISION = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_TIMEOUT = httpx.Timeout(30.0, connect=15.0)


@dataclass(frozen=True)
class RemoteFile:
    """A file as a hub lists it.

    Attributes:
        path: Where it lies in the repository, with ``/`` between folders.
        size: Bytes.
        sha256: Of its bytes, in hexadecimal; None where the hub tells only git's hash.
        git_sha1: Git's hash of a file: the SHA-1 of ``blob <size>``, a zero byte, and the bytes.
        url: Where to fetch it.
    """

    path: str
    size: int
    sha256: str | None
    git_sha1: str | None
    url: str


@dataclass(frozen=True)
class Listing:
    """The files of one commit of a repository; ``revision`` is the full commit."""

    repository: str
    revision: str
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True)
class Requests:
    """How a hub is asked for JSON: with whose client, how patiently, and who hears of it."""

    client: httpx.Client
    patience: Patience
    progress: Progress

    def json(self, url: str) -> tuple[Any, httpx.Response]:
        """The parsed answer of ``url``, and the answer itself.

        Raises:
            RefusedError: When the server refuses for good.
            PullError: When it cannot be reached, or answers something else.
        """
        host = httpx.URL(url).host
        attempts = Attempts(f"asking {host}", self.patience, self.progress)
        while True:
            told = None
            try:
                response = self.client.get(url)
                if response.status_code == 200:
                    return response.json(), response
                if not is_passing(response.status_code):
                    raise RefusedError(httpx.URL(url).path, response)
                told = told_wait(response)
                problem = f"it answers {response.status_code} {response.reason_phrase}"
            except httpx.RequestError as error:
                problem = describe(error)
            except ValueError:
                raise PullError(
                    f"{host} answers with something that is not JSON: is it a hub, or a proxy's login page?"
                ) from None
            attempts.wait(problem, told)


class Hub(Protocol):
    """A place that models are fetched from."""

    @property
    def source(self) -> Source:
        """How people and manifests call it."""

    @property
    def endpoint(self) -> str:
        """The beginning of all its addresses."""

    @property
    def token_variable(self) -> str:
        """The environment variable that may hold a token for it."""

    def credentials(self) -> Mapping[str, str]:
        """The HTTP headers that show who asks, for this hub's own address alone."""

    def page(self, repository: str) -> str:
        """The address of the repository's page for people."""

    def listing(self, requests: Requests, repository: str, revision: str | None) -> Listing:
        """List a revision (a branch, a tag or a commit; by default the main branch) as the commit it is now.

        Raises:
            PullError: When there is no such thing, or the hub cannot be asked.
        """


@dataclass(frozen=True)
class HuggingFaceHub:
    """huggingface.co, or a mirror that speaks its language (``HF_ENDPOINT``)."""

    endpoint: str = "https://huggingface.co"
    token: str | None = field(default=None, repr=False)
    source: Source = "huggingface"
    token_variable: str = "HF_TOKEN"  # noqa: S105

    def credentials(self) -> Mapping[str, str]:
        """A bearer token."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def page(self, repository: str) -> str:
        """The address of the repository's page for people."""
        return f"{self.endpoint}/{repository}"

    def listing(self, requests: Requests, repository: str, revision: str | None) -> Listing:
        """Ask which commit the revision is, then for all files of that commit, page by page."""
        api = f"{self.endpoint}/api/models/{repository}"
        answer, _ = requests.json(f"{api}/revision/{quote(revision or 'main', safe='')}")
        commit = _commit(answer.get("sha") if isinstance(answer, dict) else None, self, repository)
        files: list[RemoteFile] = []
        page: str | None = f"{api}/tree/{commit}?recursive=true"
        seen: set[str] = set()
        while page is not None and page not in seen:
            seen.add(page)
            entries, response = requests.json(page)
            try:
                entries = [entry for entry in entries if entry["type"] == "file"]
                files += [self._file(entry, repository, commit) for entry in entries]
            except (KeyError, TypeError, ValueError) as error:
                raise _strange(self, repository, error) from None
            page = response.links.get("next", {}).get("url")
        return Listing(repository, commit, tuple(files))

    def _file(self, entry: Mapping[str, Any], repository: str, commit: str) -> RemoteFile:
        path = safe_path(str(entry["path"]))
        large = entry.get("lfs")
        return RemoteFile(
            path=path,
            size=_size(entry["size"]),
            sha256=_hash(large["oid"], 64) if large else None,
            # Git's own hash of a large file is that of the small pointer file in its place.
            git_sha1=None if large else _hash(entry["oid"], 40),
            url=f"{self.endpoint}/{repository}/resolve/{commit}/{quote(path)}",
        )


@dataclass(frozen=True)
class ModelScopeHub:
    """modelscope.cn, or another of its sites (``MODELSCOPE_ENDPOINT``)."""

    endpoint: str = "https://modelscope.cn"
    token: str | None = field(default=None, repr=False)
    source: Source = "modelscope"
    token_variable: str = "MODELSCOPE_API_TOKEN"  # noqa: S105

    def credentials(self) -> Mapping[str, str]:
        """A bearer token, and the same as the session cookie that older parts of the hub look at."""
        if not self.token:
            return {}
        return {"Authorization": f"Bearer {self.token}", "Cookie": f"m_session_id={self.token}"}

    def page(self, repository: str) -> str:
        """The address of the repository's page for people."""
        return f"{self.endpoint}/models/{repository}"

    def listing(self, requests: Requests, repository: str, revision: str | None) -> Listing:
        """Ask for all files of the revision; the answer says (in part) which commit it is."""
        asked = revision or "master"
        data = self._data(requests, repository, "repo/files", {"Revision": asked, "Recursive": "True"})
        try:
            # An unknown revision is no error to this hub: it lists nothing for it.
            if not data.get("Files"):
                raise PullError(self._no_revision(requests, repository, asked))
            commit = self._pin(requests, repository, asked, data)
            blobs = [entry for entry in data["Files"] if entry["Type"] == "blob"]
            files = tuple(self._file(entry, repository, commit) for entry in blobs)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _strange(self, repository, error) from None
        return Listing(repository, commit, files)

    def _data(
        self, requests: Requests, repository: str, what: str, query: Mapping[str, str]
    ) -> Mapping[str, Any]:
        answer, _ = requests.json(f"{self.endpoint}/api/v1/models/{repository}/{what}?{urlencode(query)}")
        answer = answer if isinstance(answer, dict) else {}
        data = answer.get("Data")
        if answer.get("Code") != 200 or not isinstance(data, dict):
            raise _strange(self, repository, answer.get("Message") or "no data")
        return data

    def _pin(self, requests: Requests, repository: str, asked: str, data: Mapping[str, Any]) -> str:
        """The full commit of a listing.

        The hub gives the first eight digits of it (``LatestCommitter.ShortId``; ``Id`` is mostly empty),
        and for each file the full commit that last changed it; the newest commit is nearly always one of
        those. Where it is not (it only removed files), the history is asked.
        """
        latest = data.get("LatestCommitter") or {}
        full, short = latest.get("Id") or "", latest.get("ShortId") or ""
        for stated in (asked, full):
            if FULL_REVISION.fullmatch(stated):
                return stated
        found = {entry.get("Revision") or "" for entry in data["Files"]}
        found = {commit for commit in found if short and commit.startswith(short)}
        if len(found) != 1:
            query = {"Ref": asked, "PageNumber": "1", "PageSize": "1"}
            history = self._data(requests, repository, "commits", query).get("Commit") or ()
            found = {commit["Id"] for commit in history}
        commit = next(iter(found), "")
        if not commit.startswith(short):
            raise PullError(f"{repository} on {self.endpoint} is being changed at this moment; pull it again")
        return _commit(commit, self, repository)

    def _file(self, entry: Mapping[str, Any], repository: str, commit: str) -> RemoteFile:
        path = safe_path(str(entry["Path"]))
        where = urlencode({"Revision": commit, "FilePath": path})
        return RemoteFile(
            path=path,
            size=_size(entry["Size"]),
            sha256=_hash(entry["Sha256"], 64),
            git_sha1=None,
            url=f"{self.endpoint}/api/v1/models/{repository}/repo?{where}",
        )

    def _no_revision(self, requests: Requests, repository: str, asked: str) -> str:
        known = self._data(requests, repository, "revisions", {}).get("RevisionMap") or {}
        entries = [*(known.get("Branches") or ()), *(known.get("Tags") or ())]
        names = [str(entry["Revision"]) for entry in entries]
        if asked in names:
            return f"{repository} on {self.endpoint} has no files at revision {asked!r}"
        listed = ", ".join(names[:20]) or "none"
        return f"{repository} on {self.endpoint} has no revision {asked!r}; it has {listed}"


def hub_for(source: str) -> Hub:
    """The hub of that name, as the environment sets it up.

    Raises:
        PullError: For another name than ``huggingface`` or ``modelscope``.
    """

    def setting(name: str) -> str:
        return os.environ.get(name, "").strip()

    if source == "huggingface":
        endpoint = setting("HF_ENDPOINT") or HuggingFaceHub.endpoint
        return HuggingFaceHub(_address(endpoint), setting(HuggingFaceHub.token_variable))
    if source == "modelscope":
        endpoint = setting("MODELSCOPE_ENDPOINT") or setting("MODELSCOPE_DOMAIN") or ModelScopeHub.endpoint
        return ModelScopeHub(_address(endpoint), setting(ModelScopeHub.token_variable))
    raise PullError(f"models are fetched from 'huggingface' or 'modelscope', not from {source!r}")


def connect(hub: Hub) -> httpx.Client:
    """A client that shows the hub's credentials to the hub alone.

    That is decided for every single request, those after redirects and of later pages too: large files
    come from other hosts, which must not see them.
    """
    home = _origin(httpx.URL(hub.endpoint))
    secrets = dict(hub.credentials())

    def show(request: httpx.Request) -> None:
        for name, value in secrets.items():
            request.headers.pop(name, None)
            if _origin(request.url) == home:
                request.headers[name] = value

    return httpx.Client(
        timeout=_TIMEOUT,
        follow_redirects=True,
        event_hooks={"request": [show]},
        # Ranges and sizes are to be those of the file itself, not of a compressed form.
        headers={"User-Agent": "samesay", "Accept-Encoding": "identity"},
    )


def explain(refused: RefusedError, hub: Hub, repository: str, revision: str | None) -> PullError:
    """Say what a hub's refusal means for the person who wants the model."""
    host, page, variable = httpx.URL(hub.endpoint).host, hub.page(repository), hub.token_variable
    names = similar(repository)
    guess = f" Did you mean {' or '.join(names)}?" if names else ""
    if refused.code == "RevisionNotFound":
        return PullError(f"{repository} on {host} has no revision {revision!r}; see {page}")
    # Hugging Face answers 401 for what does not exist too, so that nobody learns what is private.
    if refused.status == 404 or refused.code == "RepoNotFound":
        revised = f", or it has no revision {revision!r}" if revision else ""
        other = (
            "" if hub.source == "huggingface" else " Not everything is on this hub: try --from huggingface."
        )
        return PullError(
            f"there is no model {repository!r} on {host}{revised}.{guess}{other} If it is private, set "
            f"{variable} to a token of an account that may read it"
        )
    if refused.status in (401, 403):
        present = f" {variable} is set, but not for an account with access." if hub.credentials() else ""
        return PullError(
            f"{host} does not give {repository} to everyone ({refused.status}).{present} Sign in at {page}, "
            f"accept the licence if it asks, and set {variable} to a token of that account.{guess}"
        )
    return PullError(f"{refused}; see {page}")


def _address(text: str) -> str:
    address = (text if "://" in text else f"https://{text}").rstrip("/")
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise PullError(
            f"{text!r} is set as the address of a hub; it should look like https://huggingface.co"
        )
    return address


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _commit(value: object, hub: Hub, repository: str) -> str:
    if isinstance(value, str) and FULL_REVISION.fullmatch(value):
        return value
    raise PullError(
        f"{hub.endpoint} does not say which commit of {repository} it lists, so that the model could not be "
        "told apart from a later one; name a full commit with --revision"
    )


def _strange(hub: Hub, repository: str, why: object) -> PullError:
    return PullError(f"{hub.endpoint} lists {repository} in a way that samesay does not understand ({why})")


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"a size of {value!r}")
    return value


def _hash(value: object, digits: int) -> str:
    text = str(value).lower()
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", text):
        raise ValueError(f"a hash of {value!r}")
    return text
