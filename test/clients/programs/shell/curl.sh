#!/bin/sh
# $1 is the version of HTTP that curl is to speak, such as --http1.1.
get() { # step, URL
  status=$(curl "$version" -sS -D "$HOME/head" -o "$HOME/body" -w '%{http_code}' "$2")
  code=$?
  [ "$status" = 000 ] && status=0 # No answer: the tunnel was refused.
  cat "$HOME/head" "$HOME/body"
  refusal=$(sed -n 's/^x-leasehold-error: *\([a-z_]*\).*/\1/p' "$HOME/head")
  printf '\n{"step":"%s","status":%s,"code":"%s","error":"exit code %s"}\n' "$1" "$status" "$refusal" "$code"
}

version=$1
get call "$GRANTED_URL/v1/thing"
get refused "$UNGRANTED_URL/v1/thing"

mkfifo "$HOME/pieces"
curl "$version" -sS -N "$GRANTED_URL/stream" > "$HOME/pieces" &
{
  IFS= read -r _ && echo '{"step":"receiving"}'
  cat > /dev/null
} < "$HOME/pieces"
wait $!
code=$?
[ "$code" = 0 ] && how=ended || how=cut
printf '{"step":"over","how":"%s","error":"exit code %s"}\n' "$how" "$code"
