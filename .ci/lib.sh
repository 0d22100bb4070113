# Shared by the scripts in this folder; sourced, not run.

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

has() { command -v "$1" >/dev/null 2>&1; }

# Runs a command with the rights to install packages: as root, or through sudo when it asks no password.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif has sudo && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 126
  fi
}

may_install() { has apt-get && as_root true 2>/dev/null; }

# cargo_tool NAME VERSION: builds a cargo subcommand into $TIDEWATCH_TOOLS unless some version is on the PATH already
# and satisfies `accepts_NAME` (if that function exists).
cargo_tool() {
  local name=$1 version=$2 accepts="accepts_${1//-/_}"
  if has "$name" && { ! declare -F "$accepts" >/dev/null || "$accepts"; }; then
    return 0
  fi
  say "building $name $version with cargo into $TIDEWATCH_TOOLS (once, some minutes)"
  local build="$TIDEWATCH_TOOLS/build"
  CARGO_TARGET_DIR="$build" cargo install "$name" --version "$version" --locked --quiet --root "$TIDEWATCH_TOOLS"
  rm -rf "$build"
}
