#!/usr/bin/env bash
# install_amd_toolchain.sh DIR PACKAGES: a compiler for AMD GPUs on Debian 12, in DIR, without touching the system.
#
# clang, its tools, lld and LLVM 22 come from Debian's next stable suite, with the libraries they need; their dynamic loader
# and search paths are set so that they run beside the system's own. PACKAGES holds what no stable suite has: the .deb
# files of the HIP headers, rocPRIM and the device bitcode, with a SHA256SUMS. Host code is compiled against the machine's
# own C++ library, so that programs run on the machine.
#
# Writes DIR/toolchain.ini, a Meson native file to be given after meson/amd.ini. DIR cannot be moved afterwards.
# Needs apt, dpkg and patchelf; fetches about 100 MB.
set -euo pipefail

dir=$(readlink -m "${1:?DIR}")
packages=$(readlink -f "${2:?PACKAGES}")
version=22
root=$dir/root
llvm=$root/usr/lib/llvm-$version

if "$llvm/bin/clang++" --version >/dev/null 2>&1; then
  echo "already installed: $llvm"
  exit
fi

# apt with an own state and the next suite as its only source, as if nothing were installed. The keys are the system's.
use_next_suite() {
  local mirror
  # one of the two places is missing on most machines
  mirror=$({ grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d || true; } 2>/dev/null |
    head -n 1)
  [[ -n $mirror ]] || { echo "apt's sources name no Debian mirror" >&2; exit 1; }
  mkdir -p "$dir"/apt/{etc/apt.conf.d,etc/preferences.d,etc/sources.list.d,lib/lists/partial,cache/archives/partial}
  : >"$dir/apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror%% *} trixie main" >"$dir/apt/etc/sources.list"
  cat >"$dir/apt/conf" <<END
Dir "$dir/apt/";
Dir::State "$dir/apt/lib";
Dir::State::status "$dir/apt/status";
Dir::Cache "$dir/apt/cache";
Dir::Etc "$dir/apt/etc";
APT::Architecture "amd64";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
END
  export APT_CONFIG=$dir/apt/conf
  apt-get update -qq
}

# What the compiler's packages depend on, less what only compiling for the host with their own C library would use.
needed_packages() {
  local host='binutils|cpp|gcc|libgcc-.*-dev|libstdc.*-dev|libobjc|lib[at]san|lib[a-z]*san[0-9]|libgprofng|libsframe|libbinutils'
  host+='|libctf|libc6-dev|libc-dev-bin|linux-libc-dev|libcrypt-dev|rpcsvc-proto|libitm|libquadmath|libclang-rt|libclang1'
  local scripts='perl|libperl|python|libpython|dpkg|tar|debconf|media-types|readline|libreadline|libsqlite|libdb|libgdbm'
  scripts+='|install-info|binfmt|libgc1|libncursesw|libuuid|tzdata|netbase|ca-certificates|openssl|llvm-.*-tools'
  apt-get install -y --print-uris "clang-tools-$version" "lld-$version" "llvm-$version" |
    sed -n "s/^'[^']*' \([^_ ]*\)_.*/\1/p" | grep -vE "^($host|$scripts)"
}

unpack() {
  mkdir -p "$dir/debs"
  cd "$dir/debs"
  # shellcheck disable=SC2046  # names of packages hold no blanks
  apt-get download -qq $(needed_packages)
  (cd "$packages" && sha256sum --check --quiet SHA256SUMS)
  for package in "$dir"/debs/*.deb "$packages"/{libamdhip64-dev,librocprim-dev,rocm-device-libs}*.deb; do
    dpkg -x "$package" "$root"
  done
  cd "$dir"
  rm -rf "$dir"/{debs,apt} "$root"/usr/share/{doc,man,locale,lintian}
}

# The tools' own loader and libraries, not the system's older ones.
point_at_own_libraries() {
  local libraries=$root/usr/lib/x86_64-linux-gnu tool
  for tool in clang lld llvm-objdump llvm-readobj clang-offload-bundler llvm-offload-binary clang-linker-wrapper; do
    patchelf --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" \
      "$(readlink -f "$llvm/bin/$tool")"
  done
  for tool in "libLLVM.so.$version.1" "libclang-cpp.so.$version.1"; do
    patchelf --force-rpath --set-rpath "$libraries" "$(readlink -f "$libraries/$tool")"
  done
}

use_next_suite
unpack
point_at_own_libraries
cat >"$dir/toolchain.ini" <<END
[constants]
rocm = '$root/usr'
[binaries]
cpp = '$llvm/bin/clang++'
[properties]
hip_args = ['--rocm-path=' + rocm, '--rocm-device-lib-path=$llvm/lib/clang/$version/amdgcn/bitcode']
END
"$llvm/bin/clang++" --version | head -n 1
