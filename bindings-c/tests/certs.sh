#!/usr/bin/env bash
# Makes a certificate authority, a certificate for localhost, one for a client and a file with a password in a
# folder, for test_security.
set -euo pipefail
cd "$1"
key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2)
openssl req -x509 "${key[@]}" -subj /CN=test-ca -keyout ca-key.pem -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
signed() { # PREFIX NAME EXTENSIONS
    openssl req "${key[@]}" -subj "/CN=$2" -keyout "$1key.pem" -out request.pem
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out "$1cert.pem" \
        -extfile <(printf 'basicConstraints=CA:FALSE\n%b' "$3")
}
signed '' localhost 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth'
signed client- ada 'extendedKeyUsage=clientAuth'
printf secret >password
