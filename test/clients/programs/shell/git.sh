#!/bin/sh
clone() { # step, URL
  rm -rf "$HOME/clone"
  git clone -q "$2" "$HOME/clone"
  code=$?
  [ "$code" = 0 ] && cat "$HOME/clone/proof" && status=200 || status=0
  printf '\n{"step":"%s","status":%s,"error":"exit code %s"}\n' "$1" "$status" "$code"
}

clone call "$GRANTED_URL/repository.git"
# What git says of the refusal is on standard error: "The requested URL returned error: 403".
clone refused "$UNGRANTED_URL/repository.git"

# A fetch that never gets further than its progress.
mkfifo "$HOME/progress"
git clone --progress "$GRANTED_URL/endless.git" "$HOME/endless" 2> "$HOME/progress" &
{
  while IFS= read -r line; do
    echo "$line"
    case $line in remote:*) [ -z "$receiving" ] && receiving=1 && echo '{"step":"receiving"}' ;; esac
  done
} < "$HOME/progress"
wait $!
code=$?
[ "$code" = 0 ] && how=ended || how=cut
printf '{"step":"over","how":"%s","error":"exit code %s"}\n' "$how" "$code"
