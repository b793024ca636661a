"""Which Vosk model hears: the one that was set, else one in the user's cache, else the demonstration model."""

from dataclasses import dataclass
from pathlib import Path

from ivr.errors import IvrError
from ivr.settings import Settings

DEMONSTRATION_LABEL = (
    "demonstration model: knows the demonstration's voices and words only; `ivr models get` installs the real one"
)
DEMONSTRATION_NAME = "demo-zh"
DEMONSTRATION_PATH = Path(__file__).parent / DEMONSTRATION_NAME

OFFICIAL = {"large-cn": "vosk-model-cn-0.22", "small-cn": "vosk-model-small-cn-0.22"}
"""Short name → archive name on the site of Vosk's makers, the better one first."""

_FST_MAGIC = bytes.fromhex("d6fdb27e")
"""OpenFst's kFstMagicNumber 2125659606, little-endian (fst/fst.h)."""

_IVECTOR_FILES = (
    "final.ie",
    "final.dubm",
    "final.mat",
    "global_cmvn.stats",
    "online_cmvn.conf",
    "splice.conf",
)


class ModelFolderError(IvrError):
    """A folder that was to be a Vosk model is none: what is missing or damaged in it."""


@dataclass(frozen=True)
class SpeechModel:
    """A checked Vosk model folder; `demonstration` marks our own toy model wherever its words appear."""

    path: Path
    name: str
    demonstration: bool = False

    @property
    def label(self) -> str:
        """What a person is told about this model's words; empty for a real model."""
        return DEMONSTRATION_LABEL if self.demonstration else ""


@dataclass(frozen=True)
class ModelStatus:
    """One line of `ivr models list`: `size` in bytes of the installed folder, `problem` when it is damaged."""

    name: str
    short_name: str | None
    path: Path
    installed: bool
    in_use: bool
    demonstration: bool
    size: int
    problem: str


def find_model(settings: Settings) -> SpeechModel:
    """The model in force; raises ModelFolderError when the folder chosen is not a Vosk model.

    A damaged model is an error and never passed over silently: the next one might hear worse.
    """
    if settings.vosk_model is not None:
        path = settings.vosk_model.expanduser().resolve()
        require_model_folder(path, "set IVR_VOSK_MODEL to a Vosk model's folder, or unset it")
        return SpeechModel(path, path.name, is_demonstration(path))
    for name in [*OFFICIAL.values(), *_others_in(models_folder(settings))]:
        path = models_folder(settings) / name
        if path.is_dir():
            require_model_folder(path, f"remove {path} and run `ivr models get`")
            return SpeechModel(path, name)
    require_model_folder(DEMONSTRATION_PATH, "restore ivr/speech/demo-zh from the repository")
    return SpeechModel(DEMONSTRATION_PATH, DEMONSTRATION_NAME, True)


def list_models(settings: Settings) -> list[ModelStatus]:
    """Every model that is known or installed, the best first, with the one in force marked."""
    try:
        chosen: Path | None = find_model(settings).path
    except ModelFolderError:
        chosen = None
    short = {name: alias for alias, name in OFFICIAL.items()}
    folder = models_folder(settings)
    found = [(folder / name, name) for name in [*OFFICIAL.values(), *_others_in(folder)]]
    found.append((DEMONSTRATION_PATH, DEMONSTRATION_NAME))
    if settings.vosk_model is not None:
        path = settings.vosk_model.expanduser().resolve()
        if path not in [known for known, _ in found]:
            found.insert(0, (path, path.name))
    return [_status(path, name, short.get(name), path == chosen) for path, name in found]


def models_folder(settings: Settings) -> Path:
    """Where `ivr models get` installs: shared by every instance of this user."""
    return settings.cache_dir / "models"


def require_model_folder(path: Path, remedy: str) -> None:
    """Raise ModelFolderError unless `path` is a Vosk model; Vosk itself would end the process."""
    problems = model_problems(path)
    if problems:
        raise ModelFolderError(f"{path} is not a Vosk model: {'; '.join(problems)}.", remedy)


def model_problems(path: Path) -> list[str]:
    """What keeps a folder from being a Vosk model; empty when nothing does (vosk-api src/model.cc)."""
    if not path.exists():
        return ["there is no such folder"]
    if not path.is_dir():
        return ["it is a file, not a folder"]
    try:
        flat = (path / "final.mdl").exists() and not (path / "am").exists()
        am, conf, graph = (path, path, path) if flat else (path / "am", path / "conf", path / "graph")
        needed = [am / "final.mdl", conf / "mfcc.conf"] + ([] if flat else [conf / "model.conf"])
        needed += [graph / name for name in _graph_files(graph)]
        if (path / "ivector").exists():
            needed += [path / "ivector" / name for name in _IVECTOR_FILES]
        problems = [problem for file in needed if (problem := _file_problem(path, file))]
    except OSError as error:
        return [f"it cannot be read ({error.strerror})"]
    return problems


def is_demonstration(path: Path) -> bool:
    """Whether a folder is our demonstration model, or a copy of it under another name."""
    own = DEMONSTRATION_PATH / "am" / "final.mdl"
    other = path / "am" / "final.mdl"
    if path == DEMONSTRATION_PATH:
        return True
    if not own.is_file() or own.stat().st_size != other.stat().st_size:
        return False
    return own.read_bytes() == other.read_bytes()


def _graph_files(graph: Path) -> tuple[str, ...]:
    """One ready graph, or the pair that Vosk composes while it listens."""
    if (graph / "HCLr.fst").exists() or (graph / "Gr.fst").exists():
        return ("HCLr.fst", "Gr.fst", "disambig_tid.int")
    return ("HCLG.fst",)


def _file_problem(model: Path, file: Path) -> str:
    name = file.relative_to(model)
    if not file.is_file():
        return f"{name} is missing"
    with file.open("rb") as opened:
        head = opened.read(4)
    if not head:
        return f"{name} is empty"
    damaged = (file.suffix == ".fst" and head != _FST_MAGIC) or (
        file.suffix == ".mdl" and not head.startswith((b"\0B", b"<"))
    )
    return f"{name} is damaged" if damaged else ""


def _others_in(folder: Path) -> list[str]:
    """Models the user placed in the cache under other names."""
    if not folder.is_dir():
        return []
    known = set(OFFICIAL.values())
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in known
    )


def _status(path: Path, name: str, short_name: str | None, in_use: bool) -> ModelStatus:
    there = path.exists()
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if there else 0
    return ModelStatus(
        name=name,
        short_name=short_name,
        path=path,
        installed=there,
        in_use=in_use,
        demonstration=name == DEMONSTRATION_NAME,
        size=size,
        problem="; ".join(model_problems(path)) if there else "",
    )
