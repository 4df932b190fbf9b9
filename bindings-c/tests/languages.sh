# The examples and the languages that link the library; part of run.sh.

example() { # NAME
    gcc -std=c11 -D_GNU_SOURCE -g "${strict[@]}" -fsanitize=address,undefined "$root/examples/c/$1.c" \
        -o "$out/example-$1" "${flags[@]}" -lpthread && limited "$out/example-$1"
}
for source in "$root"/examples/c/*.c; do
    name=$(basename "$source" .c)
    check "examples/c/$name" example "$name"
done

# The one that the README shows.
readme() {
    sed -n '/^```c$/,/^```$/{/^```/d;p}' "$root/README.md" >"$out/readme.c" &&
        gcc -std=c11 "${strict[@]}" "$out/readme.c" -o "$out/readme" $(pkg-config --cflags --libs flymq) &&
        limited "$out/readme" | grep -F 'hello, world'
}
check "the C example of README.md" readme

cpp() {
    g++ -std=c++17 -g "${strict[@]}" -fsanitize=address,undefined "$root/examples/cpp/quickstart.cpp" \
        -o "$out/example-cpp" "${flags[@]}" -lpthread && limited "$out/example-cpp" | tee /dev/stderr | grep -A 1 -F 'stored 100, read 100' | grep -F 'engine embedded, 1 broker'
}
hpp() {
    g++ -std=c++17 -g "${strict[@]}" -fsanitize=address,undefined "$here/test_hpp.cpp" -o "$out/hpp" \
        "${flags[@]}" -lpthread && limited "$out/hpp"
}
if has g++; then
    check "examples/cpp" cpp
    check "flymq.hpp" hpp
fi

# Go keeps what it has built without regard to what pkg-config says, but not to these flags.
go_test() {
    cd "$root/examples/go" && export CGO_LDFLAGS="-O2 -g -L$stage/lib" && test -z "$(gofmt -l .)" && go vet ./... &&
        limited go test -count=1 -race ./...
}
if has go && has pkg-config; then
    check "examples/go" in_a_shell go_test
else
    skip "examples/go" "it needs go and pkg-config"
fi

node_test() {
    cd "$root/examples/node" && { [ -d node_modules/koffi ] || npm install --no-audit --no-fund --no-package-lock; } &&
        FLYMQ_LIBRARY=$stage/lib/libflymq.so.0 limited node --test
}
if has node && has npm; then
    check "examples/node" in_a_shell node_test
else
    skip "examples/node" "it needs node and npm"
fi
