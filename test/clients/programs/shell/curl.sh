#!/bin/sh
# $1 is the version of HTTP that curl is to speak, 1.1 or 2; another than that is a failure.
get() { # step, URL
  written=$(curl "--http$version" -sS -D "$HOME/head" -o "$HOME/body" -w '%{http_code} %{http_version}' "$2")
  code=$?
  status=${written% *}
  # No answer, as when a tunnel is refused, or one of another version.
  [ "${written#* }" = "$version" ] || status=0
  cat "$HOME/head" "$HOME/body"
  refusal=$(sed -n 's/^x-leasehold-error: *\([a-z_]*\).*/\1/p' "$HOME/head")
  printf '\n{"step":"%s","status":%s,"code":"%s","error":"exit code %s"}\n' "$1" "$status" "$refusal" "$code"
}

version=$1
get call "$GRANTED_URL/v1/thing"
get refused "$UNGRANTED_URL/v1/thing"

mkfifo "$HOME/pieces"
curl "--http$version" -sS -N "$GRANTED_URL/stream" > "$HOME/pieces" &
{
  IFS= read -r _ && echo '{"step":"receiving"}'
  cat > /dev/null
} < "$HOME/pieces"
wait $!
code=$?
[ "$code" = 0 ] && how=ended || how=cut
printf '{"step":"over","how":"%s","error":"exit code %s"}\n' "$how" "$code"
