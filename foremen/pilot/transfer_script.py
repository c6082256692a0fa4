"""Pieces of sh around the pilot for those jobs that need more than the plain launch script: see ``foremen.pilot.launch_script``.

A job that runs in its own folder on a shared file system; inputs that are fetched by URL on the execute node; outputs that
are packed for the way back. What comes back by name or because it is new is not known to Work Queue beforehand, so it goes
into one file, a tar archive that is empty when there is nothing. Nothing is forked but ``curl`` and ``tar``, and those only
when they have something to do.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Sequence
from typing import NamedTuple, Optional

ARCHIVE = "_awq_out.tar"

_OURS = f"_condor_std* | .awq_* | .job.ad | .machine.ad | {ARCHIVE} | awq_job_wrapper.sh"

_ENTER = r"""awq_iwd=$AWQ_IWD
unset AWQ_IWD
if ! [ -d "$awq_iwd" ] || ! [ -x "$awq_iwd" ]; then printf 'awq=1\nhost=%s\nfolder=none\n' "$awq_host"; exit 0; fi
export _CONDOR_JOB_IWD="$awq_iwd"
"""
_FETCH = r"""awq_f=
if ! printf '%s' "$AWQ_URLS" | PATH=${PATH:-/usr/bin}:/usr/bin:/bin \
  curl --fail --fail-early --silent --show-error --location --retry 2 -K - 2> .awq_fetch; then
  read -r awq_f < .awq_fetch
  printf 'awq=1\nhost=%s\nfetch=%s\n' "$awq_host" "${awq_f:-failed}"
  exit 0
fi
unset AWQ_URLS
"""
# Names cannot have a slash, so a slash keeps them apart. Changed is what is younger than the job's ad, which is written when
# all inputs are there; clocks of file systems tick every few milliseconds: the pilot starts in the tick after it.
_BEGIN = r"""awq_old=/
for awq_f in * .[!.]* ..?*; do awq_old=$awq_old$awq_f/; done
awq_n=0
while true > .awq_tick && ! [ .awq_tick -nt .job.ad ] && [ "$awq_n" -lt 2000 ]; do awq_n=$((awq_n + 1)); done
"""
_NEW = r"""set --
for awq_f in * .[!.]* ..?*; do
  if ! [ -f "$awq_f" ]; then continue; fi
  case $awq_f in OURS) continue ;; esac
  case $awq_old in */"$awq_f"/*) if ! [ "$awq_f" -nt .job.ad ]; then continue; fi ;; esac
  set -- "$@" "./$awq_f"
done
"""
_NAMED = r"""set --
awq_n=0
for awq_f in NAMES; do
  if ! [ -e "$awq_f" ]; then printf 'missing=%s\n' "$awq_n"
  elif [ -d "$awq_f" ] && [ -n "$(PATH=${PATH:-/usr/bin}:/usr/bin:/bin find "$awq_f" -type l -exec test -d {} \; -print)" ]; then
    printf 'linked=%s\n' "$awq_n"
  else set -- "$@" "$awq_f"
  fi
  awq_n=$((awq_n + 1))
done
"""
# The job's environment is here: it must not lead tar astray. Of GNU's tar, 1 says that a file changed while it was read.
_PACK = r"""if [ "$#" -gt 0 ]; then
  PATH=${PATH:-/usr/bin}:/usr/bin:/bin TAR_OPTIONS= tar -chf ARCHIVE "$@" 2> .awq_pack
  if [ $? -gt 1 ]; then awq_f=; read -r awq_f < .awq_pack; printf 'unpacked=%s\n' "${awq_f:-tar failed}"; fi
fi
"""


class Extras(NamedTuple):
    """What a job needs beside the plain launch script.

    ``in_place``: it runs in its own folder; ``itself``: the executable to start there rather than its copy, if it is there.
    ``fetches``: ``AWQ_URLS`` has work for curl. ``outputs`` None: nothing comes back but its streams, (): what is new or
    changed; ``success``: the exit status without which nothing does.
    """

    in_place: bool = False
    itself: str = ""
    fetches: bool = False
    outputs: Optional[Sequence[str]] = None
    success: Optional[int] = None


PLAIN = Extras()


def before(extras: Extras, executable: str) -> str:
    """What is done before the pilot starts."""
    text = _ENTER if extras.in_place else ""
    if extras.in_place and extras.itself:
        copy = f'"$_CONDOR_SCRATCH_DIR"/{shlex.quote(executable)}'
        itself = shlex.quote(extras.itself)
        text += f"awq_program={itself}\nif ! [ -x {itself} ]; then awq_program={copy}; fi\n"
    if extras.fetches:
        text += _FETCH
    if extras.outputs is not None and not extras.outputs:
        text += _BEGIN
    return text


def _found_at(name: str) -> str:
    """Where a wanted output is: in its shortest form, so that a link with a slash behind it is seen as a link."""
    short = posixpath.normpath(name)
    return short if short.startswith("/") else f"./{short}"


def after(extras: Extras, executable: str) -> str:
    """What is done when the pilot has ended and the report is written."""
    if extras.outputs is None:
        return ""
    if extras.outputs:
        names = " ".join([shlex.quote(_found_at(name)) for name in extras.outputs])
        text = _NAMED.replace("NAMES", names)
    else:
        text = _NEW.replace("OURS", f"{_OURS} | {shlex.quote(executable)}")
    text = (text + _PACK).replace("ARCHIVE", ARCHIVE)
    if extras.success is not None:
        text = f'if [ "$awq_rc" -eq {extras.success} ]; then\n{text}fi\n'
    return f"true > {ARCHIVE}\n{text}"
