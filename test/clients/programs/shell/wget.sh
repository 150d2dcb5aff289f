#!/bin/sh
# wget is built with GnuTLS here, which looks at no variable: the CA goes into its own settings.
echo "ca_certificate = $SSL_CERT_FILE" > "$HOME/.wgetrc"

get() { # step, URL
  wget --tries=1 -nv -S --content-on-error -O "$HOME/body" "$2" 2> "$HOME/head"
  code=$?
  cat "$HOME/head" "$HOME/body"
  status=$(sed -n 's/^ *HTTP\/[0-9.]* \([0-9]*\).*/\1/p' "$HOME/head" | tail -n 1)
  refusal=$(sed -n 's/^ *x-leasehold-error: *\([a-z_]*\).*/\1/p' "$HOME/head")
  printf '\n{"step":"%s","status":%s,"code":"%s","error":"exit code %s"}\n' "$1" "${status:-0}" "$refusal" "$code"
}

get call "$GRANTED_URL/v1/thing"
get refused "$UNGRANTED_URL/v1/thing"

mkfifo "$HOME/pieces"
wget --tries=1 -q -O - "$GRANTED_URL/stream" > "$HOME/pieces" &
{
  IFS= read -r _ && echo '{"step":"receiving"}'
  cat > /dev/null
} < "$HOME/pieces"
wait $!
code=$?
[ "$code" = 0 ] && how=ended || how=cut
printf '{"step":"over","how":"%s","error":"exit code %s"}\n' "$how" "$code"
