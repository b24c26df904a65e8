"""Makes PyPI's torch importable without a GPU and without NVIDIA's packages: python make_cuda_stubs.py SITE_PACKAGES. For tests.

PyPI has no build of torch for processors on Linux x86-64. The one that it has computes on processors as well, but the loader wants
the libraries of CUDA that it is linked against: 2 GB to fetch, and nothing of them is called where no GPU is. So each gets an empty
library with the symbols, and their versions, that torch asks for. Only libcudart is called in earnest, and its real package, which is
small, must be there.
Needs gcc and readelf.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

# cudaErrorNoDevice, which is CUDA_ERROR_NO_DEVICE, too.
NO_DEVICE = 100

Versions = dict[str, set[str]]
"""Symbols of a library by their version."""


def read_elf(option: str, path: Path) -> list[str]:
    found = subprocess.run(["readelf", "-W", option, str(path)], capture_output=True, text=True, check=True)
    return found.stdout.splitlines()


def needed_libraries(path: Path) -> Iterator[str]:
    for line in read_elf("-d", path):
        if found := re.search(r"\(NEEDED\).*\[(.+?)\]", line):
            yield found[1]


def version_owners(path: Path) -> dict[str, str]:
    """Which library each version of a symbol comes from."""
    owners: dict[str, str] = {}
    library = None
    for line in read_elf("-V", path):
        if found := re.search(r"File: (\S+)", line):
            library = found[1]
        elif library is not None and (found := re.search(r"Name: (\S+) ", line)):
            owners[found[1]] = library
    return owners


def symbols(path: Path) -> Iterator[tuple[str, str, str, bool]]:
    """Name, version, binding and whether it is defined here, of each dynamic symbol."""
    for line in read_elf("--dyn-syms", path):
        fields = line.split()
        if len(fields) >= 8 and fields[0].endswith(":"):
            name, _, version = fields[7].partition("@")
            yield name, version.lstrip("@"), fields[4], fields[6] != "UND"


def system_libraries() -> set[str]:
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in listed.splitlines() if "=>" in line}


def system_symbols() -> set[str]:
    found: set[str] = set()
    for path in Path("/usr/lib/x86_64-linux-gnu").glob("lib*.so.*"):
        if re.fullmatch(r"lib(c|m|stdc\+\+|gcc_s|rt|dl|pthread)\.so\.\d+", path.name):
            found |= {name for name, _, _, defined in symbols(path) if defined}
    return found


def build(folder: Path, library: str, versions: Versions, plain: set[str]) -> None:
    with tempfile.TemporaryDirectory() as work:
        source, script = Path(work) / "stub.c", Path(work) / "stub.map"
        names = sorted(plain.union(*versions.values()))
        source.write_text("".join(f"long {name}(void) {{ return {NO_DEVICE}; }}\n" for name in names))
        script.write_text(
            "".join(
                f"{version} {{ global: {' '.join(f'{name};' for name in sorted(versions[version]))} }};\n" for version in sorted(versions)
            )
        )
        # Without the versions the loader stops with an assertion.
        versioned = [f"-Wl,--version-script={script}"] if versions else []
        command = ["gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{library}", *versioned, "-o", str(folder / library), str(source)]
        subprocess.run(command, check=True)


def main(site: Path) -> None:
    folder = site / "torch" / "lib"
    present = {path.name for path in [*folder.iterdir(), *site.glob("nvidia/*/lib/*.so*")]}
    if not any(name.startswith("libcudart.so") for name in present):
        sys.exit("libcudart is called even without a GPU: install nvidia-cuda-runtime of torch's version of CUDA")
    given = present | system_libraries()
    stubs: dict[str, Versions] = {}
    wanted: set[str] = set()
    defined: set[str] = set()
    for path in sorted(path for path in folder.glob("*.so*") if path.is_file()):
        for name in needed_libraries(path):
            if name not in given and not name.startswith("ld-linux"):
                stubs.setdefault(name, defaultdict(set))
        owners = version_owners(path)
        for name, version, binding, is_defined in symbols(path):
            if is_defined:
                defined.add(name)
            elif version == "" and binding == "GLOBAL":
                wanted.add(name)
            elif owners.get(version) in stubs:
                stubs[owners[version]][version].add(name)
    # What nobody defines and no library is named for: CUDA's driver, mostly. Python and C++ bring their own.
    left = {name for name in wanted - defined - system_symbols() if not re.match(r"_?Py|_ITM|__gmon|__tls_get_addr|_Z", name)}
    for place, (library, versions) in enumerate(sorted(stubs.items())):
        build(folder, library, versions, left if place == 0 else set())
    count = len(left) + sum(len(names) for versions in stubs.values() for names in versions.values())
    print(f"{len(stubs)} libraries with {count} symbols: {' '.join(sorted(stubs))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
