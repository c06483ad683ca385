#!/usr/bin/env bash
# Start the job whose files lie beside this one, and keep its exit code.
#
# This file is the same for every job: nothing is written into it, and nothing it reads is run.
# Started again, it reports what the first start did and runs nothing.
set -u

case $0 in
  /*) here=${0%/*}/ ;;
  */*) here=./${0%/*} ;;
  *) here=. ;;
esac
cd -P -- "$here" || exit 74

if [ -e exit.json ]; then
  IFS= read -r line < exit.json
  code=${line##*'"exit_code":'}
  code=${code%%[!0-9]*}
  case $code in '' | ????*) code=74 ;; esac
  printf 'vcat: this job was started before and ended with exit code %s; nothing was run\n' "$code" >&2
  exit "$code"
fi
if [ -e started ]; then
  printf 'vcat: this job was started before and has not ended; nothing was run\n' >&2
  exit 73
fi

python=${VCAT_PYTHON:-}
if [ -z "$python" ]; then
  python=python3
  command -v -- "$python" > /dev/null || python=python
fi

# A signal to the whole group ends the job; this shell outlives it to write down how.
asked=
trap 'asked=129' HUP
trap 'asked=130' INT
trap 'asked=143' TERM
token=$$.$RANDOM.$RANDOM
if [ -n "$asked" ]; then
  code=$asked
elif command -v -- "$python" > /dev/null; then
  # What this shell has to say of a process that was killed is in the record, and in no log.
  {
    "$python" main.py "$token" 2>&3 3>&-
    code=$?
  } 3>&2 2> /dev/null
  # A program that is no Python, or a broken one, has not begun. Who was killed says so itself.
  case $code in 73 | 75 | 78) ;; *)
    if [ "$code" -lt 128 ] && [ -e main.py ] && ! [ -e started ]; then
      printf 'vcat: what the deployment names as Python did not begin the job: %s ended with exit code %s\n' \
        "$python" "$code" > bootstrap.error
    fi
  esac
else
  printf 'vcat: no Python at %s; set VCAT_PYTHON to one\n' "$python" >&2
  code=127
fi

umask 077
# Another start may have been quicker while this one was unpacking: then the job is not ours.
if [ -e started ]; then
  IFS= read -r owner < started
  [ "$owner" = "$token" ] || exit 73
fi
# It is over. Who ends what is left of the job does not end this, and nobody else reads it.
trap '' HUP INT TERM
# Not longer than what main.py has put there in advance, and so on a full disk as well.
printf '{"format":1,"exit_code":%d}\n' "$code" 1<> "exit.json.$token" && mv -f -- "exit.json.$token" exit.json
exit "$code"
